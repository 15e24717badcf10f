import Foundation
import Zeroth

/// One test of whether numbers are independent and standard normal.
package struct NoiseCheck: Sendable {
  /// The name of the statistic.
  package let name: String
  /// The value that was found, and the mean value for perfect noise.
  package let found: Double
  package let expected: Double
  /// The probability that perfect noise deviates at least as much from what is expected.
  package let pValue: Double

  /// A statistic that is normal around `expected` for perfect noise.
  package init(_ name: String, found: Double, expected: Double, deviation: Double) {
    self.name = name
    self.found = found
    self.expected = expected
    let p = erfc(abs(found - expected) / deviation / 2.0.squareRoot())
    pValue = p.isNaN ? 0 : p
  }

  /// A count of rare independent events, which has a Poisson distribution for perfect noise.
  package init(_ name: String, count: Int, expected: Double) {
    self.name = name
    found = Double(count)
    self.expected = expected
    var below = 0.0  // P(fewer than count)
    for k in 0..<count { below += exp(Double(k) * log(expected) - expected - lgamma(Double(k) + 1)) }
    let here = exp(Double(count) * log(expected) - expected - lgamma(Double(count) + 1))
    pValue = min(1, 2 * max(0, min(below + here, 1 - below)))
  }

  /// The distance of Kolmogorov and Smirnov between two distribution functions, times sqrt(n).
  package init(_ name: String, kolmogorov distance: Double) {
    self.name = name
    found = distance
    expected = 0.8687  // the mean of Kolmogorov's distribution
    var sum = 0.0
    for k in 1...100 { sum += (k % 2 == 1 ? 2 : -2) * exp(-2 * Double(k * k) * distance * distance) }
    pValue = distance < 0.2 ? 1 : min(1, max(0, sum))
  }
}

/// The first four moments, the tails and the distribution function of numbers that should be standard normal.
package struct NormalStatistics: Sendable {
  private static let tails: [Float] = [4, 4.5, 5]
  // The bins are 2^-18 wide and go from -8 to 8. None contains more than 1.6e-6 of the distribution, which is small
  // against the distance of 1e-4 that is significant for 10^8 numbers.
  private static let binsPerUnit = 1 << 18
  private static let reach = 8

  private var count = 0
  private var sums = SIMD4<Double>.zero
  private var beyond = [Int](repeating: 0, count: tails.count)
  private var bins = [Int32](repeating: 0, count: 2 * reach * binsPerUnit)

  /// Statistics of no numbers yet.
  package init() {}

  /// Adds `values` to the statistics.
  package mutating func add(_ values: UnsafeBufferPointer<Float>) {
    count += values.count
    bins.withUnsafeMutableBufferPointer { bins in
      var sums = SIMD4<Double>.zero
      for value in values {
        let x = Double(value)
        let square = x * x
        sums += SIMD4(x, square, square * x, square * square)
        let bin = ((x + Double(Self.reach)) * Double(Self.binsPerUnit)).rounded(.down)
        bins[Int(max(0, min(Double(bins.count - 1), bin)))] += 1  // NaN goes into the last bin
        if abs(value) > Self.tails[0] {
          for (i, tail) in Self.tails.enumerated() where abs(value) > tail { beyond[i] += 1 }
        }
      }
      self.sums += sums
    }
  }

  /// The tests of all numbers that were added.
  package var checks: [NoiseCheck] {
    let n = Double(count)
    let moments = sums / n
    // The mean of x^p, and the variance of x^p.
    let known: [(mean: Double, variance: Double)] = [(0, 1), (1, 2), (0, 15), (3, 96)]
    let gaussian = known.indices.map { i in
      NoiseCheck(
        "moment \(i + 1)", found: moments[i], expected: known[i].mean, deviation: (known[i].variance / n).squareRoot())
    }
    let tails = zip(Self.tails, beyond).map { tail, count in
      NoiseCheck("beyond \(tail) sigma", count: count, expected: n * erfc(Double(tail) / 2.0.squareRoot()))
    }
    return gaussian + tails + [NoiseCheck("Kolmogorov-Smirnov, D sqrt(n)", kolmogorov: distance * n.squareRoot())]
  }

  /// The largest distance between the distribution functions, at the edges of the bins.
  private var distance: Double {
    var distance = 0.0
    var below = 0
    for (i, inBin) in bins.enumerated() {
      below += Int(inBin)
      let edge = Double(i + 1) / Double(Self.binsPerUnit) - Double(Self.reach)
      distance = max(distance, abs(Double(below) / Double(count) - 0.5 * erfc(-edge / 2.0.squareRoot())))
    }
    return distance
  }
}

/// The correlation of two sequences, and the correlation of their squares.
package struct PairStatistics: Sendable {
  private var count = 0
  private var product = 0.0
  private var squareProduct = 0.0

  /// Statistics of no numbers yet.
  package init() {}

  /// Adds `count` numbers of each sequence to the statistics.
  package mutating func add(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) {
    self.count += count
    // Sums of a few hundred terms in each lane are exact enough in floats, compared with the sampling error, and can be
    // vectorised.
    let lanes = 16
    let stretch = 256 * lanes
    for start in stride(from: 0, to: count, by: stretch) {
      let end = min(count, start + stretch)
      var products = SIMD16<Float>.zero
      var squares = SIMD16<Float>.zero
      var i = start
      while i + lanes <= end {
        let x = UnsafeRawPointer(a + i).loadUnaligned(as: SIMD16<Float>.self)
        let y = UnsafeRawPointer(b + i).loadUnaligned(as: SIMD16<Float>.self)
        products += x * y
        squares += (x * x - 1) * (y * y - 1)
        i += lanes
      }
      for j in i..<end {
        products[0] += a[j] * b[j]
        squares[0] += (a[j] * a[j] - 1) * (b[j] * b[j] - 1)
      }
      product += Double(products.sum())
      squareProduct += Double(squares.sum())
    }
  }

  /// The two tests of all numbers that were added.
  package func checks(_ name: String) -> [NoiseCheck] {
    let n = Double(count)
    let deviation = 1 / n.squareRoot()
    return [
      NoiseCheck("correlation of \(name)", found: product / n, expected: 0, deviation: deviation),
      NoiseCheck("correlation of \(name), squares", found: squareProduct / n / 2, expected: 0, deviation: deviation),
    ]
  }
}
