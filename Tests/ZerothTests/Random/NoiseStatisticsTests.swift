import CZeroth
import Foundation
import Testing
import Zeroth
import ZerothTestKit

/// Moments, tails and independence of the noise. The keys are fixed, so that a pass is a pass for good; the bounds are
/// those that right noise breaks less than once in 10^3 keys (`normalNoise`) or 10^5 (the others).
@Suite struct NoiseStatisticsTests {
  @Test func normalNoise() {
    let checks = NoiseSurvey.checks(count: 10_000_000, seed: 1)
    let worst = checks.min { $0.pValue < $1.pValue }
    #expect(checks.count > 400)
    #expect(NoiseSurvey.pValue(checks) > 1e-3, "\(String(describing: worst))")
  }

  @Test func signsAreEven() {
    let z = made(zeroth_rademacher, key: 12, count: 1_000_000, isa: 0)
    #expect(abs(z.reduce(0) { $0 + Double($1) }) < 4.5 * 1000)
    #expect(z.allSatisfy { abs($0) == 1 })
  }

  /// Signs at any distance up to a few words, signs of one place of neighbouring words, blocks and groups, and those of
  /// neighbouring keys have nothing to do with each other. Each place of a word is even, too.
  @Test func signsAreIndependent() {
    let count = 1_000_000
    let distances = Array(1...130) + [256, 512, 1024, 2048, 4096, 8192, 32768]
    let z = made(zeroth_rademacher, key: 12, count: count + 32768, isa: 0)
    let next = made(zeroth_rademacher, key: 13, count: count, isa: 0)
    var checks: [NoiseCheck] = []
    func add(_ name: String, _ a: ArraySlice<Float>, _ b: ArraySlice<Float>) {
      let sum = zip(a, b).reduce(Float(0)) { $0 + $1.0 * $1.1 }  // an integer below 2^24
      checks.append(NoiseCheck(name, found: Double(sum), expected: 0, deviation: Double(count).squareRoot()))
    }
    for distance in distances { add("distance \(distance)", z[..<count], z[distance..<(distance + count)]) }
    add("keys", z[..<count], next[...])
    for bit in 0..<32 {
      let sum = stride(from: bit, to: count, by: 32).reduce(0.0) { $0 + Double(z[$1]) }
      checks.append(
        NoiseCheck("bit \(bit)", found: sum, expected: 0, deviation: (Double(count) / 32).squareRoot()))
    }
    let worst = checks.min { $0.pValue < $1.pValue }
    #expect(NoiseSurvey.pValue(checks) > 1e-3, "\(String(describing: worst))")
  }

  /// Neighbouring keys, and neighbouring places of one key, have nothing to do with each other.
  @Test func neighboursAreUncorrelated() {
    let count = 100_000
    func correlation(_ a: [Float], _ b: [Float]) -> Double {
      zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } / Double(count).squareRoot()
    }
    for key in UInt64(0)..<16 {
      let a = made(zeroth_gaussian, key: key, count: count + 16, isa: 0)
      #expect(abs(correlation(a, made(zeroth_gaussian, key: key + 1, count: count, isa: 0))) < 5)
      #expect(abs(correlation(a, made(zeroth_gaussian, key: key | 1 << 32, count: count, isa: 0))) < 5)
      for lag in [1, 16] { #expect(abs(correlation(Array(a.dropLast(lag)), Array(a.dropFirst(lag)))) < 5) }
      // Squares too: a cosine and its sine share a radius that must not show.
      let squares = a.map { $0 * $0 - 1 }
      #expect(abs(correlation(Array(squares.dropLast(16)), Array(squares.dropFirst(16)))) < 12)
    }
  }

  /// Blocks, queries and steps of a run have noise of their own.
  @Test func directionsOfOneRun() {
    let layout = ParameterLayout.made([.init("a", rows: 50_000), .init("b", rows: 50_000)])
    let run = StreamKey(seed: 1)
    var vectors: [[Double]] = []
    for step in 0..<3 {
      for query in 0..<2 {
        let z = DenseDirection(run.child(.step, step).child(.query, query), layout: layout)
        for block in layout.blocks { vectors.append(z.values(of: block).map(Double.init)) }
      }
    }
    for i in vectors.indices {
      for j in 0..<i { #expect(abs(dot(vectors[i], vectors[j])) < 5 * 50_000.0.squareRoot(), "\(i), \(j)") }
    }
  }
}
