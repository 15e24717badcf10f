import SparseMeZO
import Testing
import Zeroth
import ZerothStrategies
import ZerothTestKit

@Suite struct SparseMeZOTests {
  private let layout = ParameterLayout.small

  @Test(arguments: [0.05, 0.25, 0.5, 1], [1, 3]) func laws(_ density: Double, _ interval: Int) throws {
    let traits = SparseEstimator.traits
    try checkEstimatorLaws(of: SparseEstimator(density: density, interval: interval), traits: traits, seeds: 500)
    try checkEstimatorLaws(
      of: SparseEstimator(density: density, interval: interval, queries: 3, sides: .one), traits: traits, seeds: 500)
    let frozen = try layout.training(only: .roles("query", "bias"))
    try checkEstimatorLaws(
      of: SparseEstimator(density: density, interval: interval), traits: traits, in: frozen, seeds: 500)
  }

  /// With everything in the mask it is RGE, and unbiased.
  @Test(arguments: NoiseDistribution.allCases) func densityOneIsUnbiased(_ distribution: NoiseDistribution) throws {
    try checkEstimatorLaws(of: SparseEstimator(density: 1, distribution: distribution))
  }

  @Test(arguments: NoiseDistribution.allCases) func distributions(_ distribution: NoiseDistribution) throws {
    let estimator = SparseEstimator(density: 0.4, interval: 2, queries: 2, distribution: distribution)
    try checkEstimatorLaws(of: estimator, traits: SparseEstimator.traits, seeds: 500)
    let quadratic = Quadratic()
    var measuring = estimator
    let context = StepContext(step: 0, runKey: StreamKey(seed: 1), layout: layout)
    let estimate = measuring.estimate(at: quadratic.start(), context: context, objective: quadratic)
    let noise = DenseDirection(context.key.child(.query, 1), distribution: distribution, layout: layout)
      .flattened(in: layout)
    for (value, z) in zip(estimate.terms[1].direction.flattened(in: layout), noise) {
      #expect(value == 0 || value == z)
    }
  }

  @Test func directionLaws() throws {
    let wide = ParameterLayout.made([.init("wide", rows: 3, columns: 70_001), .init("tall", rows: 900, columns: 97)])
    for layout in [layout, wide] {
      for density in [0.01, 0.3, 0.999] {
        let quadratic = Quadratic(layout)
        var estimator = SparseEstimator(density: density)
        let estimate = estimator.estimate(
          at: quadratic.start(), context: StepContext(step: 0, runKey: StreamKey(seed: 1), layout: layout),
          objective: quadratic)
        try checkDirectionLaws(of: estimate.terms[0].direction, in: layout)
      }
    }
  }

  /// The density got is the one asked for, and the mask holds the smallest: as sorting finds them, in the order of the
  /// elements where they are equal. Weights: normal, on a coarse grid with many ties, all equal, zeros of both signs.
  @Test(arguments: [0.01, 0.1, 0.25, 1.0 / 3, 0.5, 0.77, 0.999, 1]) func density(_ density: Double) throws {
    let layout = ParameterLayout.made([
      .init("a", rows: 37, columns: 41), .init("b", rows: 100), .init("c", rows: 64, columns: 2), .init("d", rows: 1),
    ])
    let start = Quadratic(layout).start()
    let kinds: [(Float, Int) -> Float] = [
      { value, _ in value }, { value, _ in (4 * value).rounded() / 4 }, { _, _ in 1 },
      { _, i in i % 2 == 0 ? 0 : -0.0 },
      { value, i in i % 7 == 0 ? .infinity : i % 11 == 0 ? .leastNonzeroMagnitude : value },
    ]
    for kind in kinds {
      var theta = ParameterStore(layout)
      for block in layout.blocks {
        theta.fill(block, with: start.values(of: block).enumerated().map { kind($1, $0) })
      }
      let mask = SmallWeightMask(theta, density: density)
      for block in layout.blocks {
        let values = theta.values(of: block)
        let count = Int((density * Double(block.count)).rounded())
        let order = values.indices.sorted { (abs(values[$0]), $0) < (abs(values[$1]), $1) }
        let held = values.indices.filter { mask.contains($0, of: block) }
        #expect(held == order.prefix(count).sorted(), "\(block.name)")
        #expect(mask.touches(block) == (count > 0))
        #expect(mask.thresholds[block.index] == (count > 0 ? abs(values[order[count - 1]]) : nil))
      }
    }
  }

  /// What is measured, what moves, and the mask are the same parameters, at every step of a window; the next window's
  /// mask is that of the weights as they are then.
  @Test func theMaskThatIsMeasuredIsUpdated() throws {
    let quadratic = Quadratic()
    var theta = quadratic.start()
    var optimizer = Optimizer(
      estimator: SparseEstimator(density: 0.3, interval: 3, epsilon: 0.01, queries: 2),
      rule: SGD(learningRate: 0.3), seed: 5)
    var masks: [[Bool]] = []
    for step in 0..<9 {
      let before = theta.flattened()
      let fresh = SmallWeightMask(theta, density: 0.3)
      let objective = ZerothTestKit.ObservedObjective(quadratic)
      try optimizer.step(&theta, objective)
      let mask = try #require(optimizer.estimator.mask)
      let held = layout.blocks.flatMap { block in (0..<block.count).map { mask.contains($0, of: block) } }
      let measured = before.indices.map { i in objective.points.contains { $0[i] != before[i] } }
      let moved = zip(theta.flattened(), before).map { $0.bitPattern != $1.bitPattern }
      #expect(measured == held && moved == held, "step \(step)")
      if step % 3 == 0 { #expect(mask.thresholds == fresh.thresholds) }
      masks.append(held)
    }
    #expect(masks[0] == masks[2] && masks[3] == masks[5])
    #expect(masks[0] != masks[3] && masks[3] != masks[6])
    // 20, 5, 4, 24 and 9 parameters; words of 64 bits for each block.
    #expect(masks.allSatisfy { $0.count(where: { $0 }) == 6 + 2 + 1 + 7 + 3 })
    #expect(optimizer.stateCount == 2 * 5)
  }

  /// The mean of many estimates is the gradient on the mask, and zero elsewhere.
  @Test func unbiasedOnTheMask() {
    let quadratic = Quadratic()
    let theta = quadratic.start()
    let mask = SmallWeightMask(theta, density: 0.4)
    let held = layout.blocks.flatMap { block in (0..<block.count).map { mask.contains($0, of: block) ? 1.0 : 0 } }
    let gradient = zip(quadratic.gradient(at: theta, on: Batch(step: 0)), held).map { $0 * $1 }
    let seeds = 4000
    var mean = gradient.map { _ in 0.0 }
    for seed in 0..<seeds {
      var estimator = SparseEstimator(density: 0.4, epsilon: 1e-2)
      let context = StepContext(step: 0, runKey: StreamKey(seed: UInt64(seed)), layout: layout)
      let estimate = estimator.estimate(at: theta, context: context, objective: quadratic).flattened(in: layout)
      for i in mean.indices { mean[i] += estimate[i] / Double(seeds) }
    }
    // Var (c z_i) is ||g||^2 + g_i^2.
    for (i, value) in mean.enumerated() {
      let error = (dot(gradient, gradient) + gradient[i] * gradient[i]).squareRoot() / Double(seeds).squareRoot()
      #expect(abs(value - gradient[i]) < (held[i] == 0 ? 1e-12 : 6 * error), "coordinate \(i)")
    }
  }

  /// Over 200 seeds the loss ends at 0.237 of its start, standard deviation 0.023, at most 0.341. With the mask of the first
  /// step kept it ends at 0.575, as half of the parameters never move; with |c| in place of c it rises.
  @Test func converges() throws {
    let quadratic = Quadratic()
    var theta = quadratic.start()
    let before = quadratic.loss(at: theta, on: Batch(step: 0))
    var optimizer = Optimizer(
      estimator: SparseEstimator(density: 0.5, interval: 10), rule: Momentum(learningRate: 0.03), seed: 1)
    for _ in 0..<600 { try optimizer.step(&theta, quadratic) }
    #expect(quadratic.loss(at: theta, on: Batch(step: 0)) < 0.4 * before)
  }

  @Test func wrongOptions() throws {
    for density in [0, -0.1, 1.01, .nan] {
      #expect(throws: InputError.self) { try SparseEstimator(density: density).validate(layout) }
    }
    #expect(throws: InputError.self) { try SparseEstimator(density: 0.02).validate(layout) }
    #expect(throws: InputError.self) { try SparseEstimator(interval: 0).validate(layout) }
    #expect(throws: InputError.self) { try SparseEstimator(queries: 0).validate(layout) }
    #expect(throws: InputError.self) { try SparseEstimator(epsilon: 0).validate(layout) }
    var registry = Registry.standard
    try install(into: &registry)
    let wrong = Composition(
      estimator: .init("sparse-mezo", ["density": 0.0]), rule: .init("sgd", ["learning-rate": 0.1]))
    #expect(throws: InputError.self) { _ = try registry.makeOptimizer(wrong, runSteps: 1) }
  }
}
