import Zeroth
import ZerothSupport

/// The description of an optimiser by names and options. A registry makes an `Optimizer` from it.
public struct Composition: Sendable, Hashable {
  /// A strategy by name, with the options that are given for it.
  public struct Part: Sendable, Hashable {
    /// A registered name.
    public var name: String
    /// The options that are given, by name. All others have their defaults.
    public var options: [String: OptionValue]

    /// The strategy `name` with `options`.
    public init(_ name: String, _ options: [String: OptionValue] = [:]) {
      self.name = name
      self.options = options
    }
  }

  /// The estimator of the gradient.
  public var estimator: Part
  /// The rule that turns an estimate into an update.
  public var rule: Part
  /// The adapter that scales and projects each block.
  public var adapter: Part
  /// The seed of all random numbers.
  public var seed: Int
  /// The name of the random generator.
  public var generator: String
  /// The number of steps in a row without finite losses that ends a run.
  public var nonFiniteLimit: Int

  /// A composition. By default the generator is philox and ten skipped steps in a row end a run.
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

  /// The part of the kind `kind`, which may not be `optimizer`.
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

  /// The composition in words: `lge(rank 2) + sgd + none`.
  public var displayName: String {
    [estimator, rule, adapter].map { part in
      let options = part.options.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      return options.isEmpty ? part.name : "\(part.name)(\(options.joined(separator: ", ")))"
    }.joined(separator: " + ")
  }
}
