import Zeroth

extension Weights {
  /// A place for the rows `rows` of `x`: x's own where they ascend, as `select` then moves them up.
  func place(for rows: [Int], of x: Matrix) -> Matrix {
    let isAscending = zip(rows, rows.dropFirst()).allSatisfy { $0 < $1 }
    return isAscending
      ? Matrix(base: x.base, rows: variants * rows.count, columns: x.columns)
      : workspace.matrix(variants * rows.count, x.columns)
  }

  /// y = the rows `rows` of each variant of `x`; y may be their `place`.
  func select(_ rows: [Int], of x: Matrix, into y: Matrix) {
    for v in 0..<variants {
      for (i, row) in rows.enumerated() {
        y.row(v * rows.count + i).update(from: x.row(v * (x.rows / variants) + row), count: x.columns)
      }
    }
  }

  /// The rows `rows` of each variant of `x`, which is given up for them.
  func select(_ rows: [Int], of x: Matrix) -> Matrix {
    let y = place(for: rows, of: x)
    select(rows, of: x, into: y)
    return y
  }
}
