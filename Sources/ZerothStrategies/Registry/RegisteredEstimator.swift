import Zeroth
import ZerothSupport

/// An estimator that says how it is called and makes itself from options: what a plugin's author writes.
///
///     try registry.register(OnePoint.self)                                   // compiled in
///     @c(zeroth_plugin_query) public func query() -> UnsafePointer<zeroth_plugin> { export(OnePoint.self) }   // loaded
public protocol RegisteredEstimator: GradientEstimator {
  /// What it is, and which options it takes.
  static var description: StrategyDescription { get }
  /// What it does beyond measuring on the step's mini-batch along directions of its own, and what its mean is where that
  /// is not the gradient. A `zeroth` that loads it at run time allows it what it says here of mini-batches and directions.
  static var traits: EstimatorTraits { get }
  /// The estimator with these options, which have been checked against the description.
  init(options: OptionValues) throws
}

extension RegisteredEstimator {
  /// No traits: every estimate is measured on the step's mini-batch, along directions of the step, and unbiased.
  public static var traits: EstimatorTraits { [] }
}

extension Registry {
  /// Adds an estimator that describes itself.
  public mutating func register<E: RegisteredEstimator>(_ estimator: E.Type) throws(InputError) {
    try register(estimator: E.description) { options in try E(options: options) }
  }
}
