/// A choice of blocks by role, layer or name pattern. It is resolved against a layout once, and selecting nothing is
/// an error: a selection that misses silently has cost others whole studies.
public struct BlockSelection: Sendable, Hashable, CustomStringConvertible {
  private enum Kind: Hashable {
    case all, matrices, vectors
    case roles(Set<BlockRole>)
    case layers(ClosedRange<Int>)
    case name(String)
  }
  private struct Term: Hashable {
    var kind: Kind
    var isInverted = false
  }
  /// All of them hold for a selected block.
  private let terms: [Term]

  /// Every block.
  public static let all = BlockSelection(.all)
  /// Every block with more than one row and column.
  public static let matrices = BlockSelection(.matrices)
  /// Every block that is a vector.
  public static let vectors = BlockSelection(.vectors)
  /// The blocks of these roles.
  public static func roles(_ roles: BlockRole...) -> BlockSelection { BlockSelection(.roles(Set(roles))) }
  /// The blocks of other roles than these.
  public static func excluding(_ roles: BlockRole...) -> BlockSelection {
    BlockSelection(terms: [Term(kind: .roles(Set(roles)), isInverted: true)])
  }
  /// The blocks of these layers, counted from 0.
  public static func layers(_ layers: ClosedRange<Int>) -> BlockSelection { BlockSelection(.layers(layers)) }
  /// The blocks whose name matches `pattern`, where `*` stands for any characters.
  public static func named(_ pattern: String) -> BlockSelection { BlockSelection(.name(pattern)) }
  /// The blocks in both selections.
  public func and(_ other: BlockSelection) -> BlockSelection { BlockSelection(terms: terms + other.terms) }

  private init(_ kind: Kind) { terms = [Term(kind: kind)] }
  private init(terms: [Term]) { self.terms = terms }

  /// Reads what `description` prints: terms joined by ` and `, each a list of roles (`query,value`), `all`,
  /// `matrices`, `vectors`, `layers:0-3` or `name:*.q_proj.*`; `not ` in front inverts a term.
  public init(parsing text: String) throws(InputError) {
    var terms: [Term] = []
    for part in text.split(separator: " and ", omittingEmptySubsequences: false) {
      let isInverted = part.hasPrefix("not ")
      guard let kind = Self.kind(String(isInverted ? part.dropFirst(4) : part)) else {
        throw InputError(
          "block selection '\(text)'", found: "'\(part)'",
          expected: "roles (\(BlockRole.allCases.map(\.rawValue).joined(separator: ","))), all, matrices, vectors, "
            + "layers:A-B or name:PATTERN, joined by ' and ', each inverted by 'not '")
      }
      terms.append(Term(kind: kind, isInverted: isInverted))
    }
    self.terms = terms
  }

  private static func kind(_ text: String) -> Kind? {
    switch text {
    case "all": return .all
    case "matrices": return .matrices
    case "vectors": return .vectors
    default: break
    }
    if text.hasPrefix("name:"), text.count > 5 { return .name(String(text.dropFirst(5))) }
    if text.hasPrefix("layers:") {
      let ends = text.dropFirst(7).split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard let low = ends.first ?? nil, let high = ends.last ?? nil, ends.count <= 2, low <= high else { return nil }
      return .layers(low...high)
    }
    let names = text.split(separator: ",", omittingEmptySubsequences: false)
    let roles = names.compactMap { BlockRole(rawValue: String($0)) }
    return roles.count == names.count && !roles.isEmpty ? .roles(Set(roles)) : nil
  }

  /// Whether `block` is selected.
  public func contains(_ block: ParameterBlock) -> Bool {
    terms.allSatisfy { Self.matches($0.kind, block) != $0.isInverted }
  }

  /// The selected blocks of `layout`, in its order. Throws `InputError` when there are none.
  public func resolve(in layout: ParameterLayout) throws(InputError) -> [ParameterBlock] {
    let found = layout.blocks.filter(contains)
    guard !found.isEmpty else {
      let roles = Set(layout.blocks.map(\.role.rawValue)).sorted().joined(separator: ", ")
      throw InputError(
        "block selection '\(self)'", found: "no such block among \(layout.blocks.count)",
        expected: "at least one (roles here: \(roles))")
    }
    return found
  }

  private static func matches(_ kind: Kind, _ block: ParameterBlock) -> Bool {
    switch kind {
    case .all: true
    case .matrices: block.isMatrix
    case .vectors: !block.isMatrix
    case .roles(let roles): roles.contains(block.role)
    case .layers(let layers): block.layer.map(layers.contains) ?? false
    case .name(let pattern): glob(Array(pattern.utf8)[...], Array(block.name.utf8)[...])
    }
  }

  /// Greedy matching with one place to return to: linear in practice, and never exponential.
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

  /// The selection in the words that `init(parsing:)` reads.
  public var description: String {
    terms.map { ($0.isInverted ? "not " : "") + Self.describe($0.kind) }.joined(separator: " and ")
  }

  private static func describe(_ kind: Kind) -> String {
    switch kind {
    case .all: "all"
    case .matrices: "matrices"
    case .vectors: "vectors"
    case .roles(let roles): BlockRole.allCases.filter(roles.contains).map(\.rawValue).joined(separator: ",")
    case .layers(let layers): "layers:\(layers.lowerBound)-\(layers.upperBound)"
    case .name(let pattern): "name:\(pattern)"
    }
  }
}

/// Throws `InputError` unless `selection` has a trainable block in `layout`.
func requireTrainable(_ selection: BlockSelection, in layout: ParameterLayout) throws(InputError) {
  guard try selection.resolve(in: layout).contains(where: \.isTrainable) else {
    throw InputError(
      "adapter.blocks '\(selection)'", found: "only frozen blocks", expected: "at least one that is trained")
  }
}
