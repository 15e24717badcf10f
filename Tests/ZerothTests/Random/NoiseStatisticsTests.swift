import CZeroth
import Foundation
import Testing
import Zeroth
import ZerothTestKit

/// Moments, tails and independence of the noise. The keys are fixed, so that a pass is a pass for good; the bounds are
/// those that right noise breaks less than once in 10^5 keys.
@Suite struct NoiseStatisticsTests {
  @Test func momentsAndTails() {
    let count = 4_000_000
    let n = Double(count)
    let z = made(zeroth_gaussian, key: 0xfeed, count: count, isa: 0)
    var sums = [0.0, 0.0, 0.0, 0.0]
    var beyond = [0, 0, 0]
    for value in z {
      let x = Double(value)
      sums[0] += x
      sums[1] += x * x
      sums[2] += x * x * x
      sums[3] += x * x * x * x
      for (i, bound) in [2.0, 3, 4].enumerated() where abs(x) > bound { beyond[i] += 1 }
    }
    let moments = sums.map { $0 / n }
    #expect(abs(moments[0]) < 4.5 / n.squareRoot())
    #expect(abs(moments[1] - 1) < 4.5 * (2 / n).squareRoot())
    #expect(abs(moments[2]) < 4.5 * (15 / n).squareRoot())
    #expect(abs(moments[3] - 3) < 4.5 * (96 / n).squareRoot())
    for (found, bound) in zip(beyond, [2.0, 3, 4]) {
      let p = erfc(bound / 2.0.squareRoot())
      #expect(abs(Double(found) - n * p) < 4.5 * (n * p).squareRoot(), "beyond \(bound)")
    }
  }

  /// Kolmogorov and Smirnov: the largest distance between the distribution functions.
  @Test func distributionFunction() {
    let z = made(zeroth_gaussian, key: 0xbeef, count: 1_000_000, isa: 0).sorted()
    let n = Double(z.count)
    var distance = 0.0
    for (i, value) in z.enumerated() {
      let normal = 0.5 * erfc(-Double(value) / 2.0.squareRoot())
      distance = max(distance, abs(normal - Double(i) / n), abs(normal - Double(i + 1) / n))
    }
    #expect(distance * n.squareRoot() < 2.4)
  }

  @Test func signsAreEven() {
    let z = made(zeroth_rademacher, key: 12, count: 1_000_000, isa: 0)
    #expect(abs(z.reduce(0) { $0 + Double($1) }) < 4.5 * 1000)
    #expect(z.allSatisfy { abs($0) == 1 })
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
