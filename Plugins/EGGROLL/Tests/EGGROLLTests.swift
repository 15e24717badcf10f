import EGGROLL
import Testing
import Zeroth
import ZerothStrategies
import ZerothTestKit

@Suite struct EGGROLLTests {
  private func context(_ step: Int, _ layout: ParameterLayout = .small) -> StepContext {
    StepContext(step: step, runKey: StreamKey(seed: 3), layout: layout)
  }

  @Test(arguments: [1, 3]) func laws(_ rank: Int) throws {
    try checkEstimatorLaws(of: PopulationEstimator(rank: rank, queries: 1), seeds: 6000)
    try checkEstimatorLaws(of: PopulationEstimator(rank: rank, queries: 3, sides: .one), seeds: 3000)
    try checkEstimatorLaws(
      of: PopulationEstimator(rank: rank, queries: 4, shaping: .zScore), traits: .biased, seeds: 2000)
    try checkVarianceLaw { PopulationEstimator(rank: rank, queries: Schedule($0)) }
    let frozen = try ParameterLayout.small.training(only: .roles("query", "bias"))
    try checkEstimatorLaws(of: PopulationEstimator(rank: rank, queries: 2), in: frozen, seeds: 4000)
  }

  @Test func directionLaws() throws {
    let wide = ParameterLayout.made([.init("wide", rows: 3, columns: 70_001), .init("tall", rows: 900, columns: 97)])
    for (layout, rank) in [(.small, 1), (.small, 9), (wide, 4)] as [(ParameterLayout, Int)] {
      let quadratic = Quadratic(layout)
      var estimator = PopulationEstimator(rank: rank, queries: 2)
      let estimate = estimator.estimate(at: quadratic.start(), context: context(0, layout), objective: quadratic)
      for term in estimate.terms { try checkDirectionLaws(of: term.direction, in: layout) }
      let matrix = layout.blocks[0]
      let rights = estimate.terms.map { $0.direction.factors?.right(of: matrix) }
      #expect(rights[0] != nil && rights[0] != rights[1], "each member has a V of its own")
    }
  }

  /// Against numpy, by fitnesses.
  @Test func fiveSteps() throws {
    let estimator = PopulationEstimator(epsilon: 1e-2, queries: 3, shaping: .zScore)
    try checkGoldenTrajectory(
      "../Golden/EGGROLL.json", of: Optimizer(estimator: estimator, rule: SGD(learningRate: 0.05), seed: 1))
  }

  /// The z-score of the paper is of the members' losses. At a small epsilon that of the pairs' slopes is the same, but for what the
  /// losses of a pair have in common, which is O(eps).
  @Test func theZScoreIsThatOfTheLosses() throws {
    let quadratic = Quadratic()
    var estimator = PopulationEstimator(epsilon: 1e-3, queries: 8, shaping: .zScore)
    let estimate = estimator.estimate(at: quadratic.start(), context: context(0), objective: quadratic)
    let losses = Array(estimate.losses)
    let mean = losses.reduce(0, +) / Double(losses.count)
    let deviation = (losses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(losses.count)).squareRoot()
    for (i, s) in estimate.coefficients.enumerated() {
      let scores = losses[(2 * i)...(2 * i + 1)].map { ($0 - mean) / deviation }
      #expect(abs(s - (scores[0] - scores[1]) / 2) < 0.02)
    }
  }

  @Test func composes() throws {
    try checkRuleLaws(of: SGD(learningRate: 0.1), estimates: PopulationEstimator(queries: 2))
    try checkRuleLaws(
      of: Momentum(learningRate: 0.1), memoryless: Momentum(learningRate: 0.1, beta: 0),
      estimates: PopulationEstimator(queries: 2))
    var registry = Registry.standard
    try install(into: &registry)
    #expect(throws: InputError.self) { try install(into: &registry) }
    var preset = try registry.preset("eggroll").composition
    preset.rule.options["learning-rate"] = 1e-3
    #expect(try registry.makeOptimizer(preset, runSteps: 1).forwards(at: 0, in: .small) == 32)
    let parts = Composition(estimator: .init("population"), rule: .init("lozo-m", ["learning-rate": 0.1]))
    let error = #expect(throws: InputError.self) { try registry.makeOptimizer(parts, runSteps: 1) }
    #expect(error?.found == "an estimator that produces directions without a common V")
  }

  @Test func wrongOptions() {
    #expect(throws: InputError.self) { try PopulationEstimator(rank: 0).validate(.small) }
    #expect(throws: InputError.self) { try PopulationEstimator(epsilon: 0).validate(.small) }
    #expect(throws: InputError.self) { try PopulationEstimator(queries: 0).validate(.small) }
    #expect(throws: InputError.self) {
      try PopulationEstimator(queries: 1, sides: .one, shaping: .zScore).validate(.small)
    }
  }
}
