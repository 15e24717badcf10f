import Zeroth
import ZerothSupport

/// Makes a rule for the type of direction that the estimator of a composition has.
///
///     struct SignRule: RuleFactory {
///       let description = StrategyDescription("sign", ..., options: OptionSpec.stepRule)
///       func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
///         Sign<D>(learningRate: try options.learningRate())
///       }
///     }
public protocol RuleFactory: Sendable {
  /// The name, the texts and the options of the rule.
  var description: StrategyDescription { get }
  /// What the rule needs of directions, in words; empty where it takes all directions.
  var needs: String { get }
  /// Whether the rule takes directions of this type.
  func takes(_ direction: any Direction.Type) -> Bool
  /// The rule for directions of type `D`, which it takes.
  func make<D: Direction>(for direction: D.Type, _ options: OptionValues) throws -> any StepRule<D>
}

extension RuleFactory {
  /// Empty: the rule needs only that a direction can add itself.
  public var needs: String { "" }
  /// True: the rule takes directions of every type.
  public func takes(_ direction: any Direction.Type) -> Bool { true }
}

/// A factory of rules that need the factors of low-rank directions, such as LOZO-M.
public protocol LowRankRuleFactory: RuleFactory {
  /// The rule for low-rank directions of type `D`.
  func makeLowRank<D: LowRankDirection>(for direction: D.Type, _ options: OptionValues) throws -> any StepRule<D>
}

extension LowRankRuleFactory {
  /// Low-rank directions.
  public var needs: String { "low-rank directions" }
  /// True for low-rank directions.
  public func takes(_ direction: any Direction.Type) -> Bool { direction is any LowRankDirection.Type }

  /// Makes the rule, after finding that `D` is a low-rank direction.
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

/// A factory of rules that need the cores of directions, such as `core-adam`.
public protocol CoreRuleFactory: RuleFactory {
  /// The rule for directions of type `D`, which have a core.
  func makeCore<D: CoreDirection>(for direction: D.Type, _ options: OptionValues) throws -> any StepRule<D>
}

extension CoreRuleFactory {
  /// Directions with a core.
  public var needs: String { "directions with a core" }
  /// True for directions with a core.
  public func takes(_ direction: any Direction.Type) -> Bool { direction is any CoreDirection.Type }

  /// Makes the rule, after finding that `D` has a core.
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
