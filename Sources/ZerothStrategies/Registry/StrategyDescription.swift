import Zeroth
import ZerothSupport

/// The texts that `list` and `explain` print about a strategy, and the options of the strategy.
public struct StrategyDescription: Sendable {
  /// The kind of a registered strategy.
  public enum Kind: String, CaseIterable, Sendable {
    case estimator, rule, adapter
    /// A composition of the three with a name.
    case optimizer
  }

  /// The name in files and on command lines, in kebab-case.
  public let name: String
  /// Other names for the same strategy.
  public let aliases: [String]
  /// What the strategy is, in one line.
  public let summary: String
  /// The formula that it computes.
  public let formula: String
  /// The source of the formula.
  public let source: String
  /// The options that it accepts.
  public let options: [OptionSpec]
  /// The number of forward passes of a step, in words.
  public let forwards: String
  /// The floats that it keeps besides the parameters, in words.
  public let state: String
  /// What it produces for the other parts, or needs from them. The registry fills it in from the types.
  public package(set) var capabilities: [String] = []
  /// The library from which it was loaded at run time; nil for a strategy that is part of the program.
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
