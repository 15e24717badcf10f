import Testing
import Zeroth
import ZerothTestKit

/// Every strategy of the core keeps the laws of its protocol.
@Suite struct LawTests {
  static let key = StreamKey(seed: 1)

  @Test(arguments: NoiseDistribution.allCases) func denseDirections(_ distribution: NoiseDistribution) throws {
    try checkDirectionLaws(of: DenseDirection(Self.key, distribution: distribution, layout: .small))
  }

  @Test(arguments: RandomGenerator.names) func denseDirectionsOnEveryGenerator(_ name: String) throws {
    let key = StreamKey(seed: 1, generator: try RandomGenerator(named: name))
    try checkDirectionLaws(of: DenseDirection(key, layout: .small))
  }

  @Test func directionsOfSeveralPanels() throws {
    let layout = ParameterLayout.made([.init("wide", rows: 3, columns: 70_001), .init("tall", rows: 900, columns: 97)])
    try checkDirectionLaws(of: DenseDirection(Self.key, distribution: .sphere, layout: layout), in: layout)
    try checkDirectionLaws(of: LowRankProbe(rank: 3, leftKey: Self.key, rightKey: Self.key.child(.right)), in: layout)
  }

  @Test(arguments: [1, 2, 3]) func lowRankProbes(_ rank: Int) throws {
    try checkDirectionLaws(
      of: LowRankProbe(rank: rank, leftKey: Self.key, rightKey: Self.key.child(.right), matrixScale: 1 / Float(rank)))
  }

  @Test func coordinatesAndSums() throws {
    let chosen = CoordinateDirection(
      [.init(block: 0, element: 7), .init(block: 3, element: 0), .init(block: 0, element: 19)], values: [1, -2, 0.5])
    try checkDirectionLaws(of: chosen)
    try checkDirectionLaws(
      of: WeightedSum([(weight: Float(0.5), direction: chosen), (weight: Float(-1), direction: chosen)]))
    var scales = BlockScales.ones
    scales[ParameterLayout.small.blocks[0]] = 0
    scales[ParameterLayout.small.blocks[3]] = 1.25
    try checkDirectionLaws(of: AppliedUpdate(DenseDirection(Self.key, layout: .small), scales: scales))
  }

  @Test(arguments: NoiseDistribution.allCases, DifferenceSides.allCases)
  func randomizedEstimator(_ distribution: NoiseDistribution, _ sides: DifferenceSides) throws {
    try checkEstimatorLaws(of: RandomizedEstimator(sides: sides, distribution: distribution))
    try checkEstimatorLaws(
      of: RandomizedEstimator(queries: 3, sides: sides, distribution: distribution), seeds: 2000)
    try checkVarianceLaw { RandomizedEstimator(queries: Schedule($0), sides: sides, distribution: distribution) }
  }

  @Test(arguments: [1, 2, 3], DifferenceSides.allCases)
  func lowRankEstimator(_ rank: Int, _ sides: DifferenceSides) throws {
    for interval in [1, 2, 50] {
      try checkEstimatorLaws(of: LowRankEstimator(rank: rank, interval: interval, sides: sides), seeds: 3000)
    }
    try checkEstimatorLaws(
      of: LowRankEstimator(rank: rank, interval: 3, queries: 4, sides: sides), steps: 7, seeds: 1500)
    try checkVarianceLaw { LowRankEstimator(rank: rank, interval: 4000, queries: Schedule($0), sides: sides) }
  }

  /// A rank above the smaller side of a block is cut to it there: the laws hold, and the estimate keeps its mean.
  @Test func ranksAreCutToTheSmallerSide() throws {
    let layout = ParameterLayout.made([
      .init("a", rows: 2, columns: 3, role: "query-a"), .init("b", rows: 3, columns: 2, role: "query-b"),
      .init("w", rows: 3, columns: 4, role: "query"),
    ])
    let probe = LowRankProbe(rank: 3, leftKey: Self.key, rightKey: Self.key.child(.right), matrixScale: 1 / 3)
    try checkDirectionLaws(of: probe, in: layout)
    for block in layout.blocks.prefix(2) {
      // Columns beyond the side are zero in U and in V.
      #expect(probe.left(of: block).enumerated().allSatisfy { $0 % 3 < 2 || $1 == 0 })
      #expect(probe.right(of: block).dropFirst(2 * block.columns).allSatisfy { $0 == 0 })
      #expect(probe.left(of: block).contains { $0 != 0 } && probe.right(of: block).contains { $0 != 0 })
    }
    let estimator = LowRankEstimator(rank: 3, interval: 2)
    try checkEstimatorLaws(of: estimator, in: layout, seeds: 12000)
    try checkRuleLaws(
      of: LowRankMomentum(learningRate: 0.1), estimates: LowRankEstimator(rank: 3, interval: 1), in: layout)
    #expect(
      estimator.notes(in: layout) == ["rank 3 is cut to 2, the smaller side of the block, in a and 1 more"])
    #expect(LowRankEstimator(rank: 2).notes(in: layout).isEmpty)
  }

  @Test func loraRegression() throws {
    let objective = LoRARegression()
    try checkObjectiveLaws(of: objective, at: objective.start())
    // The gradient against central differences, which are exact for A and for B alone.
    var theta = objective.start()
    for block in objective.layout.trainable {
      theta.fill(block, with: (0..<block.count).map { Float(($0 * 7 + 3 * block.index) % 11) / 8 - 0.6 })
    }
    let gradient = objective.gradient(at: theta, on: Batch(step: 0))
    for (i, range) in objective.layout.flatRanges.enumerated() where objective.layout.blocks[i].isTrainable {
      for element in 0..<range.count {
        let direction = CoordinateDirection([.init(block: i, element: element)], values: [1])
        var up = theta.clone()
        var down = theta.clone()
        up.add(direction, scale: 0.25)
        down.add(direction, scale: -0.25)
        let slope = (objective.loss(at: up, on: Batch(step: 0)) - objective.loss(at: down, on: Batch(step: 0))) / 0.5
        #expect(abs(slope - gradient[range.lowerBound + element]) < 1e-5)
      }
    }
  }

  @Test func coordinateEstimator() throws {
    try checkEstimatorLaws(of: CoordinateEstimator(), seeds: 4)
    try checkEstimatorLaws(of: CoordinateEstimator(.random(7)), seeds: 2000)
    let chosen: [CoordinateDirection.Coordinate] = [.init(block: 1, element: 2), .init(block: 4, element: 8)]
    try checkEstimatorLaws(of: CoordinateEstimator(.chosen(chosen)), traits: .scalesCoordinates, seeds: 4)
  }

  @Test func frozenBlocks() throws {
    let layout = try ParameterLayout.small.training(only: .roles("query", "bias"))
    try checkEstimatorLaws(of: RandomizedEstimator(distribution: .sphere), in: layout)
    try checkEstimatorLaws(of: LowRankEstimator(), in: layout)
    try checkEstimatorLaws(of: CoordinateEstimator(.random(3)), in: layout, seeds: 2000)
    try checkRuleLaws(of: LowRankMomentum(learningRate: 0.1), estimates: LowRankEstimator(interval: 1), in: layout)
  }

  @Test func sgd() throws {
    let falling = Schedule(0.1, .cosine, steps: 10, warmup: 2)
    let rge = RandomizedEstimator(queries: 3)
    try checkRuleLaws(of: SGD(learningRate: falling), memoryless: SGD(learningRate: falling), estimates: rge)
    try checkRuleLaws(
      of: SGD(learningRate: 0.1), memoryless: SGD(learningRate: 0.1), estimates: LowRankEstimator(queries: 2))
    try checkRuleLaws(of: SGD(learningRate: 0.1), memoryless: SGD(learningRate: 0.1), estimates: CoordinateEstimator())
  }

  @Test(arguments: [0, 0.5, 0.9]) func momentum(_ beta: Double) throws {
    try checkRuleLaws(
      of: Momentum(learningRate: 0.1, beta: beta), memoryless: Momentum(learningRate: 0.1, beta: 0),
      estimates: RandomizedEstimator(queries: 2))
    try checkRuleLaws(
      of: Momentum(learningRate: 0.1, beta: beta, form: .heavyBall),
      memoryless: Momentum(learningRate: 0.1, beta: 0, form: .heavyBall), gain: 1 / (1 - beta),
      estimates: LowRankEstimator(interval: 2))
    try checkRuleLaws(
      of: Momentum(learningRate: 0.1, beta: beta), memoryless: Momentum(learningRate: 0.1, beta: 0),
      estimates: CoordinateEstimator(.random(5)))
  }

  @Test(arguments: [1, 2, 50], LowRankMomentum<LowRankProbe>.Refresh.allCases)
  func lowRankMomentum(_ interval: Int, _ refresh: LowRankMomentum<LowRankProbe>.Refresh) throws {
    for queries in [1, 3] {
      try checkRuleLaws(
        of: LowRankMomentum(learningRate: 0.1, beta: 0.7, refresh: refresh),
        memoryless: LowRankMomentum(learningRate: 0.1, beta: 0, refresh: refresh),
        estimates: LowRankEstimator(rank: 3, interval: interval, queries: Schedule(queries)))
    }
  }

  @Test(arguments: [1, 3], [1, 4]) func adapters(_ interval: Int, _ moves: Int) throws {
    func search(_ learningRate: Double, units: RatioSearch.Units = .norm) -> RatioSearch {
      RatioSearch(moves: moves, learningRate: learningRate, epsilon: 0.05, clip: 0.2, units: units)
    }
    let selection = BlockSelection.roles("query", "value")
    for reinitializes in [true, false] {
      for units in RatioSearch.Units.allCases {
        try checkAdapterLaws(
          of: DivergenceProjection(
            blocks: selection, every: interval, search: search(0.1, units: units), reinitializes: reinitializes),
          selection: selection, clip: 0.2,
          identity: DivergenceProjection(blocks: selection, every: interval, search: search(0, units: units)))
        try checkAdapterLaws(
          of: LearningRateScaling(
            blocks: selection, every: interval, search: search(0.1, units: units), reinitializes: reinitializes),
          selection: selection, clip: 0.2,
          identity: LearningRateScaling(blocks: selection, every: interval, search: search(0, units: units)))
        try checkAdapterLaws(
          of: PreviousIterateProjection(blocks: selection, every: interval, search: search(0.1, units: units)),
          selection: selection, clip: 0.2,
          identity: PreviousIterateProjection(blocks: selection, every: interval, search: search(0, units: units)))
      }
    }
  }

  /// A strategy whose initialiser and whose options start at different numbers is found, and the field is named.
  @Test func optionsThatStartElsewhereAreFound() throws {
    struct Scaffolded {
      let epsilon = 1e-3
      let queries: Int
      private let blocks: BlockSelection
      private var state: [Float]?
      init(queries: Int = 8, blocks: BlockSelection = .roles("query", "value")) {
        self.queries = queries
        self.blocks = blocks
      }
    }
    try checkOptionDefaults(of: Scaffolded(), from: Scaffolded(queries: 8, blocks: .roles("value", "query")))
    expectViolation(.optionsStartAtTheDefaults) {
      try checkOptionDefaults(of: Scaffolded(), from: Scaffolded(queries: 1))
    }
    expectViolation(.optionsStartAtTheDefaults) {
      try checkOptionDefaults(of: Scaffolded(), from: Scaffolded(blocks: .all))
    }
    expectViolation(.optionsStartAtTheDefaults) {
      try checkOptionDefaults(of: Scaffolded(), from: RandomizedEstimator())
    }
    let violation = #expect(throws: LawViolation.self) {
      try checkOptionDefaults(of: Scaffolded(), from: Scaffolded(queries: 1))
    }
    #expect(violation?.found == "queries = 1 by the options" && violation?.expected.hasPrefix("8,") == true)
    let search = RatioSearch(learningRate: 0.1, epsilon: 0.1, clip: 0.2)
    let other = RatioSearch(learningRate: 0.1, epsilon: 0.1, clip: nil)
    expectViolation(.optionsStartAtTheDefaults) {
      try checkOptionDefaults(
        of: DivergenceProjection(blocks: .all, every: 1, search: search),
        from: DivergenceProjection(blocks: .all, every: 1, search: other))
    }
  }

  @Test(arguments: DivergenceProjection.Preset.allCases) func presets(_ preset: DivergenceProjection.Preset) throws {
    let blocks = BlockSelection.roles("query", "value")
    try checkAdapterLaws(of: DivergenceProjection(preset, blocks: blocks, every: 2), selection: blocks, clip: 0.2)
  }
}
