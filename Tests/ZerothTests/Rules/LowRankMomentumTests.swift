import Testing
import Zeroth
import ZerothTestKit

/// LOZO-M on estimates made by hand, compared with dense arithmetic.
@Suite struct LowRankMomentumTests {
  private let layout = ParameterLayout.made([.init("w", rows: 6, columns: 9), .init("b", rows: 4, role: "bias")])
  private var w: ParameterBlock { layout.blocks[0] }

  private func probe(_ step: Int, window: Int, rank: Int) -> LowRankProbe {
    let key = StreamKey(seed: 8)
    return LowRankProbe(
      rank: rank, leftKey: key.child(.left, step), rightKey: key.child(.right, window), matrixScale: 1 / Float(rank))
  }

  private func estimate(_ c: Double, _ probe: LowRankProbe) -> GradientEstimate<LowRankProbe> {
    GradientEstimate(terms: [(c, probe)], losses: [], projectedGradient: c)
  }

  private func context(_ step: Int) -> StepContext {
    StepContext(step: step, runKey: StreamKey(seed: 8), layout: layout)
  }

  private let coefficients = [1.5, -0.5, 2, 0.25, -1]

  @Test(arguments: [1, 2, 4]) func withinAWindowItIsDenseMomentum(_ rank: Int) {
    var lowRank = LowRankMomentum<LowRankProbe>(learningRate: 0.1, beta: 0.8)
    var dense = Momentum<LowRankProbe>(learningRate: 0.1, beta: 0.8)
    for (step, c) in coefficients.enumerated() {
      let g = estimate(c, probe(step, window: 0, rank: rank))
      let a = lowRank.update(from: g, context: context(step)).flattened(in: layout)
      let b = dense.update(from: g, context: context(step)).flattened(in: layout)
      let size = b.reduce(0) { max($0, abs($1)) }
      for (x, y) in zip(a, b) { #expect(abs(x - y) < 1e-5 * size) }
    }
  }

  /// With a coefficient of 0 at the refresh, beta N' is all that is left: N' is what N was carried over to.
  private func carried(
    _ refresh: LowRankMomentum<LowRankProbe>.Refresh, rank: Int
  ) -> (before: [Double], after: [Double], old: [Double], new: [Double]) {
    let beta = 0.5
    var rule = LowRankMomentum<LowRankProbe>(learningRate: 0.1, beta: beta, refresh: refresh)
    for (step, c) in coefficients.enumerated() {
      _ = rule.update(from: estimate(c, probe(step, window: 0, rank: rank)), context: context(step))
    }
    let before = rule.momentum(of: w).map(Double.init)
    let next = probe(9, window: 1, rank: rank)
    _ = rule.update(from: estimate(0, next), context: context(9))
    let after = rule.momentum(of: w).map { Double($0) / beta }
    return (
      before, after, probe(0, window: 0, rank: rank).right(of: w).map(Double.init), next.right(of: w).map(Double.init)
    )
  }

  /// N' = argmin ||X V_new^T - N V_old^T||: the residual of each row is orthogonal to the rows of V_new^T, and N' equals
  /// the solution of the normal equations, here by Gauss and Jordan.
  @Test(arguments: [1, 2, 4]) func exactRefreshIsLeastSquares(_ rank: Int) {
    let (before, after, old, new) = carried(.exact, rank: rank)
    let newRows = (0..<rank).map { Array(new[($0 * 9)..<($0 * 9 + 9)]) }
    let oldRows = (0..<rank).map { Array(old[($0 * 9)..<($0 * 9 + 9)]) }
    for row in 0..<6 {
      let target = combine(Array(before[(row * rank)..<((row + 1) * rank)]), oldRows)
      let expected = solve(
        newRows.map { a in newRows.map { dot(a, $0) } }, newRows.map { dot($0, target) })
      let found = Array(after[(row * rank)..<((row + 1) * rank)])
      for (x, y) in zip(found, expected) { #expect(abs(x - y) < 1e-5 * (1 + abs(y))) }
      let residual = zip(combine(found, newRows), target).map { $0 - $1 }
      for axis in newRows { #expect(abs(dot(residual, axis)) < 1e-5 * norm(target) * norm(axis)) }
    }
  }

  @Test(arguments: [1, 3]) func approximateRefresh(_ rank: Int) {
    let (before, after, old, new) = carried(.approximate, rank: rank)
    for row in 0..<6 {
      for j in 0..<rank {
        let expected = (0..<rank).reduce(0.0) { sum, k in
          sum + before[row * rank + k]
            * dot(Array(old[(k * 9)..<(k * 9 + 9)]), Array(new[(j * 9)..<(j * 9 + 9)])) / 9
        }
        #expect(abs(after[row * rank + j] - expected) < 1e-5 * (1 + abs(expected)))
      }
    }
  }

  @Test func resetForgets() {
    let (before, after, _, _) = carried(.reset, rank: 2)
    #expect(before.contains { $0 != 0 } && after.allSatisfy { $0 == 0 })
  }

  /// The vectors' momentum does not know of windows.
  @Test(arguments: LowRankMomentum<LowRankProbe>.Refresh.allCases)
  func vectorsKeepTheirMomentum(_ refresh: LowRankMomentum<LowRankProbe>.Refresh) {
    var rule = LowRankMomentum<LowRankProbe>(learningRate: 1.0, beta: 0.5, refresh: refresh)
    var expected = [Float](repeating: 0, count: 4)
    for (step, c) in coefficients.enumerated() {
      let direction = probe(step, window: step, rank: 2)
      let update = rule.update(from: estimate(c, direction), context: context(step))
      let z = direction.values(of: layout.blocks[1])
      for i in 0..<4 {
        expected[i] = 0.5 * expected[i] + 0.5 * Float(c) * z[i]
        #expect(abs(update.values(of: layout.blocks[1])[i] + expected[i]) < 1e-6)
      }
    }
  }

  /// V drawn at every step does not reset the momentum: what is carried over is never longer, and seldom 0.
  @Test func windowsOfOneStep() {
    var rule = LowRankMomentum<LowRankProbe>(learningRate: 0.1, beta: 0.9)
    _ = rule.update(from: estimate(1, probe(0, window: 0, rank: 3)), context: context(0))
    var length = Double.infinity
    for step in 1..<4 {
      let update = rule.update(from: estimate(0, probe(step, window: step, rank: 3)), context: context(step))
      let now = norm(update.values(of: w).map(Double.init))
      #expect(now > 0 && now < length)
      length = now
    }
  }

  /// N belongs to a V that is named by a key of the run's generator, whichever that is.
  @Test(arguments: ["philox4x32", "mt19937"])
  func aCheckpointGoesOn(generator: String) throws {
    try checkStateLaws(
      of: Optimizer(
        estimator: LowRankEstimator(interval: 3), rule: LowRankMomentum(learningRate: 0.1), seed: 3,
        generator: try RandomGenerator(named: generator)))
  }

  @Test func stateIsCounted() {
    var rule = LowRankMomentum<LowRankProbe>(learningRate: 0.1)
    #expect(rule.stateCount == 0 && rule.momentum(of: w).isEmpty)
    _ = rule.update(from: estimate(1, probe(0, window: 0, rank: 3)), context: context(0))
    #expect(rule.stateCount == 6 * 3 + 4)
  }

  private func combine(_ factors: [Double], _ rows: [[Double]]) -> [Double] {
    rows[0].indices.map { j in zip(factors, rows).reduce(0) { $0 + $1.0 * $1.1[j] } }
  }

  /// x with A x = b, by elimination with pivots.
  private func solve(_ a: [[Double]], _ b: [Double]) -> [Double] {
    var m = zip(a, b).map { $0 + [$1] }
    for i in m.indices {
      let pivot = (i..<m.count).max { abs(m[$0][i]) < abs(m[$1][i]) } ?? i
      m.swapAt(i, pivot)
      for j in m.indices where j != i {
        let factor = m[j][i] / m[i][i]
        for k in i...m.count { m[j][k] -= factor * m[i][k] }
      }
    }
    return m.indices.map { m[$0][m.count] / m[$0][$0] }
  }
}
