import ZerothSupport

/// Parses a regular expression in the dialect of the reference library, which is Oniguruma's: `^` and `$` refer to
/// lines, sets may contain sets and `&&`, and `\s`, `\d`, `\w` and `\p` are those of Unicode 16.
///
/// Some constructs cannot be matched in linear time: references to what was matched, looking further than one scalar
/// ahead or back, and atomic groups. These are refused with an error that names them, and so are the parts of the
/// dialect that no tokenizer uses.
struct PatternParser {
  /// The limit for nested groups. No real pattern reaches it, and a malicious one cannot exhaust the stack.
  private static let maximumDepth = 32
  private static let maximumStacked = 8
  private static let maximumRepeats = 1000

  private let pattern: String
  private let subject: String
  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var ignoresCase = false
  private var depth = 0

  /// - Parameter subject: the file and field that hold `pattern`, for the errors.
  static func parse(_ pattern: String, subject: String) throws(InputError) -> PatternNode {
    var parser = PatternParser(pattern, subject)
    let node = try parser.alternatives()
    guard parser.next == nil else { throw parser.refused("')' without '('") }
    return node
  }

  private init(_ pattern: String, _ subject: String) {
    self.pattern = pattern
    self.subject = subject
    scalars = Array(pattern.unicodeScalars)
  }

  private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  func refused(_ construct: String) -> InputError {
    InputError(
      subject, found: "\(construct) at character \(position) of the pattern '\(pattern.excerpt)'",
      expected: "literals, sets, groups, alternatives, repetitions, and one scalar ahead or back")
  }

  private mutating func accept(_ text: String) -> Bool {
    let wanted = Array(text.unicodeScalars)
    guard scalars[position...].starts(with: wanted) else { return false }
    position += wanted.count
    return true
  }

  // MARK: Structure

  private mutating func alternatives() throws(InputError) -> PatternNode {
    depth += 1
    guard depth <= Self.maximumDepth else { throw refused("more than \(Self.maximumDepth) nested groups") }
    let outerCase = ignoresCase
    var branches = [try sequence()]
    while accept("|") { branches.append(try sequence()) }
    ignoresCase = outerCase
    depth -= 1
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence() throws(InputError) -> PatternNode {
    var parts: [PatternNode] = []
    while let scalar = next, scalar != "|", scalar != ")" { parts.append(try repeated(try item())) }
    return parts.count == 1 ? parts[0] : .sequence(parts)
  }

  private mutating func repeated(_ node: PatternNode) throws(InputError) -> PatternNode {
    var node = node
    for depth in 0... {
      guard depth <= Self.maximumStacked || next.map({ !"*+?{".unicodeScalars.contains($0) }) ?? true else {
        throw refused("more than \(Self.maximumStacked) repetitions of each other")
      }
      let isInterval = next == "{"
      let bounds: (minimum: Int, maximum: Int?)
      if accept("*") {
        bounds = (0, nil)
      } else if accept("+") {
        bounds = (1, nil)
      } else if accept("?") {
        bounds = (0, 1)
      } else if isInterval, let interval = try interval() {
        bounds = interval
      } else {
        return node
      }
      if case .context = node { throw refused("a repeated condition") }
      // In this dialect a plus behind an interval is a further repetition.
      let eagerness: PatternNode.Eagerness = accept("?") ? .lazy : !isInterval && accept("+") ? .possessive : .greedy
      node = .repeated(node, minimum: bounds.minimum, maximum: bounds.maximum, eagerness)
    }
    return node
  }

  /// Reads `{2}`, `{2,}`, `{,3}` or `{2,3}`; nil for a brace that stands for itself.
  private mutating func interval() throws(InputError) -> (minimum: Int, maximum: Int?)? {
    let start = position
    position += 1
    let minimum = number()
    let hasComma = accept(",")
    let maximum = hasComma ? number() : minimum
    guard accept("}"), minimum != nil || maximum != nil else {
      position = start
      return nil
    }
    let bounds = (minimum: minimum ?? 0, maximum: maximum)
    guard bounds.minimum <= bounds.maximum ?? .max, max(bounds.minimum, bounds.maximum ?? 0) <= Self.maximumRepeats
    else { throw refused("a repetition of more than \(Self.maximumRepeats), or of fewer than its minimum,") }
    return bounds
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let digit = next.flatMap({ $0.isASCII ? Character($0).wholeNumberValue : nil }) {
      value = min((value ?? 0) * 10 + digit, Self.maximumRepeats + 1)
      position += 1
    }
    return value
  }

  // MARK: Items

  private mutating func item() throws(InputError) -> PatternNode {
    guard let scalar = next else { return .empty }
    switch scalar {
    case "(": return try group()
    case "[": return .scalar(try set())
    case ".":
      position += 1
      return .scalar(ScalarSet(["\n"]).inverted)
    case "^":
      position += 1
      return .context(.init(isAhead: false, set: ScalarSet(["\n"]), holdsAtEdge: true))
    case "$":
      position += 1
      return .context(.init(isAhead: true, set: ScalarSet(["\n"]), holdsAtEdge: true))
    case "*", "+", "?": throw refused("a repetition of nothing")
    case "\\": return try escape()
    default:
      if ignoresCase, PatternSets.hasLongFold(scalar) {
        throw refused("'\(scalar)', which is several letters in another case,")
      }
      position += 1
      return .scalar(folded(ScalarSet([scalar])))
    }
  }

  private mutating func group() throws(InputError) -> PatternNode {
    let start = position
    position += 1
    let node: PatternNode
    if accept("?:") {
      node = try alternatives()
    } else if accept("?=") {
      node = try context(isAhead: true, isNegated: false)
    } else if accept("?!") {
      node = try context(isAhead: true, isNegated: true)
    } else if accept("?<=") {
      node = try context(isAhead: false, isNegated: false)
    } else if accept("?<!") {
      node = try context(isAhead: false, isNegated: true)
    } else if let ignores = accept("?i") ? true : accept("?-i") ? false : nil {
      let outer = ignoresCase
      ignoresCase = ignores
      if accept(")") {
        // The option holds until the end of the group that contains it.
        node = try alternatives()
        ignoresCase = outer
        return node
      }
      guard accept(":") else { throw refused("an option beside i") }
      node = try alternatives()
      ignoresCase = outer
    } else if next == "?" {
      position = start
      throw refused("the group '\(String(String.UnicodeScalarView(scalars[start...].prefix(4))))...'")
    } else {
      node = try alternatives()
    }
    guard accept(")") else { throw refused("the end of a group that is not closed") }
    return node
  }

  /// A condition on one scalar, written in brackets.
  private mutating func context(isAhead: Bool, isNegated: Bool) throws(InputError) -> PatternNode {
    guard let set = Self.singleScalar(try alternatives()) else {
      throw refused("a condition on more than one scalar")
    }
    return .context(.init(isAhead: isAhead, set: isNegated ? set.inverted : set, holdsAtEdge: isNegated))
  }

  private static func singleScalar(_ node: PatternNode) -> ScalarSet? {
    switch node {
    case .scalar(let set): return set
    case .alternatives(let branches):
      let sets = branches.map(singleScalar)
      return sets.contains(nil) ? nil : sets.reduce(ScalarSet([])) { $0.union($1 ?? $0) }
    default: return nil
    }
  }

  private mutating func escape() throws(InputError) -> PatternNode {
    guard position + 1 < scalars.count else { throw refused("a backslash with nothing behind it") }
    let word = PatternSets.bareWord
    switch scalars[position + 1] {
    case "w", "W":
      position += 2
      return .scalar(scalars[position - 1] == "w" ? word : word.inverted)
    case "A":
      position += 2
      return .context(.init(isAhead: false, set: ScalarSet([]), holdsAtEdge: true))
    case "z":
      position += 2
      return .context(.init(isAhead: true, set: ScalarSet([]), holdsAtEdge: true))
    case "b":
      position += 2
      return .alternatives([
        .sequence([Self.before(word, edge: false), Self.after(word.inverted, edge: true)]),
        .sequence([Self.before(word.inverted, edge: true), Self.after(word, edge: false)]),
      ])
    case "B":
      position += 2
      return .alternatives([
        .sequence([Self.before(word, edge: false), Self.after(word, edge: false)]),
        .sequence([Self.before(word.inverted, edge: true), Self.after(word.inverted, edge: true)]),
      ])
    default: return .scalar(folded(try escapedSet()))
    }
  }

  private static func before(_ set: ScalarSet, edge: Bool) -> PatternNode {
    .context(.init(isAhead: false, set: set, holdsAtEdge: edge))
  }

  private static func after(_ set: ScalarSet, edge: Bool) -> PatternNode {
    .context(.init(isAhead: true, set: set, holdsAtEdge: edge))
  }

  private func folded(_ set: ScalarSet) -> ScalarSet { ignoresCase ? PatternSets.caseFolded(set) : set }

  // MARK: Sets

  /// A set in square brackets: scalars, ranges, classes and further sets. `&&` forms the intersection.
  private mutating func set() throws(InputError) -> ScalarSet {
    depth += 1
    guard depth <= Self.maximumDepth else { throw refused("more than \(Self.maximumDepth) nested sets") }
    position += 1
    let isNegated = accept("^")
    var whole: ScalarSet?
    var ranges: [Range<UInt32>] = []
    var isFirst = true
    while !(next == "]" && !isFirst) {
      isFirst = false
      guard let scalar = next else { throw refused("the end of a set that is not closed") }
      if accept("&&") {
        let part = ScalarSet(ranges)
        whole = whole.map { $0.intersection(part) } ?? part
        ranges = []
      } else if accept("[:") {
        ranges += try posixClass().ranges
      } else if scalar == "[" {
        ranges += try set().ranges
      } else {
        ranges += try setItem(scalar)
      }
    }
    position += 1
    depth -= 1
    let last = ScalarSet(ranges)
    let set = folded(whole.map { $0.intersection(last) } ?? last)
    return isNegated ? set.inverted : set
  }

  /// A scalar, a range of them or a class.
  private mutating func setItem(_ scalar: Unicode.Scalar) throws(InputError) -> [Range<UInt32>] {
    let set = try setElement(scalar)
    guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]", set.count == 1,
      set[0].count == 1
    else { return set }
    position += 1
    guard let upper = next, upper != "[" else { throw refused("a range without its end") }
    let end = try setElement(upper)
    guard end.count == 1, end[0].count == 1, set[0].lowerBound <= end[0].lowerBound else {
      throw refused("a range that is empty or of classes")
    }
    return [set[0].lowerBound..<end[0].upperBound]
  }

  private mutating func setElement(_ scalar: Unicode.Scalar) throws(InputError) -> [Range<UInt32>] {
    guard scalar == "\\" else {
      position += 1
      return [scalar.value..<scalar.value + 1]
    }
    guard position + 1 < scalars.count else { throw refused("a backslash with nothing behind it") }
    if scalars[position + 1] == "b" {
      position += 2
      return [0x08..<0x09]
    }
    return try escapedSet().ranges
  }

  private mutating func posixClass() throws(InputError) -> ScalarSet {
    let isNegated = accept("^")
    var name = ""
    while let scalar = next, scalar.properties.isAlphabetic {
      name.unicodeScalars.append(scalar)
      position += 1
    }
    guard let set = PatternSets.posix(name), accept(":]") else { throw refused("the class [:\(name):]") }
    return isNegated ? set.inverted : set
  }

  /// The set for which a backslash and the following characters stand.
  private mutating func escapedSet() throws(InputError) -> ScalarSet {
    let scalar = scalars[position + 1]
    if let set = PatternSets.escaped(scalar) {
      position += 2
      return set
    }
    switch scalar {
    case "p", "P": return try property(isNegated: scalar == "P")
    case "x", "u":
      position += 2
      let value: UInt32?
      if scalar == "x", accept("{") {
        value = hexadecimal(8)
        guard accept("}") else { throw refused("a number that is not closed") }
      } else {
        value = hexadecimal(scalar == "x" ? 2 : 4)
      }
      guard let value, let literal = Unicode.Scalar(value) else { throw refused("no scalar behind \\\(scalar)") }
      return ScalarSet([literal])
    default:
      // A letter or digit here would be a construct that is not supported.
      guard scalar.isASCII, !scalar.properties.isAlphabetic, !("0"..."9").contains(scalar) else {
        throw refused("'\\\(scalar)'")
      }
      position += 2
      return ScalarSet([scalar])
    }
  }

  private mutating func hexadecimal(_ most: Int) -> UInt32? {
    var value: UInt32?
    for _ in 0..<most {
      guard let digit = next.flatMap({ $0.isASCII ? Character($0).hexDigitValue : nil }) else { break }
      value = (value ?? 0) << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  private mutating func property(isNegated: Bool) throws(InputError) -> ScalarSet {
    let start = position
    position += 2
    guard accept("{") else { throw refused("a property without a name") }
    var isNegated = isNegated
    if accept("^") { isNegated.toggle() }
    var name = ""
    while let scalar = next, scalar != "}" {
      name.unicodeScalars.append(scalar)
      position += 1
    }
    guard accept("}"), let set = PatternSets.property(name) else {
      position = start
      throw refused("the property '\(name.excerpt)'")
    }
    return isNegated ? set.inverted : set
  }
}
