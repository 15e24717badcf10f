import CoreMoments
import Testing
import Zeroth
import ZerothStrategies
import ZerothTestKit

@Suite struct CoreMomentsTests {
  private static let layouts: [ParameterLayout] = {
    let frozen = try? ParameterLayout.small.training(only: .roles("query", "bias"))
    let wide = ParameterLayout.made([
      .init("wide", rows: 3, columns: 70_001), .init("tall", rows: 900, columns: 97), .init("row", rows: 1, columns: 7),
    ])
    return [.small, wide] + [frozen].compactMap(\.self)
  }()

  @Test(arguments: layouts) func laws(_ layout: ParameterLayout) throws {
    let falling = Schedule(0.1, .cosine, steps: 10, warmup: 2)
    for estimator in [LowRankEstimator(rank: 1, interval: 2), LowRankEstimator(rank: 2, interval: 50, queries: 3)] {
      for refresh in CoreMomentum<LowRankProbe>.Refresh.allCases {
        try checkRuleLaws(
          of: CoreMomentum(learningRate: falling, beta: 0.5, refresh: refresh),
          memoryless: CoreMomentum(learningRate: falling, beta: 0, refresh: refresh), estimates: estimator, in: layout)
      }
      try checkRuleLaws(of: CoreAdam(learningRate: falling), gain: nil, estimates: estimator, in: layout)
    }
    try checkRuleLaws(
      of: CoreMomentum(learningRate: 0.1), estimates: LowRankForwardGradient(rank: 1, interval: 3), in: layout)
  }

  /// Against numpy, over a new V.
  @Test func fiveSteps() throws {
    let estimator = LowRankEstimator(rank: 1, interval: 3, epsilon: 1e-2, queries: 2)
    try checkGoldenTrajectory(
      "../Golden/CoreMomentum.json",
      of: Optimizer(estimator: estimator, rule: CoreMomentum(learningRate: 0.1), seed: 1))
    try checkGoldenTrajectory(
      "../Golden/CoreAdam.json", of: Optimizer(estimator: estimator, rule: CoreAdam(learningRate: 0.02), seed: 1))
  }

  /// With LGE, whose core is U, it is LOZO-M, bit for bit, over many V.
  @Test(arguments: [1, 2, 4]) func theMomentumOfLGEIsLOZOM(_ rank: Int) throws {
    func end(_ rule: some StepRule<LowRankProbe>) throws -> [UInt32] {
      let quadratic = Quadratic()
      var theta = quadratic.start()
      var optimizer = Optimizer(
        estimator: LowRankEstimator(rank: rank, interval: 3, queries: 2), rule: rule, seed: 5)
      for _ in 0..<20 { try optimizer.step(&theta, quadratic) }
      return theta.flattened().map(\.bitPattern)
    }
    #expect(
      try end(CoreMomentum(learningRate: 0.01)) == end(LowRankMomentum(learningRate: 0.01, refresh: .exact)))
    #expect(
      try end(CoreMomentum(learningRate: 0.01, refresh: .reset))
        == end(LowRankMomentum(learningRate: 0.01, refresh: .reset)))
  }

  /// M of matrices is as large as U; Adam has two of them, and forgets them with V.
  @Test func state() throws {
    let quadratic = Quadratic()
    let theta = quadratic.start()
    var estimator = LowRankEstimator(rank: 2, interval: 2)
    var (momentum, adam) = (CoreMomentum<LowRankProbe>(learningRate: 1), CoreAdam<LowRankProbe>(learningRate: 1))
    #expect(momentum.stateCount == 0 && adam.stateCount == 0)
    var steps: [[Float]] = []
    for step in 0..<4 {
      let context = StepContext(step: step, runKey: StreamKey(seed: 3), layout: .small)
      let estimate = estimator.estimate(at: theta, context: context, objective: quadratic)
      _ = momentum.update(from: estimate, context: context)
      steps.append(adam.update(from: estimate, context: context).left(of: ParameterLayout.small.blocks[0]))
    }
    let floats = (5 + 4 + 3) * 2 + 5 + 4
    #expect(momentum.stateCount == floats && adam.stateCount == 2 * floats)
    #expect(momentum.momentum(of: ParameterLayout.small.blocks[0]).count == 10)
    // Adam's first step of a frame has the length eta in each element of the core.
    #expect(steps[0].allSatisfy { abs(abs($0) - 1) < 1e-3 } && steps[2].allSatisfy { abs(abs($0) - 1) < 1e-3 })
    #expect(!steps[1].allSatisfy { abs(abs($0) - 1) < 1e-3 })
  }

  /// Updates have factors, so that a base need not be written.
  @Test func factorsStay() throws {
    try Optimizer(estimator: LowRankEstimator(), rule: CoreMomentum(learningRate: 0.1), seed: 1).requireFactors()
    try Optimizer(estimator: LowRankEstimator(), rule: CoreAdam(learningRate: 0.1), seed: 1).requireFactors()
  }

  @Test func directionsWithoutACoreAreRefused() throws {
    #expect(throws: InputError.self) { try CoreMomentum<LowRankProbe>(learningRate: 1, beta: 1).validate(.small) }
    #expect(throws: InputError.self) { try CoreAdam<LowRankProbe>(learningRate: 1, beta2: 1).validate(.small) }
    for stability in [0, 1e-50] {
      #expect(throws: InputError.self) {
        try CoreAdam<LowRankProbe>(learningRate: 1, stability: stability).validate(.small)
      }
    }
    var registry = Registry.standard
    try install(into: &registry)
    #expect(throws: InputError.self) { try install(into: &registry) }
    for rule in ["core-momentum", "core-adam"] {
      let composition = Composition(estimator: .init("rge"), rule: .init(rule, ["learning-rate": 0.1]))
      let error = #expect(throws: InputError.self) { try registry.makeOptimizer(composition, runSteps: 1) }
      #expect(
        error?.description
          == "rule '\(rule)' with estimator 'rge': found an estimator that produces directions without a common V, expected "
          + "directions with a core, as estimators lge, low-rank-forward-gradient have")
    }
  }
}
