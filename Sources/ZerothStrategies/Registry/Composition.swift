import Zeroth
import ZerothSupport

/// An optimiser in names and options: what a registry makes an `Optimizer` from.
public struct Composition: Sendable, Hashable {
  /// A strategy by name, with the options that are given for it.
  public struct Part: Sendable, Hashable {
    /// A registered name.
    public var name: String
    /// Options by name; the others have their defaults.
    public var options: [String: OptionValue]

    /// The strategy `name` with `options`.
    public init(_ name: String, _ options: [String: OptionValue] = [:]) {
      self.name = name
      self.options = options
    }
  }

  /// Estimates the gradient.
  public var estimator: Part
  /// Turns the estimate into an update.
  public var rule: Part
  /// Scales and projects per block.
  public var adapter: Part
  /// The seed of all random numbers.
  public var seed: Int
  /// The name of the random generator.
  public var generator: String
  /// So many steps in a row without finite losses end a run.
  public var nonFiniteLimit: Int

  /// A composition; philox and ten skipped steps by default.
  public init(
    estimator: Part, rule: Part, adapter: Part = Part("none"), seed: Int = 0,
    generator: String = "\(RandomGenerator.philox)", nonFiniteLimit: Int = NonFinitePolicy().limit
  ) {
    self.estimator = estimator
    self.rule = rule
    self.adapter = adapter
    self.seed = seed
    self.generator = generator
    self.nonFiniteLimit = nonFiniteLimit
  }

  /// The part of a kind, which is not `optimizer`.
  package subscript(kind: StrategyDescription.Kind) -> Part {
    get {
      switch kind {
      case .estimator: estimator
      case .rule: rule
      case .adapter, .optimizer: adapter
      }
    }
    set {
      switch kind {
      case .estimator: estimator = newValue
      case .rule: rule = newValue
      case .adapter, .optimizer: adapter = newValue
      }
    }
  }

  /// `lge(rank 2) + sgd + none`.
  public var displayName: String {
    [estimator, rule, adapter].map { part in
      let options = part.options.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      return options.isEmpty ? part.name : "\(part.name)(\(options.joined(separator: ", ")))"
    }.joined(separator: " + ")
  }
}
