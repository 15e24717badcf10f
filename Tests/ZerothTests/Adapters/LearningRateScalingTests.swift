import Testing
import Zeroth
import ZerothTestKit

@Suite struct LearningRateScalingTests {
  private let quadratic = Quadratic(.attention(layers: 1, width: 4))

  private func trajectory<A: LayerAdapter>(_ adapter: A, steps: Int = 12) throws -> ([[Float]], A) {
    var optimizer = Optimizer(
      estimator: RandomizedEstimator(), rule: SGD(learningRate: 0.01), adapter: adapter, seed: 12)
    var theta = quadratic.start()
    var points: [[Float]] = []
    for _ in 0..<steps {
      try optimizer.step(&theta, quadratic)
      points.append(theta.flattened())
    }
    return (points, optimizer.adapter)
  }

  /// At kappa = 1 and started at 1 each time, scaling the step before it is made and projecting towards the iterate
  /// before it are the same thing.
  @Test(arguments: [1, 3], RatioSearch.Units.allCases)
  func equalsThePreviousIterateProjection(_ moves: Int, _ units: RatioSearch.Units) throws {
    let search = RatioSearch(moves: moves, learningRate: 0.1, epsilon: 0.1, clip: 0.3, units: units)
    let (scaled, a) = try trajectory(
      LearningRateScaling(blocks: .roles("query", "value"), every: 1, search: search, reinitializes: true))
    let (projected, b) = try trajectory(
      PreviousIterateProjection(blocks: .roles("query", "value"), every: 1, search: search))
    let (plain, _) = try trajectory(NoAdapter())
    for (x, y) in zip(scaled.joined(), projected.joined()) { #expect(abs(x - y) < 2e-4) }
    for (x, y) in zip(a.ratios, b.ratios) { #expect(abs(x - y) < 2e-3) }
    let apart = zip(scaled.joined(), plain.joined()).map { abs($0 - $1) }.max() ?? 0
    #expect(apart > 1e-2)
  }

  /// The multipliers stay between searches; a search goes on from them unless it starts at 1 each time.
  @Test func multipliersAreKept() throws {
    var scaling = LearningRateScaling(blocks: .roles("query", "value"), every: 3)
    let update = WeightedSum([
      (weight: Float(-0.05), direction: DenseDirection(StreamKey(seed: 13), layout: quadratic.layout))
    ])
    var history: [[Double]] = []
    for step in 0..<7 {
      let context = StepContext(step: step, runKey: StreamKey(seed: 13), layout: quadratic.layout)
      let (scales, _) = scaling.scales(for: update, at: quadratic.start(), context: context, objective: quadratic)
      history.append(scaling.ratios)
      let blocks = try scaling.blocks.resolve(in: quadratic.layout)
      for (block, ratio) in zip(blocks, scaling.ratios) { #expect(scales[block] == Float(ratio)) }
    }
    #expect(history[0] == [1, 1] && history[1] == [1, 1])
    #expect(history[2] != [1, 1] && history[3] == history[2] && history[4] == history[2])
    #expect(history[5] != history[2] && history[6] == history[5])
    #expect(scaling.stateCount == 2)
  }

  /// The other blocks make the whole step at both points that are tried.
  @Test func theWholeStepIsTried() {
    var scaling = LearningRateScaling(blocks: .roles("query", "value"), every: 1)
    let objective = ObservedObjective(quadratic)
    let update = WeightedSum([
      (weight: Float(0.5), direction: DenseDirection(StreamKey(seed: 14), layout: quadratic.layout))
    ])
    let start = quadratic.start()
    _ = scaling.scales(
      for: update, at: start, context: StepContext(step: 0, runKey: StreamKey(seed: 14), layout: quadratic.layout),
      objective: objective)
    #expect(objective.points.count == 2)
    let step = update.flattened(in: quadratic.layout)
    for (block, range) in zip(quadratic.layout.blocks, quadratic.layout.flatRanges) {
      for i in range {
        let moves = objective.points.map { Double($0[i]) - Double(start.flattened()[i]) }
        // The two points lie on either side of the whole step.
        #expect(abs((moves[0] + moves[1]) / 2 - Double(step[i])) < 1e-6)
        if !scaling.blocks.contains(block) { #expect(abs(moves[0] - moves[1]) < 1e-6) }
      }
    }
  }
}
