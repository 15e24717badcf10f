import TeZO
import Testing
import Zeroth
import ZerothStrategies
import ZerothTestKit

@Suite struct TeZOTests {
  private func context(_ step: Int, _ layout: ParameterLayout = .small, seed: UInt64 = 3) -> StepContext {
    StepContext(step: step, runKey: StreamKey(seed: seed), layout: layout)
  }

  /// Unbiased over U, V and tau: they are made from the keys of the mean.
  @Test(arguments: [1, 3]) func laws(_ rank: Int) throws {
    try checkEstimatorLaws(of: TemporalEstimator(rank: rank), seeds: 6000)
    try checkEstimatorLaws(of: TemporalEstimator(rank: rank, queries: 3, sides: .one), seeds: 3000)
    try checkVarianceLaw { TemporalEstimator(rank: rank, queries: Schedule($0)) }
    let frozen = try ParameterLayout.small.training(only: .roles("query", "bias"))
    try checkEstimatorLaws(of: TemporalEstimator(rank: rank), in: frozen, seeds: 6000)
    try checkCoreLaws(of: TemporalEstimator(rank: rank, queries: 2))
  }

  /// With the default's 64 factors, more than a small matrix has rows. Its mean takes more keys than a test has time for: the slope is
  /// that of matrices, eight times as far as those of vectors.
  @Test func manyFactors() throws {
    let estimator = TemporalEstimator(queries: 2)
    try checkCoreLaws(of: estimator)
    try checkStateLaws(of: Optimizer(estimator: estimator, rule: SGD(learningRate: 1e-3), seed: 18), in: .small)
  }

  /// Without the 1/r matrices step r times as far: the law finds it.
  @Test func plantedRank() throws {
    let found = #expect(throws: LawViolation.self) { try checkEstimatorLaws(of: WithoutRank()) }
    #expect(found?.law == .estimatorIsUnbiased)
  }

  /// Within a run the mean is 1/r sum_s <G, u_s v_s^T> u_s v_s^T, to six standard errors, and not the gradient.
  @Test func biasWithinARun() throws {
    let quadratic = Quadratic()
    let theta = quadratic.start()
    let gradient = quadratic.gradient(at: theta, on: Batch(step: 0))
    let rank = 3
    var estimator = TemporalEstimator(rank: rank, epsilon: 1e-2)
    let count = 20_000
    var sum = [Double](repeating: 0, count: ParameterLayout.small.parameterCount)
    var squares = sum
    for step in 0..<count {
      let g = estimator.estimate(at: theta, context: context(step), objective: quadratic).flattened(in: .small)
      for i in g.indices {
        sum[i] += g[i]
        squares[i] += g[i] * g[i]
      }
    }
    let direction = estimator.estimate(at: theta, context: context(0), objective: quadratic).terms[0].direction
    var isBiased = false
    for (block, range) in zip(ParameterLayout.small.blocks, ParameterLayout.small.flatRanges) {
      var expected = Array(gradient[range])
      if block.isMatrix {
        let (m, n) = (block.rows, block.columns)
        let tau = [Float](unsafeUninitializedCapacity: rank) { values, count in
          direction.writeCore(of: block, rows: 0..<rank, into: values)
          count = rank
        }
        let (u, v) = (direction.left(of: block), direction.right(of: block))
        expected = [Double](repeating: 0, count: m * n)
        for s in 0..<rank {
          let outer = (0..<(m * n)).map { Double(u[$0 / n * rank + s] / tau[s]) * Double(v[s * n + $0 % n]) }
          let part = dot(outer, Array(gradient[range])) / Double(rank)
          for i in outer.indices { expected[i] += part * outer[i] }
        }
      }
      for (place, i) in range.enumerated() {
        let mean = sum[i] / Double(count)
        let error = (max(0, squares[i] / Double(count) - mean * mean) / Double(count)).squareRoot()
        #expect(abs(mean - expected[place]) < 6 * error, "\(block.name) \(place)")
        if block.isMatrix, abs(mean - gradient[i]) > 20 * error { isBiased = true }
      }
    }
    #expect(isBiased)
  }

  @Test func directionLaws() throws {
    let wide = ParameterLayout.made([.init("wide", rows: 3, columns: 70_001), .init("tall", rows: 900, columns: 97)])
    for (layout, rank) in [(.small, 2), (.small, 9), (wide, 4)] as [(ParameterLayout, Int)] {
      let quadratic = Quadratic(layout)
      var estimator = TemporalEstimator(rank: rank)
      let estimate = estimator.estimate(at: quadratic.start(), context: context(0, layout), objective: quadratic)
      try checkDirectionLaws(of: estimate.terms[0].direction, in: layout)
    }
  }

  /// Against numpy.
  @Test func fiveSteps() throws {
    try checkGoldenTrajectory(
      "../Golden/TeZO.json",
      of: Optimizer(estimator: TemporalEstimator(rank: 3, epsilon: 1e-2), rule: SGD(learningRate: 0.05), seed: 1))
  }

  /// U and V last for the run, tau for a query; another run has others.
  @Test func factorsOfTheRun() {
    let quadratic = Quadratic()
    let theta = quadratic.start()
    let block = ParameterLayout.small.blocks[0]
    var estimator = TemporalEstimator(rank: 2, queries: 2)
    let estimates = (0..<3).map { estimator.estimate(at: theta, context: context($0 * 1000), objective: quadratic) }
    let directions = estimates.flatMap { $0.terms.map(\.direction) }
    #expect(Set(directions.map { $0.right(of: block) }).count == 1)
    #expect(Set(directions.map { $0.left(of: block) }).count == 6)
    let other = estimator.estimate(at: theta, context: context(0, seed: 4), objective: quadratic).terms[0].direction
    #expect(other.right(of: block) != directions[0].right(of: block))
    #expect(estimator.stateCount == 0)
  }

  @Test func composes() throws {
    try checkRuleLaws(of: SGD(learningRate: 0.1), estimates: TemporalEstimator(rank: 2, queries: 2))
    try checkRuleLaws(of: LowRankMomentum(learningRate: 0.1), estimates: TemporalEstimator(rank: 2))
    try Optimizer(estimator: TemporalEstimator(), rule: SGD(learningRate: 0.1), seed: 1).requireFactors()
  }

  @Test func wrongOptions() throws {
    for rank in [0, -1, 5000] {
      #expect(throws: InputError.self) { try TemporalEstimator(rank: rank).validate(.small) }
    }
    #expect(throws: InputError.self) { try TemporalEstimator(epsilon: 0).validate(.small) }
    #expect(throws: InputError.self) { try TemporalEstimator(queries: 0).validate(.small) }
    #expect(throws: InputError.self) { try TemporalEstimator(sides: .one, shaping: .zScore).validate(.small) }
    var registry = Registry.standard
    try install(into: &registry)
    #expect(throws: InputError.self) { try install(into: &registry) }
  }
}

/// TeZO whose matrices are multiplied by r in the estimate.
private struct WithoutRank: GradientEstimator {
  typealias Direction = Lengthened
  var inner = TemporalEstimator(rank: 3)

  func forwards(at step: Int, in layout: ParameterLayout) -> Int { 2 }
  mutating func codeState(_ state: StateCoder) throws(InputError) { try inner.codeState(state) }

  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<Lengthened> {
    let estimate = try inner.estimate(at: theta, context: context, objective: objective)
    return GradientEstimate(
      terms: estimate.terms.map { ($0.coefficient, Lengthened(inner: $0.direction)) }, losses: estimate.losses,
      projectedGradient: estimate.projectedGradient)
  }
}

private struct Lengthened: Direction {
  let inner: TemporalDirection

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    inner.add(to: &values, of: block, rows: rows, scale: block.isMatrix ? 3 * scale : scale)
  }
}
