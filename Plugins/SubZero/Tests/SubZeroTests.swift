import SubZero
import Testing
import Zeroth
import ZerothStrategies
import ZerothTestKit

@Suite struct SubZeroTests {
  private func context(_ step: Int, _ layout: ParameterLayout = .small, seed: UInt64 = 3) -> StepContext {
    StepContext(step: step, runKey: StreamKey(seed: seed), layout: layout)
  }

  /// Unbiased, with each U and V as well as over them: they are made from the run's key, as V of LGE is.
  @Test(arguments: [1, 2]) func laws(_ rank: Int) throws {
    for interval in [1, 3, 1000] {
      try checkEstimatorLaws(of: SubspaceEstimator(rank: rank, interval: interval), seeds: 6000)
    }
    try checkEstimatorLaws(
      of: SubspaceEstimator(rank: rank, interval: 2, queries: 3, sides: .one), steps: 5, seeds: 3000)
    try checkVarianceLaw { SubspaceEstimator(rank: rank, interval: 4000, queries: Schedule($0)) }
    let frozen = try ParameterLayout.small.training(only: .roles("query", "bias"))
    try checkEstimatorLaws(of: SubspaceEstimator(rank: rank), in: frozen, seeds: 6000)
  }

  /// Without the factor sqrt(m n)/r, as the formula is printed, each matrix has an estimate of its own length: the law finds it.
  @Test func plantedFactor() throws {
    let found = #expect(throws: LawViolation.self) {
      try checkEstimatorLaws(of: WithoutFactor(inner: SubspaceEstimator(rank: 2)))
    }
    #expect(found?.law == .estimatorIsUnbiased)
  }

  @Test func directionLaws() throws {
    let wide = ParameterLayout.made([.init("wide", rows: 3, columns: 70_001), .init("tall", rows: 900, columns: 97)])
    for (layout, rank) in [(.small, 2), (.small, 9), (wide, 4)] as [(ParameterLayout, Int)] {
      let quadratic = Quadratic(layout)
      var estimator = SubspaceEstimator(rank: rank)
      let estimate = estimator.estimate(at: quadratic.start(), context: context(0, layout), objective: quadratic)
      try checkDirectionLaws(of: estimate.terms[0].direction, in: layout)
    }
  }

  /// Z is the core, and is carried over by the products of the old factors with the new.
  @Test func coreLaws() throws {
    let wide = ParameterLayout.made([.init("wide", rows: 3, columns: 70_001), .init("tall", rows: 900, columns: 97)])
    for (layout, rank) in [(.small, 2), (.small, 9), (wide, 2)] as [(ParameterLayout, Int)] {
      try checkCoreLaws(of: SubspaceEstimator(rank: rank, interval: 3, queries: 2), in: layout)
    }
  }

  /// Against numpy, whose QR draws the factors.
  @Test func fiveSteps() throws {
    let estimator = SubspaceEstimator(rank: 2, interval: 3, epsilon: 1e-2)
    try checkGoldenTrajectory(
      "../Golden/SubZero.json", of: Optimizer(estimator: estimator, rule: SGD(learningRate: 0.1), seed: 1))
  }

  /// V^T V = I; U^T U = I follows from the length of U Z, which is that of Z; a rank above the smaller side is cut to it.
  @Test func factorsAreOrthonormal() throws {
    let layout = ParameterLayout.made([
      .init("square", rows: 9, columns: 9), .init("wide", rows: 4, columns: 300), .init("tall", rows: 200, columns: 5),
    ])
    let quadratic = Quadratic(layout)
    for rank in [1, 4, 9, 12] {
      var estimator = SubspaceEstimator(rank: rank)
      let direction = estimator.estimate(at: quadratic.start(), context: context(0, layout), objective: quadratic)
        .terms[0].direction
      for block in layout.blocks {
        let s = min(rank, block.rows, block.columns)
        let v = direction.right(of: block).map(Double.init)
        func row(_ i: Int) -> [Double] { Array(v[(i * block.columns)..<((i + 1) * block.columns)]) }
        for i in 0..<rank {
          for j in 0..<rank { #expect(abs(dot(row(i), row(j)) - (i == j && i < s ? 1 : 0)) < 1e-6) }
        }
        let z = direction.core(of: block).map(Double.init)
        let factor = Double(block.count).squareRoot() / Double(s)
        #expect(abs(norm(direction.left(of: block).map(Double.init)) - factor * norm(z)) < 1e-5 * factor * norm(z))
      }
      #expect(
        estimator.stateCount == layout.blocks.reduce(0) { $0 + min(rank, $1.rows, $1.columns) * ($1.rows + $1.columns) }
      )
    }
    #expect(SubspaceEstimator(rank: 4).notes(in: layout).isEmpty)
    #expect(
      SubspaceEstimator(rank: 5).notes(in: layout)
        == ["rank 5 is cut to 4, the smaller side of the block, in wide"])
  }

  /// U and V last for a window, Z for a step; another run has others, whatever is held.
  @Test func lazySampling() {
    let quadratic = Quadratic()
    let theta = quadratic.start()
    let block = ParameterLayout.small.blocks[0]
    var estimator = SubspaceEstimator(rank: 2, interval: 2)
    let steps = (0..<4).map { step in
      estimator.estimate(at: theta, context: context(step), objective: quadratic).terms[0].direction
    }
    #expect(steps[0].right(of: block) == steps[1].right(of: block))
    #expect(steps[2].right(of: block) == steps[3].right(of: block))
    #expect(steps[1].right(of: block) != steps[2].right(of: block))
    #expect(Set(steps.map { $0.core(of: block) }).count == 4)
    let other = estimator.estimate(at: theta, context: context(3, seed: 4), objective: quadratic).terms[0].direction
    #expect(other.right(of: block) != steps[3].right(of: block))
  }

  /// It goes with LOZO-M and keeps its factors through SGD, over several queries.
  @Test func composes() throws {
    try checkRuleLaws(of: SGD(learningRate: 0.1), estimates: SubspaceEstimator(rank: 2, interval: 2, queries: 2))
    try checkRuleLaws(
      of: LowRankMomentum(learningRate: 0.1), estimates: SubspaceEstimator(rank: 2, interval: 2))
    let optimizer = Optimizer(estimator: SubspaceEstimator(), rule: SGD(learningRate: 0.1), seed: 1)
    try optimizer.requireFactors()
  }

  @Test func wrongOptions() throws {
    for rank in [0, -1, 5000] {
      #expect(throws: InputError.self) { try SubspaceEstimator(rank: rank).validate(.small) }
    }
    #expect(throws: InputError.self) { try SubspaceEstimator(interval: 0).validate(.small) }
    #expect(throws: InputError.self) { try SubspaceEstimator(epsilon: 0).validate(.small) }
    #expect(throws: InputError.self) { try SubspaceEstimator(sides: .one, shaping: .zScore).validate(.small) }
    var registry = Registry.standard
    try install(into: &registry)
    #expect(throws: InputError.self) { try install(into: &registry) }
  }
}

/// SubZero whose matrices are divided by sqrt(m n)/r in the estimate.
private struct WithoutFactor: GradientEstimator {
  typealias Direction = Shortened
  var inner: SubspaceEstimator

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
  let inner: SubspaceDirection

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    let factor = block.isMatrix ? Float(block.count).squareRoot() / 2 : 1
    inner.add(to: &values, of: block, rows: rows, scale: scale / factor)
  }
}
