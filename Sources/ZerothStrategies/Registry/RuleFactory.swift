import Zeroth
import ZerothSupport

/// Makes a rule for whatever kind of direction the estimator beside it has.
///
///     struct SignRule: RuleFactory {
///       let description = StrategyDescription("sign", ..., options: OptionSpec.stepRule)
///       func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
///         Sign<D>(learningRate: try options.learningRate())
///       }
///     }
public protocol RuleFactory: Sendable {
  /// What the rule is and which options it takes.
  var description: StrategyDescription { get }
  /// What it needs of directions, in words; empty when all will do.
  var needs: String { get }
  /// Whether it takes directions of this kind.
  func takes(_ direction: any Direction.Type) -> Bool
  /// The rule for directions of kind `D`, one that it takes.
  func make<D: Direction>(for direction: D.Type, _ options: OptionValues) throws -> any StepRule<D>
}

extension RuleFactory {
  /// Empty: the rule needs nothing of a direction but that it adds itself.
  public var needs: String { "" }
  /// True: the rule takes directions of every kind.
  public func takes(_ direction: any Direction.Type) -> Bool { true }
}

/// A factory of rules that work on the factors of low-rank directions, as LOZO-M does.
public protocol LowRankRuleFactory: RuleFactory {
  /// The rule for low-rank directions of kind `D`.
  func makeLowRank<D: LowRankDirection>(for direction: D.Type, _ options: OptionValues) throws -> any StepRule<D>
}

extension LowRankRuleFactory {
  /// Low-rank directions.
  public var needs: String { "low-rank directions" }
  /// The low-rank ones.
  public func takes(_ direction: any Direction.Type) -> Bool { direction is any LowRankDirection.Type }

  /// Finds the low-rank capability of `D` and makes the rule for it.
  public func make<D: Direction>(for direction: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    func open<L: LowRankDirection>(_ lowRank: L.Type) throws -> (any StepRule<D>)? {
      try makeLowRank(for: lowRank, options) as? any StepRule<D>
    }
    guard let lowRank = direction as? any LowRankDirection.Type, let rule = try open(lowRank) else {
      throw InputError("rule '\(description.name)'", found: "\(D.self)", expected: needs)
    }
    return rule
  }
}

/// A factory of rules that work on the cores of directions, as `core-adam` does.
public protocol CoreRuleFactory: RuleFactory {
  /// The rule for directions with a core of kind `D`.
  func makeCore<D: CoreDirection>(for direction: D.Type, _ options: OptionValues) throws -> any StepRule<D>
}

extension CoreRuleFactory {
  /// Directions with a core.
  public var needs: String { "directions with a core" }
  /// Those with a core.
  public func takes(_ direction: any Direction.Type) -> Bool { direction is any CoreDirection.Type }

  /// Finds the core of `D` and makes the rule for it.
  public func make<D: Direction>(for direction: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    func open<C: CoreDirection>(_ core: C.Type) throws -> (any StepRule<D>)? {
      try makeCore(for: core, options) as? any StepRule<D>
    }
    guard let core = direction as? any CoreDirection.Type, let rule = try open(core) else {
      throw InputError("rule '\(description.name)'", found: "\(D.self)", expected: needs)
    }
    return rule
  }
}
