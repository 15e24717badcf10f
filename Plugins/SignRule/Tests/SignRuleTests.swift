import SignRule
import Testing
import Zeroth
import ZerothStrategies
import ZerothTestKit

@Suite struct SignRuleTests {
  private let layout = ParameterLayout.made([.init("a", rows: 3), .init("b", rows: 2)])

  private func update<R: StepRule<CoordinateDirection>>(
    _ rule: R, step: Int = 0, _ terms: [(Double, [Float])]
  ) -> [Float] {
    var rule = rule
    let places: [CoordinateDirection.Coordinate] = [
      .init(block: 0, element: 0), .init(block: 0, element: 1), .init(block: 0, element: 2),
      .init(block: 1, element: 0),
      .init(block: 1, element: 1),
    ]
    let estimate = GradientEstimate(
      terms: Few(terms).map { (coefficient: $0, direction: CoordinateDirection(places, values: $1)) }, losses: [],
      projectedGradient: 0)
    let context = StepContext(step: step, runKey: StreamKey(seed: 0), layout: layout)
    return rule.update(from: estimate, context: context).flattened(in: layout)
  }

  @Test func laws() throws {
    let wide = ParameterLayout.made([.init("wide", rows: 3, columns: 70_001), .init("tall", rows: 900, columns: 97)])
    let falling = Schedule(0.1, .cosine, steps: 10, warmup: 2)
    let frozen = try ParameterLayout.small.training(only: .roles("query", "bias"))
    for layout in [.small, frozen, wide] {
      try checkRuleLaws(
        of: ElementwiseSign(learningRate: falling), gain: nil, estimates: RandomizedEstimator(queries: 2), in: layout)
      try checkRuleLaws(
        of: SignOfProjection(learningRate: falling), gain: nil, estimates: RandomizedEstimator(queries: 2), in: layout)
    }
    try checkRuleLaws(of: ElementwiseSign(learningRate: 0.1), gain: nil, estimates: LowRankEstimator(queries: 2))
    try checkRuleLaws(of: SignOfProjection(learningRate: 0.1), gain: nil, estimates: LowRankEstimator(queries: 2))
    try checkRuleLaws(of: ElementwiseSign(learningRate: 0.1), gain: nil, estimates: CoordinateEstimator(.random(5)))
  }

  /// The sign is that of the average, not the average of signs: 3 - 4 is below 0 where 1 - 1 would be 0.
  @Test func theSignIsElementwiseOnTheAverage() {
    let rule = ElementwiseSign<CoordinateDirection>(learningRate: 0.5)
    #expect(update(rule, [(2, [1, -3, 0, 1e-30, -0.0])]) == [-0.5, 0.5, 0, -0.5, 0])
    #expect(update(rule, [(-2, [1, -3, 0, 1e-30, 2])]) == [0.5, -0.5, 0, 0.5, 0.5])
    #expect(update(rule, [(0.5, [6, 1, 1, 0, 2]), (-0.5, [8, 1, -1, 0, 1])]) == [0.5, 0, -0.5, 0, -0.5])
  }

  @Test func theStepIsTheDirection() {
    let rule = SignOfProjection<CoordinateDirection>(learningRate: Schedule(1, .linear, steps: 2))
    let z: [Float] = [1, -3, 0, 0.25, 2]
    for c in [1e-9, 1, 1e9] {
      #expect(update(rule, [(c, z)]) == z.map { -$0 })
      #expect(update(rule, step: 1, [(-c, z)]) == z.map { 0.5 * $0 })
    }
    #expect(update(rule, [(0, z)]) == [0, 0, 0, 0, 0])
    #expect(update(rule, [(7, z), (-0.1, [1, 1, 1, 1, 1])]) == z.map { -0.5 * $0 + 0.5 })
  }

  /// A low-rank direction keeps its factors in the normalised step, and has none in the sign.
  @Test func factors() {
    let quadratic = Quadratic()
    let context = StepContext(step: 0, runKey: StreamKey(seed: 1), layout: .small)
    var estimator = LowRankEstimator()
    let estimate = estimator.estimate(at: quadratic.start(), context: context, objective: quadratic)
    var sign = ElementwiseSign<LowRankProbe>(learningRate: 1.0)
    var normalized = SignOfProjection<LowRankProbe>(learningRate: 1.0)
    #expect(sign.update(from: estimate, context: context).factors == nil)
    #expect(normalized.update(from: estimate, context: context).factors != nil)
  }

  /// Over 200 seeds the loss ends at these parts of its start, mean +- standard deviation and largest; with |c| in place of c
  /// at 1.03 to 1.17. The bounds lie at least seven deviations above the means.
  ///
  ///     RGE, sign         0.071 +- 0.009, 0.097
  ///     RGE, normalised   0.097 +- 0.013, 0.127
  ///     LGE, sign         0.157 +- 0.025, 0.256
  ///
  /// CGE's sign is the gradient's: 400 steps of 0.01 take every coordinate to within 0.01 of the optimum, whose
  /// distance is 1.1 at the start in the root mean square, and the loss to less than (0.01/1.1)^2 = 8e-5 of its start.
  @Test func converges() throws {
    func fall<E: GradientEstimator, R: StepRule>(_ estimator: E, _ rule: R) throws -> Double
    where E.Direction == R.Direction {
      let quadratic = Quadratic()
      var theta = quadratic.start()
      let before = quadratic.loss(at: theta, on: Batch(step: 0))
      var optimizer = Optimizer(estimator: estimator, rule: rule, seed: 1)
      for _ in 0..<400 { try optimizer.step(&theta, quadratic) }
      return quadratic.loss(at: theta, on: Batch(step: 0)) / before
    }
    #expect(try fall(RandomizedEstimator(queries: 4), ElementwiseSign(learningRate: 0.01)) < 0.15)
    #expect(try fall(RandomizedEstimator(), SignOfProjection(learningRate: 0.02)) < 0.2)
    #expect(try fall(LowRankEstimator(queries: 4), ElementwiseSign(learningRate: 0.01)) < 0.35)
    #expect(try fall(CoordinateEstimator(), ElementwiseSign(learningRate: 0.01)) < 1e-4)
  }

  @Test func wrongOptions() throws {
    #expect(throws: InputError.self) { try ElementwiseSign<DenseDirection>(learningRate: -1.0).validate(.small) }
    #expect(throws: InputError.self) {
      try SignOfProjection<DenseDirection>(learningRate: 1.0, weightDecay: -1.0).validate(.small)
    }
    var registry = Registry.standard
    try install(into: &registry)
    #expect(throws: InputError.self) { try install(into: &registry) }
    let wrong = Composition(estimator: .init("rge"), rule: .init("sign", ["learning-rate": -0.1]))
    #expect(throws: InputError.self) { _ = try registry.makeOptimizer(wrong, runSteps: 1) }
  }
}
