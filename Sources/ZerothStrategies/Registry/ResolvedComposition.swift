import Zeroth

/// A composition whose names were found and whose options were checked. An optimiser is made from it.
package struct ResolvedComposition: Sendable {
  let composition: Composition
  let generator: RandomGenerator
  package let estimator: EstimatorEntry
  package let estimatorOptions: OptionValues
  package let rule: RuleEntry
  package let ruleOptions: OptionValues
  package let adapter: AdapterEntry
  package let adapterOptions: OptionValues

  /// The three parts, each with its kind.
  package var all: [(kind: StrategyDescription.Kind, description: StrategyDescription, options: OptionValues)] {
    [
      (.estimator, estimator.description, estimatorOptions), (.rule, rule.description, ruleOptions),
      (.adapter, adapter.description, adapterOptions),
    ]
  }

  /// The composition with registered names in place of aliases, and with every option that has a meaning written out.
  package var spelledOut: Composition {
    var composition = composition
    for part in all {
      let options = part.options.effective.map { ($0.name, $0.value) }
      composition[part.kind] = Composition.Part(part.description.name, Dictionary(uniqueKeysWithValues: options))
    }
    return composition
  }

  /// The optimiser before its first step. Throws the error of a factory of a part.
  package func makeOptimizer() throws -> any OptimizerProtocol {
    // Opens the three existential types one after another, until the compiler knows every concrete type.
    func with<E: GradientEstimator>(_ estimator: E) throws -> any OptimizerProtocol {
      try with(estimator, rule.factory.make(for: E.Direction.self, ruleOptions))
    }
    func with<E: GradientEstimator, R: StepRule>(_ estimator: E, _ rule: R) throws -> any OptimizerProtocol
    where R.Direction == E.Direction {
      with(estimator, rule, try adapter.make(adapterOptions))
    }
    func with<E: GradientEstimator, R: StepRule, A: LayerAdapter>(
      _ estimator: E, _ rule: R, _ adapter: A
    ) -> any OptimizerProtocol where R.Direction == E.Direction {
      let paths = OptionPaths(of: self)
      return ErasedOptimizer(
        Optimizer(
          estimator: estimator, rule: rule, adapter: adapter, seed: UInt64(composition.seed), generator: generator,
          nonFinite: NonFinitePolicy(limit: composition.nonFiniteLimit))
      ) { error, part in paths.named(error, of: part) }
    }
    return try with(estimator.make(estimatorOptions))
  }
}
