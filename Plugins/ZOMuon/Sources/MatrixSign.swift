import Zeroth

/// The iteration of Newton and Schulz for msign(C), with the coefficients of Muon:
///
///     X_0 = C / ||C||,   X_{k+1} = (a + b A_k + c A_k^2) X_k,   A_k = X_k X_k^T
///
/// All A_k have the eigenvectors of A_0. So with P_k = a + b A_k + c A_k^2, A_{k+1} = P_k A_k P_k and the result is
/// P_{K-1} ... P_0 X_0. Only A_0 and the last product need C. The cost is 4 s^2 n products, where s is the smaller side
/// and n the larger, and s^3 for each iteration, in double and in a fixed order. Where C has more rows than columns, A
/// is C^T C and multiplies from the right.
struct MatrixSign {
  let iterations: Int
  private let a = 3.4445
  private let b = -4.7750
  private let c = 2.0315

  init(iterations: Int) { self.iterations = iterations }

  /// values = scale msign(values), where `values` is a matrix of `rows` rows. A matrix of zeros stays zero.
  func callAsFunction(_ values: UnsafeMutableBufferPointer<Float>, rows: Int, scale: Double) {
    let columns = values.count / rows
    let s = min(rows, columns)
    var gram = rows <= columns ? rowProducts(values, rows, columns) : columnProducts(values, rows, columns)
    let square = (0..<s).reduce(0) { $0 + gram[$1 * s + $1] }
    guard square > 0 else { return }
    for i in gram.indices { gram[i] /= square }
    var factor = polynomial(of: gram, s)
    var part = factor
    for _ in 1..<max(1, iterations) {
      gram = multiply(multiply(part, gram, s), part, s)
      part = polynomial(of: gram, s)
      factor = multiply(part, factor, s)
    }
    let last = factor.map { Float($0 * scale / square.squareRoot()) }
    if rows <= columns {
      multiplyLeft(last, values, rows, columns)
    } else {
      multiplyRight(values, last, rows, columns)
    }
  }

  /// The polynomial a + b A + c A^2 of A = `gram`.
  private func polynomial(of gram: [Double], _ s: Int) -> [Double] {
    var result = multiply(gram, gram, s)
    for i in result.indices { result[i] = c * result[i] + b * gram[i] + (i % (s + 1) == 0 ? a : 0) }
    return result
  }

  /// The product x y of two s x s matrices, row by row.
  private func multiply(_ x: [Double], _ y: [Double], _ s: Int) -> [Double] {
    var result = [Double](repeating: 0, count: s * s)
    result.withUnsafeMutableBufferPointer { result in
      x.withUnsafeBufferPointer { x in
        y.withUnsafeBufferPointer { y in
          for i in 0..<s {
            for k in 0..<s {
              let weight = x[i * s + k]
              for j in 0..<s { result[i * s + j] += weight * y[k * s + j] }
            }
          }
        }
      }
    }
    return result
  }

  /// C C^T, rows x rows. Each inner product is computed as eight partial sums, which a processor adds in parallel.
  private func rowProducts(_ c: UnsafeMutableBufferPointer<Float>, _ rows: Int, _ columns: Int) -> [Double] {
    var result = [Double](repeating: 0, count: rows * rows)
    let whole = columns / 8 * 8
    for i in 0..<rows {
      for j in 0...i {
        var sums = SIMD8<Double>()
        for k in stride(from: 0, to: whole, by: 8) {
          for lane in 0..<8 { sums[lane] += Double(c[i * columns + k + lane]) * Double(c[j * columns + k + lane]) }
        }
        let sum = (whole..<columns).reduce(sums.sum()) {
          $0 + Double(c[i * columns + $1]) * Double(c[j * columns + $1])
        }
        result[i * rows + j] = sum
        result[j * rows + i] = sum
      }
    }
    return result
  }

  /// C^T C, columns x columns, summed over the rows of C.
  private func columnProducts(_ c: UnsafeMutableBufferPointer<Float>, _ rows: Int, _ columns: Int) -> [Double] {
    var result = [Double](repeating: 0, count: columns * columns)
    result.withUnsafeMutableBufferPointer { result in
      for row in 0..<rows {
        for i in 0..<columns {
          let weight = Double(c[row * columns + i])
          for j in 0..<columns { result[i * columns + j] += weight * Double(c[row * columns + j]) }
        }
      }
    }
    return result
  }

  /// values = factor values.
  private func multiplyLeft(
    _ factor: [Float], _ values: UnsafeMutableBufferPointer<Float>, _ rows: Int, _ columns: Int
  ) {
    withScratch(values.count) { before in
      _ = before.initialize(fromContentsOf: values)
      for i in 0..<rows {
        let row = UnsafeMutableBufferPointer(rebasing: values[(i * columns)..<((i + 1) * columns)])
        row.update(repeating: 0)
        for k in 0..<rows {
          let weight = factor[i * rows + k]
          for j in 0..<columns { row[j] += weight * before[k * columns + j] }
        }
      }
    }
  }

  /// values = values factor.
  private func multiplyRight(
    _ values: UnsafeMutableBufferPointer<Float>, _ factor: [Float], _ rows: Int, _ columns: Int
  ) {
    withScratch(columns) { before in
      for i in 0..<rows {
        let row = UnsafeMutableBufferPointer(rebasing: values[(i * columns)..<((i + 1) * columns)])
        _ = before.initialize(fromContentsOf: row)
        row.update(repeating: 0)
        for k in 0..<columns {
          for j in 0..<columns { row[j] += before[k] * factor[k * columns + j] }
        }
      }
    }
  }
}
