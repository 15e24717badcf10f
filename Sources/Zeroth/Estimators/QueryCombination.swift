/// How the q queries of a step become one estimate, from their coefficients c_i and directions z_i.
///
///     mean:           g = 1/q sum_i c_i z_i             the gradient in the mean
///     sum:            g = sum_i c_i z_i                 q times that
///     least-squares:  g = sum_i w_i z_i, Z^T Z w = c    the part of the gradient in the span of the directions
///
/// At one rate for all q, the mean makes a step less noisy and no longer; the sum and least squares also make it longer, as more
/// queries know more of the gradient (arXiv 2509.15552). In d >> q dimensions Z^T Z is near d I, and least squares is the sum
/// divided by d, at a rate that is d times as high.
public enum QueryCombination: String, CaseIterable, Sendable, Hashable {
  case mean, sum
  case leastSquares = "least-squares"

  /// How many queries least squares takes: it holds as many rows of noise at once.
  public static let leastSquaresRange = NumericRange.between(1, 256)

  /// Throws when there are more queries than least squares takes.
  public func validate(queries: Schedule) throws(InputError) {
    guard self == .leastSquares else { return }
    try queries.validate("queries with least-squares", Self.leastSquaresRange, isCount: true)
  }

  /// The weights that `directions`, measured with the coefficients `c`, have in the estimate.
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

/// Z^T Z of some directions, q x q, in double.
struct Gram {
  private let count: Int
  private var entries: [Double]

  /// The products of `directions` with each other on the trainable blocks, added over panels in their order.
  init<D: Direction>(_ directions: Few<D>, in layout: ParameterLayout) {
    let q = directions.count
    count = q
    entries = [Double](repeating: 0, count: q * q)
    let panels = Panel.cut(layout.trainable)
    let together = 64  // so many have their products apart until they are added
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

  /// w with Z^T Z w = c, by Cholesky. A floor under the pivots keeps directions that depend on each other finite.
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
