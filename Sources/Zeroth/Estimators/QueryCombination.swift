/// How the q queries of a step are combined into one estimate, from their coefficients c_i and directions z_i.
///
///     mean:           g = 1/q sum_i c_i z_i             its mean is the gradient
///     sum:            g = sum_i c_i z_i                 q times the mean
///     least-squares:  g = sum_i w_i z_i, Z^T Z w = c    the projection of the gradient on the span of the directions
///
/// Consider one learning rate for all q. With the mean, more queries make a step less noisy but not longer. With the
/// sum and with least squares they also make it longer, because more queries know more of the gradient (arXiv
/// 2509.15552). Where d >> q, Z^T Z is close to d I. Least squares is then close to the sum divided by d, and needs a
/// learning rate that is d times as high.
public enum QueryCombination: String, CaseIterable, Sendable, Hashable {
  case mean, sum
  case leastSquares = "least-squares"

  /// The range of the number of queries for least squares, which holds as many rows of noise in memory at once.
  public static let leastSquaresRange = NumericRange.between(1, 256)

  /// Throws `InputError` when there are more queries than least squares allows.
  public func validate(queries: Schedule) throws(InputError) {
    guard self == .leastSquares else { return }
    try queries.validate("queries with least-squares", Self.leastSquaresRange, isCount: true)
  }

  /// The weights in the estimate of `directions`, which were measured with the coefficients `c`.
  func weights<D: Direction>(
    _ c: Few<Double>, of directions: Few<D>, in layout: ParameterLayout
  ) -> Few<Double> {
    switch self {
    case .mean: c.map { $0 / Double(c.count) }
    case .sum: c
    case .leastSquares: Gram(directions, in: layout).solved(for: c)
    }
  }
}

/// The Gram matrix Z^T Z of some directions, q x q, in double.
struct Gram {
  private let count: Int
  private var entries: [Double]

  /// The inner products of `directions` on the trainable blocks, summed over panels in their order.
  init<D: Direction>(_ directions: Few<D>, in layout: ParameterLayout) {
    let q = directions.count
    count = q
    entries = [Double](repeating: 0, count: q * q)
    let panels = Panel.cut(layout.trainable)
    let together = 64  // the number of panels whose products are computed in parallel before they are added
    var parts = [Double](repeating: 0, count: together * q * q)
    for first in stride(from: 0, to: panels.count, by: together) {
      let few = min(together, panels.count - first)
      parts.withUnsafeMutableBufferPointer { parts in
        nonisolated(unsafe) let parts = parts
        Parallel.forEach(few) { i in
          let part = UnsafeMutableBufferPointer(rebasing: parts[(i * q * q)..<((i + 1) * q * q)])
          Self.products(directions, on: panels[first + i], into: part)
        }
      }
      for i in 0..<few { for j in 0..<(q * q) { entries[j] += parts[i * q * q + j] } }
    }
  }

  private static func products<D: Direction>(
    _ directions: Few<D>, on panel: Panel, into result: UnsafeMutableBufferPointer<Double>
  ) {
    let (q, count) = (directions.count, panel.rows.count * panel.block.columns)
    withScratch(q * count) { z in
      z.initialize(repeating: 0)
      for i in 0..<q where directions[i].touches(panel.block) {
        var span = UnsafeMutableBufferPointer(rebasing: z[(i * count)..<((i + 1) * count)]).mutableSpan
        directions[i].write(to: &span, of: panel.block, rows: panel.rows)
      }
      for i in 0..<q {
        for j in 0...i {
          var sum = 0.0
          for k in 0..<count { sum += Double(z[i * count + k]) * Double(z[j * count + k]) }
          result[i * q + j] = sum
          result[j * q + i] = sum
        }
      }
    }
  }

  /// The solution w of Z^T Z w = c, by Cholesky. A lower bound on the pivots keeps the result finite where the
  /// directions are linearly dependent.
  func solved(for c: Few<Double>) -> Few<Double> {
    var l = entries
    let floor = 1e-12 * (0..<count).reduce(0) { $0 + entries[$1 * count + $1] }
    for i in 0..<count {
      for j in 0...i {
        var sum = l[i * count + j]
        for k in 0..<j { sum -= l[i * count + k] * l[j * count + k] }
        l[i * count + j] = i == j ? max(sum, floor).squareRoot() : sum / l[j * count + j]
      }
    }
    var w = Array(c)
    for i in 0..<count {
      for k in 0..<i { w[i] -= l[i * count + k] * w[k] }
      w[i] /= l[i * count + i]
    }
    for i in (0..<count).reversed() {
      for k in (i + 1)..<count { w[i] -= l[k * count + i] * w[k] }
      w[i] /= l[i * count + i]
    }
    return Few(w)
  }
}
