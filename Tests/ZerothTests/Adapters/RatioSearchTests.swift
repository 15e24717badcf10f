import Testing
import Zeroth
import ZerothTestKit

/// The options of the released code, seen in the points and batches that an adapter asks for.
@Suite struct RatioSearchTests {
  private let quadratic = Quadratic(.attention(layers: 1, width: 4), largest: 10)

  private func drive(
    _ search: RatioSearch, blocks: BlockSelection = .roles("query"), size: Float = 0.1
  ) -> (objective: ObservedObjective<Quadratic>, ratios: [Double], middle: [Float], delta: [Float]) {
    let objective = ObservedObjective(quadratic)
    var adapter = DivergenceProjection(blocks: blocks, every: 1, search: search)
    var theta = quadratic.start()
    adapter.begin(theta)
    let before = theta.flattened()
    let update = WeightedSum([
      (weight: size, direction: DenseDirection(StreamKey(seed: 10), layout: quadratic.layout))
    ])
    theta.add(update, scale: 1)
    let middle = theta.flattened()
    _ = adapter.didApply(
      AppliedUpdate(update, scales: .ones), to: &theta,
      context: StepContext(step: 4, runKey: StreamKey(seed: 10), layout: quadratic.layout), objective: objective)
    return (objective, adapter.ratios, middle, zip(middle, before).map { $0 - $1 })
  }

  @Test func freshBatches() {
    var search = RatioSearch(moves: 3, learningRate: 0.01, epsilon: 0.05, clip: 0.2)
    #expect(drive(search).objective.batches == [Batch](repeating: Batch(step: 4), count: 6))
    search.freshBatches = true
    #expect(drive(search).objective.batches == [1, 1, 2, 2, 3, 3].map { Batch(step: 4, draw: $0) })
  }

  /// |eps' u| <= tau ||Delta||: no point is further from the center than a ratio of tau.
  @Test func boundedProbes() {
    let range = quadratic.layout.flatRanges[quadratic.layout.blocks.firstIndex { $0.role == "query" } ?? 0]
    func farthest(_ bounds: Bool) -> Double {
      let search = RatioSearch(moves: 1, learningRate: 0, epsilon: 5, clip: 0.2, boundsProbe: bounds)
      let (objective, _, middle, delta) = drive(search)
      return objective.points.map { point in
        norm(range.map { Double(point[$0]) - Double(middle[$0]) }) / norm(range.map { Double(delta[$0]) })
      }.max() ?? 0
    }
    #expect(farthest(false) > 0.5)
    #expect(abs(farthest(true) - 0.2) < 1e-4)
  }

  /// A move of gamma is multiplied by ||Delta||.
  @Test func movesScaledByNorm() {
    let search = RatioSearch(moves: 1, learningRate: 1e-3, epsilon: 0.05, clip: nil)
    var scaled = search
    scaled.scalesMoveByNorm = true
    let (_, plain, _, delta) = drive(search)
    let ratios = drive(scaled).ratios
    let range = quadratic.layout.flatRanges[quadratic.layout.blocks.firstIndex { $0.role == "query" } ?? 0]
    let length = norm(range.map { Double(delta[$0]) })
    #expect(abs((ratios[0] - 1) - length * (plain[0] - 1)) < 1e-9)
    #expect(plain[0] != 1)
  }

  /// The direction of the search is downhill along the ratios: a loss that falls with rho makes rho grow.
  @Test func movesDownhill() {
    for sign in [1.0, -1] {
      let layout = ParameterLayout.made([.init("q", rows: 4, columns: 4, role: "query")])
      var theta = ParameterStore(layout)
      var adapter = DivergenceProjection(
        blocks: .all, every: 1, search: RatioSearch(learningRate: 0.1, epsilon: 0.1, clip: 0.2))
      adapter.begin(theta)
      let update = WeightedSum([(weight: Float(1), direction: DenseDirection(StreamKey(seed: 11), layout: layout))])
      let z = update.flattened(in: layout)
      theta.add(update, scale: 1)
      let slope = FunctionObjective { theta in
        sign * zip(theta.flattened(), z).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      }
      _ = adapter.didApply(
        AppliedUpdate(update, scales: .ones), to: &theta,
        context: StepContext(step: 0, runKey: StreamKey(seed: 11), layout: layout), objective: slope)
      #expect((adapter.ratios[0] - 1) * sign < 0)
    }
  }

  @Test func wrongOptions() throws {
    let right = RatioSearch(learningRate: 0.1, epsilon: 0.1, clip: 0.2)
    var wrong = [RatioSearch](repeating: right, count: 10)
    wrong[0].moves = 0
    wrong[1].learningRate = -1
    wrong[2].learningRate = .nan
    wrong[3].epsilon = 0
    wrong[4].epsilon = .infinity
    wrong[5].clip = 0
    wrong[6].clip = 1.1
    wrong[7].clip = .nan
    wrong[8].boundsProbe = true
    wrong[8].clip = nil
    wrong[9].epsilon = -0.1
    let layout = quadratic.layout
    for search in wrong {
      #expect(throws: InputError.self) {
        try DivergenceProjection(blocks: .all, every: 1, search: search).validate(layout, weightDecay: .none)
      }
      #expect(throws: InputError.self) {
        try LearningRateScaling(blocks: .roles("query", "value"), every: 1, search: search).validate(
          layout, weightDecay: .none)
      }
      #expect(throws: InputError.self) {
        try PreviousIterateProjection(blocks: .roles("query", "value"), every: 1, search: search).validate(
          layout, weightDecay: .none)
      }
    }
    #expect(throws: InputError.self) {
      try DivergenceProjection(.paper, blocks: .roles("query", "value"), every: 0).validate(layout, weightDecay: .none)
    }
    #expect(throws: InputError.self) {
      try LearningRateScaling(blocks: .roles("query", "value"), every: 0).validate(layout, weightDecay: .none)
    }
    #expect(throws: InputError.self) {
      try PreviousIterateProjection(blocks: .roles("query", "value"), every: 0).validate(layout, weightDecay: .none)
    }
  }

  /// A selection of nothing, or of what is frozen, is an error and never a run without an adapter.
  @Test func emptySelections() throws {
    let layout = quadratic.layout
    let frozen = try layout.training(only: .roles("dense"))
    for (blocks, layout) in [(BlockSelection.roles("adapter"), layout), (.roles("query"), frozen)] {
      #expect(throws: InputError.self) {
        try DivergenceProjection(.paper, blocks: blocks).validate(layout, weightDecay: .none)
      }
      #expect(throws: InputError.self) { try LearningRateScaling(blocks: blocks).validate(layout, weightDecay: .none) }
      #expect(throws: InputError.self) {
        try PreviousIterateProjection(blocks: blocks).validate(layout, weightDecay: .none)
      }
    }
    #expect(throws: InputError.self) {
      try PreviousIterateProjection(blocks: .roles("query", "value")).validate(layout, weightDecay: 0.1)
    }
    try LearningRateScaling(blocks: .roles("query", "value")).validate(layout, weightDecay: 0.1)
  }
}
