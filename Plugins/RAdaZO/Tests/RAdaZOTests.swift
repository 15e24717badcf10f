import RAdaZO
import Testing
import Zeroth
import ZerothStrategies
import ZerothTestKit

@Suite struct RAdaZOTests {
  @Test func laws() throws {
    let wide = ParameterLayout.made([.init("wide", rows: 3, columns: 30_001), .init("tall", rows: 900, columns: 97)])
    let frozen = try ParameterLayout.small.training(only: .roles("query", "bias"))
    for layout in [.small, frozen, wide] {
      try checkRuleLaws(
        of: RefinedAdam(learningRate: 0.1), gain: nil,
        estimates: RandomizedEstimator(queries: 2, sides: .one, distribution: .sphere), in: layout)
    }
    try checkRuleLaws(of: RefinedAdam(learningRate: 0.1, beta: 0), gain: nil, estimates: LowRankEstimator(interval: 2))
    try checkRuleLaws(of: RefinedAdam(learningRate: 0.1), gain: nil, estimates: CoordinateEstimator(.random(5)))
  }

  /// Against numpy.
  @Test func fiveSteps() throws {
    try checkGoldenTrajectory(
      "../Golden/RAdaZO.json",
      of: Optimizer(
        estimator: RandomizedEstimator(epsilon: 1e-2, queries: 2, sides: .one, distribution: .sphere),
        rule: RefinedAdam(learningRate: 0.05, beta: 0.8, beta2: 0.95, stability: 1e-2), seed: 1))
  }

  /// The second moment is m's: after a first estimate g the step is -eta (1 - b1) g / sqrt((1 - b2) (1 - b1)^2 g^2 + zeta),
  /// which for a small zeta is -eta sign(g) / sqrt(1 - b2), whatever b1 is. With g^2 in v it would have the factor 1 - b1.
  @Test func theSecondMomentIsOfTheFirst() {
    let layout = ParameterLayout.made([.init("a", rows: 2)])
    let g = CoordinateDirection([.init(block: 0, element: 0), .init(block: 0, element: 1)], values: [3, -0.5])
    for beta in [0, 0.5, 0.9] {
      var rule = RefinedAdam<CoordinateDirection>(learningRate: 0.25, beta: beta, beta2: 0.75, stability: 1e-12)
      #expect(rule.stateCount == 0)
      let update = rule.update(
        from: GradientEstimate(terms: [(2, g)], losses: [], projectedGradient: 2),
        context: StepContext(step: 0, runKey: StreamKey(seed: 0), layout: layout))
      #expect(zip(update.flattened(in: layout), [-0.5, 0.5]).allSatisfy { abs($0 - $1) < 1e-5 })
      #expect(rule.stateCount == 4)
    }
  }

  /// Over 20 seeds the formula in numpy leaves 0.0005 of the loss, at most 0.002.
  @Test func converges() throws {
    let quadratic = Quadratic()
    var theta = quadratic.start()
    let before = quadratic.loss(at: theta, on: Batch(step: 0))
    var optimizer = Optimizer(
      estimator: RandomizedEstimator(queries: 4, sides: .one, distribution: .sphere),
      rule: RefinedAdam(learningRate: 0.01), seed: 1)
    for _ in 0..<400 { try optimizer.step(&theta, quadratic) }
    #expect(quadratic.loss(at: theta, on: Batch(step: 0)) < 0.02 * before)
  }

  @Test func wrongOptions() throws {
    typealias R = RefinedAdam<DenseDirection>
    for decay in [-0.1, 1, .nan] {
      #expect(throws: InputError.self) { try R(learningRate: 0.1, beta: decay).validate(.small) }
      #expect(throws: InputError.self) { try R(learningRate: 0.1, beta2: decay).validate(.small) }
    }
    for stability in [0, -1, 1e-300, .infinity] {
      #expect(throws: InputError.self) { try R(learningRate: 0.1, stability: stability).validate(.small) }
    }
    #expect(throws: InputError.self) { try R(learningRate: -0.1).validate(.small) }
    var registry = Registry.standard
    try install(into: &registry)
    #expect(throws: InputError.self) { try install(into: &registry) }
  }
}
