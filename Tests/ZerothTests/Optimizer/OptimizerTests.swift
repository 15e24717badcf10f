import Testing
import Zeroth
import ZerothTestKit

@Suite struct OptimizerTests {
  private let quadratic = Quadratic(.attention(layers: 1, width: 4))

  private func optimizer(
    seed: UInt64 = 1, generator: RandomGenerator = .philox, limit: Int = 10
  ) -> Optimizer<LowRankEstimator, LowRankMomentum<LowRankProbe>, DivergenceProjection> {
    Optimizer(
      estimator: LowRankEstimator(interval: 3), rule: LowRankMomentum(learningRate: 0.01),
      adapter: DivergenceProjection(.paper, blocks: .roles("query", "value"), every: 2), seed: seed,
      generator: generator,
      nonFinite: NonFinitePolicy(limit: limit))
  }

  private func run(_ optimizer: some OptimizerProtocol, steps: Int = 7) throws -> [Float] {
    var optimizer = optimizer
    var theta = quadratic.start()
    for _ in 0..<steps { try optimizer.step(&theta, quadratic) }
    return theta.flattened()
  }

  @Test func seedsAndGenerators() throws {
    #expect(try run(optimizer()) == run(optimizer()))
    #expect(try run(optimizer()) != run(optimizer(seed: 2)))
    let mersenne = try RandomGenerator(named: "mt19937")
    #expect(try run(optimizer(generator: mersenne)) == run(optimizer(generator: mersenne)))
    #expect(try run(optimizer(generator: mersenne)) != run(optimizer()))
  }

  /// Noise is cut into panels of 65 536 elements: the bits stay, however many threads share them.
  @Test func threadsOnSeveralPanels() throws {
    let wide = Quadratic(
      .made([.init("q", rows: 401, columns: 333, role: "query"), .init("v", rows: 70_001, role: "value")]))
    func run(_ threads: Int) throws -> [Float] {
      try withThreads(threads) {
        var optimizer = Optimizer(
          estimator: RandomizedEstimator(queries: 2, distribution: .sphere), rule: Momentum(learningRate: 1e-6),
          adapter: PreviousIterateProjection(blocks: .roles("query", "value"), every: 1), seed: 3)
        var theta = wide.start()
        for _ in 0..<2 { try optimizer.step(&theta, wide) }
        return theta.flattened()
      }
    }
    let one = try run(1)
    #expect(try run(2) == one)
    #expect(try run(3) == one)
  }

  @Test func reportsCountEvaluationsAndBatches() throws {
    var optimizer = optimizer()
    var theta = quadratic.start()
    let counting = CountingObjective(quadratic)
    for step in 0..<6 {
      let before = counting.forwards
      let report = try optimizer.step(&theta, counting)
      #expect(report.step == step && report.outcome == .applied && report.learningRate == 0.01)
      #expect(report.forwards == counting.forwards - before)
      #expect(report.forwards == (step % 2 == 1 ? 4 : 2))
      #expect(optimizer.forwards(at: step, in: quadratic.layout) == report.forwards)
      #expect(report.losses.count == 2)
      #expect(abs(report.meanLoss - (report.losses[0] + report.losses[1]) / 2) < 1e-12)
    }
    // Every second step asks the adapter too, on the same mini-batch.
    #expect(counting.batches == (0..<6).flatMap { [Batch](repeating: Batch(step: $0), count: $0 % 2 == 1 ? 4 : 2) })
    #expect(optimizer.stateCount > 0 && optimizer.nextStep == 6)
  }

  /// A skipped step leaves theta, and the rule and the adapter as if it had not been.
  @Test(arguments: [0, 1]) func nonFiniteStepsAreSkipped(_ which: Int) throws {
    var optimizer = optimizer()
    var theta = quadratic.start()
    // Steps 0, 1 (with the adapter), 2, ... ask at 0-1, 2-5, 6-7, ...
    let objective = NonFiniteObjective(quadratic) { $0 == 6 + which }
    for _ in 0..<2 { #expect(try optimizer.step(&theta, objective).outcome == .applied) }
    let before = theta.flattened()
    let momentum = optimizer.rule.momentum(of: quadratic.layout.blocks[0])
    let report = try optimizer.step(&theta, objective)
    #expect(report.outcome == .skipped && report.step == 2)
    #expect(report.forwards == 2)
    #expect(theta.flattened() == before)
    #expect(optimizer.rule.momentum(of: quadratic.layout.blocks[0]) == momentum)
    #expect(try optimizer.step(&theta, objective).outcome == .applied)
    #expect(theta.flattened() != before)
  }

  @Test func tooManyNonFiniteStepsInARow() throws {
    var optimizer = optimizer(limit: 3)
    var theta = quadratic.start()
    let start = theta.flattened()
    // Two bad steps, a good one, three bad ones.
    let objective = NonFiniteObjective(quadratic) { [0, 2, 8, 10, 12].contains($0) }
    #expect(try optimizer.step(&theta, objective).outcome == .skipped)
    #expect(try optimizer.step(&theta, objective).outcome == .skipped)
    #expect(theta.flattened() == start)
    #expect(try optimizer.step(&theta, objective).outcome == .applied)
    // Step 3 asks the adapter too: forward passes 6 to 9, of which 8 is the adapter's.
    let report = try optimizer.step(&theta, objective)
    #expect(report.outcome == .applied && report.nonFiniteMoves == 1)
    let before = theta.flattened()
    #expect(try optimizer.step(&theta, objective).outcome == .skipped)
    #expect(try optimizer.step(&theta, objective).outcome == .skipped)
    let failing = NonFiniteObjective(quadratic) { _ in true }
    let error = #expect(throws: NonFiniteError.self) { try optimizer.step(&theta, failing) }
    #expect(error?.inARow == 3 && error?.step == 6 && error?.losses.count == 2)
    #expect(theta.flattened() == before)
  }

  @Test func infiniteCoefficientsAreSkipped() throws {
    var optimizer = Optimizer(estimator: RandomizedEstimator(), rule: SGD(learningRate: 1.0), seed: 1)
    var theta = quadratic.start()
    let start = theta.flattened()
    let cliff = FunctionObjective { _ in .infinity }
    #expect(try optimizer.step(&theta, cliff).outcome == .skipped)
    #expect(theta.flattened() == start)
  }

  /// Losses that are finite, of which the coefficients overflow a Float.
  @Test func overflowsAreSkipped() throws {
    var optimizers: [any OptimizerProtocol] = [
      Optimizer(estimator: RandomizedEstimator(), rule: SGD(learningRate: 1e-3), seed: 1),
      Optimizer(estimator: LowRankEstimator(), rule: LowRankMomentum(learningRate: 1e-3), seed: 1),
      Optimizer(estimator: CoordinateEstimator(.random(2)), rule: SGD(learningRate: 1e-3), seed: 1),
    ]
    let huge = FunctionObjective { theta in theta.flattened().reduce(0) { 1e45 * Double($1) + $0 } }
    for i in optimizers.indices {
      var theta = quadratic.start()
      #expect(try optimizers[i].step(&theta, huge).outcome == .skipped)
      #expect(theta.flattened() == quadratic.start().flattened())
    }
  }

  /// Decay alone, on a flat objective: theta (1 - eta lambda) on matrices, nothing on blocks of one column.
  @Test func weightDecayGoesByBlock() throws {
    let flat = FunctionObjective { _ in 0 }
    for (decay, kept) in [
      (WeightDecay(0.5), Set<BlockRole>(["norm", "bias"])),
      (WeightDecay(0.5, excluding: .roles("query")), Set<BlockRole>(["query"])),
      (0.5, Set<BlockRole>(["norm", "bias"])),
    ] {
      var optimizer = Optimizer(
        estimator: RandomizedEstimator(), rule: SGD(learningRate: 0.2, weightDecay: decay), seed: 1)
      var theta = quadratic.start()
      let before = quadratic.start()
      try optimizer.step(&theta, flat)
      for block in quadratic.layout.blocks {
        let factor: Float = kept.contains(block.role) ? 1 : 0.9
        for (a, b) in zip(theta.values(of: block), before.values(of: block)) { #expect(abs(a - factor * b) < 1e-7) }
      }
    }
  }

  /// A decay that no trained block has is refused, and not passed over.
  @Test func aDecayOfNothingIsRefused() throws {
    let biases = try quadratic.layout.training(only: .roles("bias"))
    let optimizer = Optimizer(
      estimator: RandomizedEstimator(), rule: SGD(learningRate: 0.2, weightDecay: 0.1), seed: 1)
    let error = #expect(throws: InputError.self) { try optimizer.validate(biases) }
    #expect(error?.subject == "weight-decay" && error?.found == "0.1, and no trainable block that decays")
    try optimizer.validate(quadratic.layout)
    let all = Optimizer(
      estimator: RandomizedEstimator(),
      rule: SGD(learningRate: 0.2, weightDecay: WeightDecay(0.1, excluding: .roles("norm"))), seed: 1)
    try all.validate(biases)
  }

  @Test func frozenBlocksKeepTheirBits() throws {
    let layout = try quadratic.layout.training(only: .roles("query", "value", "bias"))
    var theta = ParameterStore(layout)
    let start = quadratic.start()
    for block in layout.blocks { theta.fill(block, with: start.values(of: block)) }
    var optimizer = Optimizer(
      estimator: RandomizedEstimator(), rule: Momentum(learningRate: 0.01, weightDecay: 0.1),
      adapter: DivergenceProjection(.paper, blocks: .roles("query", "value"), every: 1), seed: 1)
    for _ in 0..<3 { try optimizer.step(&theta, quadratic) }
    for block in layout.blocks { #expect((theta.values(of: block) == start.values(of: block)) != block.isTrainable) }
  }

  @Test func errorsComeThrough() throws {
    var optimizer = optimizer()
    var theta = quadratic.start()
    let start = theta.flattened()
    for n in 0..<2 {
      let error = #expect(throws: InjectedFailure.self) {
        try optimizer.step(&theta, FailingObjective(quadratic, at: n))
      }
      #expect(error?.forward == n)
      #expect(theta.flattened() == start && optimizer.nextStep == 0)
    }
  }

  /// RGE whose directions fail after they were returned, as those of foreign code do.
  private struct Failing: GradientEstimator {
    typealias Direction = DenseDirection
    struct Fault: Error {}

    func forwards(at step: Int, in layout: ParameterLayout) -> Int { 2 }

    mutating func estimate<O: Objective & ~Copyable>(
      at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
    ) throws -> GradientEstimate<DenseDirection> {
      var estimator = RandomizedEstimator()
      var estimate = try estimator.estimate(at: theta, context: context, objective: objective)
      estimate.check = Self.fail
      return estimate
    }

    @Sendable private static func fail() throws { throw Fault() }
  }

  /// A fault of the directions ends the step after theta was moved by it, and the step is not made.
  @Test func whatDirectionsDoIsCheckedAfterTheUpdate() {
    var optimizer = Optimizer(estimator: Failing(), rule: SGD(learningRate: 0.01), seed: 1)
    var theta = quadratic.start()
    let start = theta.flattened()
    #expect(throws: Failing.Fault.self) { try optimizer.step(&theta, quadratic) }
    #expect(theta.flattened() != start && optimizer.nextStep == 0)
  }

  /// A part whose options do not fit stops the first step, before anything is moved.
  @Test func wrongPartsAreRefused() throws {
    var theta = quadratic.start()
    let start = theta.flattened()
    var wrong: [any OptimizerProtocol] = [
      Optimizer(estimator: RandomizedEstimator(queries: 0), rule: SGD(learningRate: 1.0), seed: 1),
      Optimizer(estimator: RandomizedEstimator(), rule: SGD(learningRate: -1.0), seed: 1),
      Optimizer(
        estimator: RandomizedEstimator(), rule: SGD(learningRate: 1.0),
        adapter: DivergenceProjection(.paper, blocks: .roles("query", "value"), every: 0),
        seed: 1),
      Optimizer(
        estimator: RandomizedEstimator(), rule: SGD(learningRate: 1.0, weightDecay: 0.1),
        adapter: PreviousIterateProjection(blocks: .roles("query", "value")), seed: 1),
      optimizer(limit: 0),
    ]
    for i in wrong.indices {
      #expect(throws: InputError.self) { try wrong[i].step(&theta, quadratic) }
      #expect(theta.flattened() == start && wrong[i].nextStep == 0)
    }
  }

  /// The whole run on the slow reference: the same within the rounding of weights moved in place.
  @Test func agreesWithTheWayInPlace() throws {
    var fast = Optimizer(estimator: RandomizedEstimator(queries: 2), rule: Momentum(learningRate: 0.01), seed: 1)
    var plain = fast
    var a = quadratic.start()
    var b = quadratic.start()
    let reference = InPlaceObjective(quadratic)
    for _ in 0..<20 {
      try fast.step(&a, quadratic)
      try plain.step(&b, reference)
    }
    for (x, y) in zip(a.flattened(), b.flattened()) { #expect(abs(x - y) < 1e-3) }
  }
}
