import Testing
import Zeroth
import ZerothTestKit

/// Rules on estimates made by hand.
@Suite struct MomentumTests {
  private let layout = ParameterLayout.made([.init("a", rows: 2), .init("b", rows: 1)])

  /// c e_{element of a}
  private func estimate(_ c: Double, _ element: Int = 0) -> GradientEstimate<CoordinateDirection> {
    GradientEstimate(
      terms: [(c, CoordinateDirection([.init(block: 0, element: element)], values: [1]))], losses: [],
      projectedGradient: c)
  }

  private func run<R: StepRule<CoordinateDirection>>(
    _ rule: R, _ estimates: [GradientEstimate<CoordinateDirection>]
  ) -> [[Float]] {
    var rule = rule
    return estimates.enumerated().map { step, estimate in
      let context = StepContext(step: step, runKey: StreamKey(seed: 0), layout: layout)
      return rule.update(from: estimate, context: context).flattened(in: layout)
    }
  }

  @Test func sgd() {
    #expect(run(SGD(learningRate: 0.5), [estimate(1), estimate(-3, 1)]) == [[-0.5, 0, 0], [0, 1.5, 0]])
    let warm = SGD<CoordinateDirection>(learningRate: Schedule(1, warmup: 2))
    #expect(run(warm, [estimate(1), estimate(1)]) == [[-0.5, 0, 0], [-1, 0, 0]])
  }

  /// beta = 1/2 on 1, 1, 0 and 0: all numbers are exact.
  @Test func forms() {
    let estimates = [estimate(1), estimate(1), estimate(0), estimate(4, 1)]
    #expect(
      run(Momentum(learningRate: 1.0, beta: 0.5), estimates)
        == [[-0.5, 0, 0], [-0.75, 0, 0], [-0.375, 0, 0], [-0.1875, -2, 0]])
    #expect(
      run(Momentum(learningRate: 1.0, beta: 0.5, form: .heavyBall), estimates)
        == [[-1, 0, 0], [-1.5, 0, 0], [-0.75, 0, 0], [-0.375, -4, 0]])
  }

  /// The learning rate is that of the step, not of the step when a part of m came in.
  @Test func theRateIsOfTheStep() {
    let rate = Schedule(1, .linear, steps: 2)
    #expect(
      run(Momentum(learningRate: rate, beta: 0.5), [estimate(1), estimate(0)]) == [[-0.5, 0, 0], [-0.125, 0, 0]])
  }

  @Test func stateIsCounted() throws {
    let frozen = try layout.training(only: .named("a"))
    var rule = Momentum<CoordinateDirection>(learningRate: 1.0)
    #expect(rule.stateCount == 0)
    let update = rule.update(
      from: estimate(1), context: StepContext(step: 0, runKey: StreamKey(seed: 0), layout: frozen))
    #expect(rule.stateCount == 2)
    #expect(update.touches(frozen.blocks[0]) && !update.touches(frozen.blocks[1]))
  }

  @Test func wrongOptions() {
    for decay in [-0.1, 1, .nan] {
      #expect(throws: InputError.self) {
        try Momentum<DenseDirection>(learningRate: 1.0, beta: decay).validate(.small)
      }
      #expect(throws: InputError.self) {
        try LowRankMomentum<LowRankProbe>(learningRate: 1.0, beta: decay).validate(.small)
      }
    }
    for rate in [-1, .infinity, .nan] {
      #expect(throws: InputError.self) {
        try SGD<DenseDirection>(learningRate: 1.0, weightDecay: WeightDecay(rate)).validate(.small)
      }
    }
  }
}
