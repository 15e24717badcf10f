import Zeroth
import ZerothSupport

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
  public let forwards: String
  /// Floats held beyond the parameters, in words.
  public let state: String
  /// What it produces for, or needs from, the other parts; the registry fills it in from the types.
  public package(set) var capabilities: [String] = []
  /// The library that it was loaded from at run time; nil for what this program was built with.
  public package(set) var plugin: PluginIdentity?

  /// A description of the strategy `name`.
  public init(
    _ name: String, aliases: [String] = [], summary: String, formula: String, source: String,
    options: [OptionSpec] = [], forwards: String = "none", state: String = "none"
  ) {
    self.name = name
    self.aliases = aliases
    self.summary = summary
    self.formula = formula
    self.source = source
    self.options = options
    self.forwards = forwards
    self.state = state
  }
}

extension StrategyDescription {
  /// The description as JSON, for `explain --json`.
  public var json: JSON {
    [
      "name": .string(name), "aliases": .array(aliases.map { .string($0) }), "summary": .string(summary),
      "formula": .string(formula), "source": .string(source), "forwards": .string(forwards),
      "state": .string(state), "capabilities": .array(capabilities.map { .string($0) }),
      "options": .array(options.map(\.json)), "plugin": plugin.map(\.json) ?? .null,
    ]
  }
}

extension OptionSpec {
  /// The option as JSON, for `explain --json`.
  public var json: JSON {
    [
      "name": .string(name), "type": .string("\(kind)"), "default": .string(defaultWords),
      "range": .string("\(range)"), "unit": .string(unit), "only_with": condition.map { .string("\($0)") } ?? .null,
      "documentation": .string(documentation),
    ]
  }
}
