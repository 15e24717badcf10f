/// What `list` and `explain` say of a strategy, and the options that it takes.
public struct StrategyDescription: Sendable {
  /// What a registered name stands for.
  public enum Kind: String, CaseIterable, Sendable {
    case estimator, rule, adapter
    /// A named composition of the three.
    case optimizer
  }

  /// In kebab-case; the name in files and on command lines.
  public let name: String
  /// Other names it answers to.
  public let aliases: [String]
  /// One line.
  public let summary: String
  /// What it computes.
  public let formula: String
  /// Where that is from.
  public let source: String
  /// The options it takes.
  public let options: [OptionSpec]
  /// Forward passes per step, in words.
  public let evaluations: String
  /// Floats held beyond the parameters, in words.
  public let state: String
  /// What it produces for, or needs from, the other parts; the registry fills it in from the types.
  public internal(set) var capabilities: [String] = []

  /// A description of the strategy `name`.
  public init(
    _ name: String, aliases: [String] = [], summary: String, formula: String, source: String,
    options: [OptionSpec] = [], evaluations: String = "none", state: String = "none"
  ) {
    self.name = name
    self.aliases = aliases
    self.summary = summary
    self.formula = formula
    self.source = source
    self.options = options
    self.evaluations = evaluations
    self.state = state
  }
}
