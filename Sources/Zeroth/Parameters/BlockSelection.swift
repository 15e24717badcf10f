import ZerothSupport

/// A choice of blocks by role, layer or name pattern. It is resolved against a layout once. A selection that selects no
/// block is an error: without this check a misspelt name would silently change what an experiment measures.
public struct BlockSelection: Sendable, Hashable, CustomStringConvertible {
  private enum Kind: Hashable {
    case all, matrices, vectors, oneColumn
    case roles(Set<BlockRole>)
    case layers(ClosedRange<Int>)
    case name(String)
  }
  private struct Term: Hashable {
    var kind: Kind
    var isInverted = false
  }
  /// A block is selected when all terms hold for it.
  private let terms: [Term]

  /// Every block.
  public static let all = BlockSelection(.all)
  /// Every block with more than one row and column.
  public static let matrices = BlockSelection(.matrices)
  /// Every block that is not a matrix because it has one row or one column.
  public static let vectors = BlockSelection(.vectors)
  /// Every block of one column, such as biases and gains. A table of one row is a vector too, but it is not in this
  /// selection.
  public static let oneColumn = BlockSelection(.oneColumn)
  /// The blocks of these roles, such as `.roles("query", "value")`.
  public static func roles(_ roles: BlockRole...) -> BlockSelection { BlockSelection(.roles(Set(roles))) }
  /// The blocks whose role is none of these.
  public static func excluding(_ roles: BlockRole...) -> BlockSelection {
    BlockSelection(terms: [Term(kind: .roles(Set(roles)), isInverted: true)])
  }
  /// The blocks of these layers, counted from 0.
  public static func layers(_ layers: ClosedRange<Int>) -> BlockSelection { BlockSelection(.layers(layers)) }
  /// The blocks whose name matches `pattern`, where `*` stands for any characters.
  public static func named(_ pattern: String) -> BlockSelection { BlockSelection(.name(pattern)) }
  /// The blocks that are in both selections.
  public func and(_ other: BlockSelection) -> BlockSelection { BlockSelection(terms: terms + other.terms) }

  private init(_ kind: Kind) { terms = [Term(kind: kind)] }
  private init(terms: [Term]) { self.terms = terms }

  /// Reads the text that `description` prints: terms joined by ` and `. A term is a list of roles (`query,value`),
  /// `all`, `matrices`, `vectors`, `one-column`, `layers:0-3` or `name:*.q_proj.*`. `not ` in front of a term inverts
  /// it. Any role in kebab-case can be read; whether the role exists is checked when the selection is resolved in a
  /// layout.
  ///
  /// Throws `InputError` for text that is not of this form.
  public init(parsing text: String) throws(InputError) {
    var terms: [Term] = []
    for part in text.split(separator: " and ", omittingEmptySubsequences: false) {
      let isInverted = part.hasPrefix("not ")
      guard let kind = Self.kind(String(isInverted ? part.dropFirst(4) : part)) else {
        throw InputError(
          "block selection '\(text)'", found: "'\(part)'",
          expected: "roles in kebab-case with ',' between them, all, matrices, vectors, one-column, layers:A-B or "
            + "name:PATTERN, joined by ' and ', each inverted by 'not '")
      }
      terms.append(Term(kind: kind, isInverted: isInverted))
    }
    self.terms = terms
  }

  /// The terms that are a single word. These words are reserved: a list of roles cannot contain them.
  private static let words: [String: Kind] = [
    "all": .all, "matrices": .matrices, "vectors": .vectors, "one-column": .oneColumn,
  ]

  private static func kind(_ text: String) -> Kind? {
    if let kind = words[text] { return kind }
    if text.hasPrefix("name:"), text.count > 5 { return .name(String(text.dropFirst(5))) }
    if text.hasPrefix("layers:") {
      let ends = text.dropFirst(7).split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard let low = ends.first ?? nil, let high = ends.last ?? nil, ends.count <= 2, low <= high else { return nil }
      return .layers(low...high)
    }
    let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard names.allSatisfy({ words[$0] == nil && isKebabCase($0) }) else { return nil }
    return .roles(Set(names.map { BlockRole(rawValue: $0) }))
  }

  /// Whether `block` is selected.
  public func contains(_ block: ParameterBlock) -> Bool {
    terms.allSatisfy { Self.matches($0.kind, block) != $0.isInverted }
  }

  /// Whether `text` is words of lower-case letters and digits, joined by single '-'.
  private static func isKebabCase(_ text: String) -> Bool {
    text.split(separator: "-", omittingEmptySubsequences: false).allSatisfy { word in
      !word.isEmpty
        && word.utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (48...57).contains($0) }
    }
  }

  /// The selected blocks of `layout`, in its order.
  ///
  /// Throws an `InputError` that names `option` in two cases: when no block is selected, and when a role of the
  /// selection is in no block but its spelling is close to a role that some block has.
  public func resolve(in layout: ParameterLayout, for option: String = "block selection") throws(InputError)
    -> [ParameterBlock]
  {
    let found = layout.blocks.filter(contains)
    let there = Set(layout.blocks.map(\.role.rawValue)).sorted()
    for role in roles.sorted() where !there.contains(role) {
      guard let near = Suggestion.nearest(to: role, among: there) else { continue }
      throw InputError(
        "\(option) '\(self)'", found: "no block of the role '\(role)'",
        expected: "perhaps '\(near)' (roles here: \(there.joined(separator: ", ")))")
    }
    guard !found.isEmpty else {
      throw InputError(
        "\(option) '\(self)'", found: "no such block among \(layout.blocks.count)",
        expected: "at least one (roles here: \(there.joined(separator: ", ")))")
    }
    return found
  }

  /// The roles that the terms name.
  private var roles: Set<String> {
    terms.reduce(into: []) { all, term in
      if case .roles(let roles) = term.kind { all.formUnion(roles.map(\.rawValue)) }
    }
  }

  private static func matches(_ kind: Kind, _ block: ParameterBlock) -> Bool {
    switch kind {
    case .all: true
    case .matrices: block.isMatrix
    case .vectors: !block.isMatrix
    case .oneColumn: block.columns == 1
    case .roles(let roles): roles.contains(block.role)
    case .layers(let layers): block.layer.map(layers.contains) ?? false
    case .name(let pattern): glob(Array(pattern.utf8)[...], Array(block.name.utf8)[...])
    }
  }

  /// Matches `*` greedily and remembers only the last `*` to return to. So the time is linear in practice, and never
  /// exponential.
  private static func glob(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
    var p = pattern.startIndex
    var t = text.startIndex
    var star: (p: Int, t: Int)?
    while t < text.endIndex {
      if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
        star = (p, t)
        p += 1
      } else if p < pattern.endIndex, pattern[p] == text[t] {
        p += 1
        t += 1
      } else if let back = star {
        star = (back.p, back.t + 1)
        p = back.p + 1
        t = back.t + 1
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }

  /// The selection as text that `init(parsing:)` reads.
  public var description: String {
    terms.map { ($0.isInverted ? "not " : "") + Self.describe($0.kind) }.joined(separator: " and ")
  }

  private static func describe(_ kind: Kind) -> String {
    switch kind {
    case .all: "all"
    case .matrices: "matrices"
    case .vectors: "vectors"
    case .oneColumn: "one-column"
    case .roles(let roles): roles.map(\.rawValue).sorted().joined(separator: ",")
    case .layers(let layers): "layers:\(layers.lowerBound)-\(layers.upperBound)"
    case .name(let pattern): "name:\(pattern)"
    }
  }
}

/// Throws `InputError` unless `selection` has a trainable block in `layout`.
func requireTrainable(_ selection: BlockSelection, in layout: ParameterLayout) throws(InputError) {
  guard try selection.resolve(in: layout, for: "blocks").contains(where: \.isTrainable) else {
    throw InputError(
      "blocks '\(selection)'", found: "only frozen blocks", expected: "at least one that is trained")
  }
}
