import CZeroth
import Foundation
import Zeroth
import ZerothSupport

/// The singular values of the gradient G of a matrix, and how much of G a low-rank estimate sees.
///
/// Within a window of LOZO, V (n x r) is fixed. The mean of c U V^T / r over U is G V V^T / r, so an estimate sees only
/// the part of G in the span of V. For a V that is drawn independently of G, this part is r/n of ||G||^2 in the mean,
/// whatever the rank of G is. The best V consists of the first r right singular vectors, and sees sum_{i<=r} sigma_i^2.
public struct Spectrum: Sendable {
  /// The name of the matrix.
  public let name: String
  /// The shape of the matrix.
  public let rows, columns: Int
  /// The singular values sigma, the largest first.
  public let values: [Double]
  /// The rank r of the low-rank directions.
  public let rank: Int
  /// The share of ||G||_F^2 that random V see: the mean and the standard deviation.
  public let seen: (mean: Double, deviation: Double)

  /// The number of random V for `seen`.
  static let draws = 16

  /// The spectrum of the gradient of the matrix `block`. Throws `InputError` for values that are not finite.
  public init(of block: ParameterBlock, in gradient: StoredVector, rank: Int, key: StreamKey) throws(InputError) {
    name = block.name
    (rows, columns) = (block.rows, block.columns)
    let rank = min(rank, block.rows, block.columns)
    self.rank = rank
    let matrix = gradient.values(of: block)
    guard matrix.allSatisfy(\.isFinite) else {
      throw InputError("the gradient of \(block.name)", found: "a value that is not finite", expected: "finite values")
    }
    var values = [Double](repeating: 0, count: min(rows, columns))
    guard zeroth_singular_values(rows, columns, matrix, &values) == 0 else {
      throw InputError(
        "the gradient of \(block.name)", found: "no convergence of LAPACK's dgesdd", expected: "a matrix")
    }
    self.values = values
    let energy = values.reduce(0) { $0 + $1 * $1 }
    let parts = (0..<Self.draws).map { draw in
      Self.part(of: matrix, block, rank: rank, key: key.child(.right, draw)) / energy
    }
    seen = (parts.mean, parts.standardDeviation ?? .nan)
  }

  /// ||G Q||_F^2, where Q is an orthonormal basis of the columns of V.
  private static func part(of matrix: [Float], _ block: ParameterBlock, rank: Int, key: StreamKey) -> Double {
    let n = block.columns
    let probe = LowRankProbe(rank: rank, leftKey: key, rightKey: key)
    var drawn = [Float](repeating: 0, count: n * rank)
    drawn.withUnsafeMutableBufferPointer { probe.writeRight(of: block, into: $0) }
    var basis: [[Double]] = []
    for q in 0..<rank {
      var column = drawn[(q * n)..<((q + 1) * n)].map(Double.init)
      // Two passes are enough (Kahan and Parlett): the rest after the first is rounding.
      for _ in 0..<2 {
        for other in basis {
          let dot = zip(column, other).reduce(0) { $0 + $1.0 * $1.1 }
          for i in 0..<n { column[i] -= dot * other[i] }
        }
      }
      let norm = column.reduce(0) { $0 + $1 * $1 }.squareRoot()
      basis.append(column.map { $0 / norm })
    }
    var sum = 0.0
    for row in 0..<block.rows {
      for column in basis {
        var dot = 0.0
        for i in 0..<n { dot += Double(matrix[row * n + i]) * column[i] }
        sum += dot * dot
      }
    }
    return sum
  }

  /// ||G||_F^2.
  private var energy: Double { values.reduce(0) { $0 + $1 * $1 } }

  /// Whether G is 0.
  fileprivate var isZero: Bool { energy == 0 }

  /// The stable rank, ||G||_F^2 / ||G||_2^2; NaN for a matrix of zeros.
  public var stableRank: Double { energy / (values.first.map { $0 * $0 } ?? .nan) }

  /// The effective rank, exp of the entropy of sigma_i / sum sigma (Roy and Vetterli 2007); NaN for a matrix of zeros.
  public var effectiveRank: Double {
    let sum = values.reduce(0, +)
    return exp(
      -values.reduce(0) { total, value in
        let p = value / sum
        return p > 0 || p.isNaN ? total + p * log(p) : total
      })
  }

  /// The share of ||G||_F^2 in the first `count` singular values.
  public func part(_ count: Int) -> Double { values.prefix(count).reduce(0) { $0 + $1 * $1 } / energy }

  /// The smallest number of singular values that have nine tenths of ||G||_F^2.
  public var rankOfNineTenths: Int? {
    (1...max(1, values.count)).first { part($0) >= 0.9 }
  }

  /// The spectrum as JSON.
  public var json: JSON {
    [
      "rows": .int(rows), "columns": .int(columns), "stable_rank": .double(stableRank),
      "effective_rank": .double(effectiveRank), "rank_of_nine_tenths": rankOfNineTenths.map { .int($0) } ?? .null,
      "rank": .int(rank), "best_part": .double(part(rank)), "seen": .double(seen.mean),
      "seen_deviation": .double(seen.deviation), "law": .double(Double(rank) / Double(columns)),
      "singular_values": .array(values.map { .double($0) }),
    ]
  }
}

extension [Spectrum] {
  /// The spectra as a table.
  public var text: String {
    let rank = map(\.rank).max() ?? 0
    var table = Table([
      .left("matrix"), .right("shape"), .right("stable rank"), .right("effective rank"), .right("of 9/10"),
      .right("best V sees"), .right("drawn V see"), .right("r / n"),
    ])
    for spectrum in self {
      table.rows.append([
        spectrum.name, "\(spectrum.rows) x \(spectrum.columns)", Human.fixed(spectrum.stableRank, 1),
        Human.fixed(spectrum.effectiveRank, 1), spectrum.rankOfNineTenths.map { "\($0)" } ?? "-",
        // A gradient of 0 has no shares. An example is the gradient of LoRA's A before the first step.
        spectrum.isZero ? "-" : Human.percent(spectrum.part(spectrum.rank)),
        spectrum.isZero
          ? "-" : "\(Human.fixed(100 * spectrum.seen.mean, 2)) ± \(Human.fixed(100 * spectrum.seen.deviation, 2))%",
        Human.fixed(100 * Double(spectrum.rank) / Double(spectrum.columns), 2) + "%",
      ])
    }
    return "the rank of the gradient, and what a low-rank estimate of rank \(rank) sees of it\n\n\(table.text)"
  }
}
