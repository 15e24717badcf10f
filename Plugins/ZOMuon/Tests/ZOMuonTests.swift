import Testing
import ZOMuon
import Zeroth
import ZerothStrategies
import ZerothTestKit

@Suite struct ZOMuonTests {
  private func context(_ step: Int, _ layout: ParameterLayout = .small) -> StepContext {
    StepContext(step: step, runKey: StreamKey(seed: 3), layout: layout)
  }

  /// The estimator is unbiased over P and Psi, which are made from the keys of the mean.
  @Test(arguments: [1, 2]) func estimatorLaws(_ rank: Int) throws {
    for interval in [1, 3, 1000] {
      try checkEstimatorLaws(of: ColumnEstimator(rank: rank, interval: interval), seeds: 6000)
    }
    try checkEstimatorLaws(of: ColumnEstimator(rank: rank, interval: 2, queries: 3, sides: .one), seeds: 3000)
    try checkVarianceLaw { ColumnEstimator(rank: rank, interval: 4000, queries: Schedule($0)) }
    let frozen = try ParameterLayout.small.training(only: .roles("query", "bias"))
    try checkEstimatorLaws(of: ColumnEstimator(rank: rank), in: frozen, seeds: 6000)
  }

  @Test func directionAndCoreLaws() throws {
    let wide = ParameterLayout.made([.init("wide", rows: 3, columns: 70_001), .init("tall", rows: 900, columns: 97)])
    for (layout, rank) in [(.small, 2), (.small, 9), (wide, 4)] as [(ParameterLayout, Int)] {
      let quadratic = Quadratic(layout)
      var estimator = ColumnEstimator(rank: rank)
      let estimate = estimator.estimate(at: quadratic.start(), context: context(0, layout), objective: quadratic)
      try checkDirectionLaws(of: estimate.terms[0].direction, in: layout)
      try checkCoreLaws(of: ColumnEstimator(rank: rank, interval: 3, queries: 2), in: layout)
    }
  }

  /// Without the factor sqrt(m/r) each matrix has an estimate of its own length: the law finds it.
  @Test func plantedFactor() throws {
    let found = #expect(throws: LawViolation.self) { try checkEstimatorLaws(of: WithoutFactor()) }
    #expect(found?.law == .estimatorIsUnbiased)
  }

  @Test func ruleLaws() throws {
    let falling = Schedule(0.1, .cosine, steps: 10, warmup: 2)
    let wide = ParameterLayout.made([.init("wide", rows: 3, columns: 70_001), .init("tall", rows: 900, columns: 97)])
    for layout in [.small, wide] {
      try checkRuleLaws(
        of: Muon(learningRate: falling), gain: nil, estimates: ColumnEstimator(rank: 2, interval: 2, queries: 2),
        in: layout)
      try checkRuleLaws(
        of: Muon(learningRate: falling, iterations: 1), gain: nil, estimates: LowRankEstimator(rank: 2, interval: 2),
        in: layout)
    }
  }

  /// Against numpy, whose singular values go through the polynomials, and whose QR draws P.
  @Test func fiveSteps() throws {
    let estimator = ColumnEstimator(rank: 2, interval: 3, epsilon: 1e-2, queries: 2, sides: .one)
    try checkGoldenTrajectory(
      "../Golden/ZOMuon.json",
      of: Optimizer(estimator: estimator, rule: Muon(learningRate: 0.05, vectorLearningRate: 0.1), seed: 1))
  }

  /// The step's core has orthogonal rows, or columns where it is tall, with lengths about 1, whatever the size of the estimate; a zero
  /// estimate is no step.
  @Test func theSignOfAMatrix() throws {
    for (rows, columns) in [(6, 40), (40, 6), (7, 7)] {
      let layout = ParameterLayout.made([.init("w", rows: rows, columns: columns)])
      let block = layout.blocks[0]
      // U of LGE with the rank of the matrix: a core of rows x rank.
      let rank = min(rows, columns)
      let probe = LowRankProbe(rank: rank, leftKey: StreamKey(seed: 1), rightKey: StreamKey(seed: 2))
      func core(_ coefficient: Double) -> [Double] {
        var rule = Muon<LowRankProbe>(learningRate: 0.5)
        let estimate = GradientEstimate(terms: [(coefficient, probe)], losses: [], projectedGradient: coefficient)
        return rule.update(from: estimate, context: context(0, layout)).left(of: block).map(Double.init)
      }
      let step = core(3)
      for i in 0..<rank {
        for j in 0..<rank {
          let product = (0..<rows).reduce(0) { $0 + step[$1 * rank + i] * step[$1 * rank + j] } / 0.25
          // Singular values of 0.68 to 1.14 (Jordan et al.): squares off 1 by at most 0.54.
          #expect(abs(product - (i == j ? 1 : 0)) < 0.54, "\(rows) x \(columns), \(i), \(j)")
        }
      }
      #expect(zip(core(3e-4), step).allSatisfy { abs($0 - $1) < 1e-5 })
      #expect(zip(core(-3), step).allSatisfy { abs($0 + $1) < 1e-5 })
      #expect(core(0).allSatisfy { $0 == 0 })
    }
  }

  /// P lasts for a window; floats are counted.
  @Test func lazySampling() {
    let quadratic = Quadratic()
    let theta = quadratic.start()
    var estimator = ColumnEstimator(rank: 2, interval: 2, queries: 2)
    let keys = (0..<4).map { step in
      estimator.estimate(at: theta, context: context(step), objective: quadratic).terms.map(\.direction.frameKey)
    }
    #expect(keys[0] == keys[1] && keys[2] == keys[3] && keys[1] != keys[2])
    #expect(estimator.stateCount == 2 * (5 + 4 + 3))
    #expect(
      ColumnEstimator(rank: 4).notes(in: .small)
        == ["rank 4 is cut to 3, the rows of the block, in layers.1.output.weight"])
  }

  @Test func whatDoesNotFitIsRefused() throws {
    for rank in [0, -1, 5000] {
      #expect(throws: InputError.self) { try ColumnEstimator(rank: rank).validate(.small) }
    }
    #expect(throws: InputError.self) { try ColumnEstimator(interval: 0).validate(.small) }
    #expect(throws: InputError.self) { try Muon<LowRankProbe>(learningRate: 1, iterations: 0).validate(.small) }
    #expect(throws: InputError.self) {
      try Muon<LowRankProbe>(learningRate: 1, vectorLearningRate: -1).validate(.small)
    }
    var registry = Registry.standard
    try install(into: &registry)
    #expect(throws: InputError.self) { try install(into: &registry) }
    func error(_ estimator: String, _ rule: String) throws -> String? {
      let parts = Composition(estimator: .init(estimator), rule: .init(rule, ["learning-rate": 0.1]))
      return #expect(throws: InputError.self) { try registry.makeOptimizer(parts, runSteps: 1) }?.description
    }
    #expect(
      try error("rge", "muon")
        == "rule 'muon' with estimator 'rge': found an estimator that produces directions without a common V, expected "
        + "directions with a core, as estimators lge, low-rank-forward-gradient, column-subspace have")
    // Its queries have a V each.
    #expect(
      try error("column-subspace", "lozo-m")
        == "rule 'lozo-m' with estimator 'column-subspace': found an estimator that produces directions with a core, expected "
        + "low-rank directions, as estimators lge, low-rank-forward-gradient have")
    #expect(throws: InputError.self) {
      try Optimizer(estimator: ColumnEstimator(), rule: SGD(learningRate: 0.1), seed: 1).requireFactors()
    }
    var preset = try registry.preset("zo-muon").composition
    preset.rule.options["learning-rate"] = 1e-3
    #expect(try registry.makeOptimizer(preset, runSteps: 1).forwards(at: 0, in: .small) == 5)
  }
}

/// The estimator whose matrices are divided by sqrt(m/r) in the estimate.
private struct WithoutFactor: GradientEstimator {
  typealias Direction = Shortened
  var inner = ColumnEstimator(rank: 2)

  func forwards(at step: Int, in layout: ParameterLayout) -> Int { 2 }
  mutating func codeState(_ state: StateCoder) throws(InputError) { try inner.codeState(state) }

  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<Shortened> {
    let estimate = try inner.estimate(at: theta, context: context, objective: objective)
    return GradientEstimate(
      terms: estimate.terms.map { ($0.coefficient, Shortened(inner: $0.direction)) }, losses: estimate.losses,
      projectedGradient: estimate.projectedGradient)
  }
}

private struct Shortened: Direction {
  let inner: ColumnDirection

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    let factor = block.isMatrix ? (Float(block.rows) / 2).squareRoot() : 1
    inner.add(to: &values, of: block, rows: rows, scale: scale / factor)
  }
}
