import Testing
import Zeroth
import ZerothTestKit

@Suite struct LowRankEstimatorTests {
  private let layout = ParameterLayout.made([.init("w", rows: 12, columns: 10), .init("b", rows: 7, role: "bias")])

  private func estimate(_ lge: LowRankEstimator, _ step: Int) -> GradientEstimate<LowRankProbe> {
    var lge = lge
    let quadratic = Quadratic(layout)
    return lge.estimate(
      at: quadratic.start(), context: StepContext(step: step, runKey: StreamKey(seed: 6), layout: layout),
      objective: quadratic)
  }

  private func rows(_ estimate: GradientEstimate<LowRankProbe>) -> [[Double]] {
    let flat = estimate.flattened(in: layout)
    return (0..<12).map { Array(flat[($0 * 10)..<($0 * 10 + 10)]) }
  }

  /// Within a window all steps and queries share V, so that even their sum has rank r; the next window has another V.
  @Test(arguments: [1, 2, 3]) func ranks(_ r: Int) {
    let lge = LowRankEstimator(rank: r, interval: 4, queries: 2)
    #expect(rank(rows(estimate(lge, 0))) == r)
    let window = (0..<4).flatMap { rows(estimate(lge, $0)) }
    #expect(rank(window) == r)
    #expect(rank(window + rows(estimate(lge, 4))) == 2 * r)
    #expect(rank((4..<8).flatMap { rows(estimate(lge, $0)) }) == r)
  }

  @Test func leftFactorsAreNewAtEveryStepAndQuery() {
    let lge = LowRankEstimator(rank: 2, interval: 4, queries: 3)
    let keys = (0..<4).flatMap { estimate(lge, $0).terms.map { $0.direction.leftKey.bits } }
    #expect(Set(keys).count == 12)
    #expect(Set((0..<8).flatMap { estimate(lge, $0).terms.map { $0.direction.rightKey.bits } }).count == 2)
  }

  /// c U V^T / r on the matrix; c z on the vector, without the 1/r; c is measured along U V^T and z.
  @Test func divisor() {
    let quadratic = Quadratic(layout)
    let g = quadratic.gradient(at: quadratic.start(), on: Batch(step: 0))
    for r in [1, 3] {
      let term = estimate(LowRankEstimator(rank: r), 0).terms[0]
      let probe = LowRankProbe(rank: r, leftKey: term.direction.leftKey, rightKey: term.direction.rightKey)
      let z = probe.flattened(in: layout)
      let returned = term.direction.flattened(in: layout)
      for i in 0..<120 { #expect(abs(returned[i] - z[i] / Float(r)) <= 1e-6 * abs(z[i]) + 1e-7) }
      for i in 120..<127 { #expect(returned[i] == z[i]) }
      let c = dot(g, z.map(Double.init))
      #expect(abs(term.coefficient - c) < 1e-3 * abs(c) + 1e-3)
    }
  }

  @Test func wrongOptions() throws {
    #expect(throws: InputError.self) { try LowRankEstimator(rank: 0).validate(layout) }
    #expect(throws: InputError.self) { try LowRankEstimator(interval: 0).validate(layout) }
    #expect(throws: InputError.self) { try LowRankEstimator(epsilon: 0).validate(layout) }
    #expect(throws: InputError.self) { try LowRankEstimator(queries: 0).validate(layout) }
    try LowRankEstimator(rank: 10).validate(layout)
    #expect(LowRankEstimator(rank: 10).notes(in: layout).isEmpty)
    // A rank above the smaller side of a trained matrix is cut, and that is said; a frozen one does not matter.
    let mixed = ParameterLayout.made([.init("w", rows: 12, columns: 10), .init("s", rows: 2, columns: 2)])
    try LowRankEstimator(rank: 4).validate(mixed)
    #expect(
      LowRankEstimator(rank: 4).notes(in: mixed) == ["rank 4 is cut to 2, the smaller side of the block, in s"])
    let frozen = try mixed.training(only: .named("w"))
    #expect(LowRankEstimator(rank: 4).notes(in: frozen).isEmpty)
  }
}

/// The number of rows that are not in the span of those before, to 1e-4 of their length.
func rank(_ rows: [[Double]]) -> Int {
  var basis: [[Double]] = []
  for row in rows {
    var rest = row
    for _ in 0..<2 {
      for axis in basis {
        let part = dot(axis, rest)
        rest = zip(rest, axis).map { $0 - part * $1 }
      }
    }
    if norm(rest) > 1e-4 * norm(row) { basis.append(rest.map { $0 / norm(rest) }) }
  }
  return basis.count
}
