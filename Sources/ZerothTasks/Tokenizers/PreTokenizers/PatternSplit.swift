import ZerothSupport

/// Cuts a text at a pattern.
struct PatternSplit: PreTokenizer {
  private let pattern: TextPattern
  private let behavior: SplitBehavior
  private let isInverted: Bool

  init(_ pattern: TextPattern, _ behavior: SplitBehavior, isInverted: Bool = false) {
    self.pattern = pattern
    self.behavior = behavior
    self.isInverted = isInverted
  }

  /// The part `Split` of a file.
  init(_ part: JSONPart) throws(InputError) {
    guard let behavior = try Self.behavior(part) else { throw part.missing("behavior", "a behaviour") }
    self.init(try part.pattern("pattern"), behavior, isInverted: try part.bool("invert") ?? false)
  }

  /// The field `behavior`; nil where there is none. Some programs write it in lower case with underscores.
  static func behavior(_ part: JSONPart) throws(InputError) -> SplitBehavior? {
    guard let name = try part.string("behavior") else { return nil }
    let plain = name.lowercased().filter { $0 != "_" }
    guard let behavior = SplitBehavior.allCases.first(where: { $0.rawValue.lowercased() == plain }) else {
      throw InputError(
        "\(part.subject).behavior", found: "'\(name.excerpt)'",
        expected: SplitBehavior.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return behavior
  }

  func cut(_ pieces: inout Pieces) {
    pieces.cut { behavior.cut($0, $1, at: pattern, isInverted: isInverted, into: &$2) }
  }

  /// Cuts at white space, which is removed.
  static let whiteSpace = PatternSplit(TextPattern(scalarOf: ScalarProperties.whiteSpace), .removed)

  /// Each punctuation character, by the tables of Unicode 8; in ASCII also symbols.
  static let punctuation = TextPattern(
    scalarOf: ScalarProperties.scalars(ScalarProperties.Category.punctuation, in: .unicode8)
      .union(ScalarSet([0x21..<0x30, 0x3A..<0x41, 0x5B..<0x61, 0x7B..<0x7F])))

  /// Runs of word characters, and runs of other characters, without white space: `\w+|[^\w\s]+`.
  static let wordsAndSigns: PatternSplit = {
    let word = AddedTokenSplitter.wordScalars
    func run(_ set: ScalarSet) -> PatternNode { .repeated(.scalar(set), minimum: 1, maximum: nil, .greedy) }
    let pattern = PatternAutomaton(
      builtIn: .alternatives([run(word), run(word.union(ScalarProperties.whiteSpace).inverted)]))
    return PatternSplit(.expression(pattern), .removed, isInverted: true)
  }()
}
