import Zeroth
import ZerothSupport

/// An estimator that has a description and can be made from options. The author of a plugin writes such a type.
///
///     try registry.register(OnePoint.self)                                   // compiled in
///     @c(zeroth_plugin_query) public func query() -> UnsafePointer<zeroth_plugin> { export(OnePoint.self) }   // loaded
public protocol RegisteredEstimator: GradientEstimator {
  /// The name, the texts and the options of the estimator.
  static var description: StrategyDescription { get }
  /// How the estimator differs from one that measures only on the step's mini-batch, along directions of the step, and
  /// is unbiased. A `zeroth` that loads it at run time permits the further mini-batches and earlier directions that are
  /// declared here.
  static var traits: EstimatorTraits { get }
  /// The estimator with these options, which have been checked against the description.
  init(options: OptionValues) throws
}

extension RegisteredEstimator {
  /// No traits: every estimate is measured on the step's mini-batch, along directions of the step, and is unbiased.
  public static var traits: EstimatorTraits { [] }
}

extension Registry {
  /// Adds an estimator under the name in its description.
  public mutating func register<E: RegisteredEstimator>(_ estimator: E.Type) throws(InputError) {
    try register(estimator: E.description) { options in try E(options: options) }
  }
}
