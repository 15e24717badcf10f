import CZeroth
import Zeroth

extension Weights {
  /// A matrix for the rows `rows` of each variant of `x`, to be filled by `select`.
  ///
  /// Where the rows ascend and nothing is recorded, it is the beginning of the memory of x, so no more memory is taken.
  /// `select` then moves the rows up one after another, and never overwrites a row that it still has to read.
  func place(for rows: [Int], of x: Matrix) -> Matrix {
    let isAscending = zip(rows, rows.dropFirst()).allSatisfy { $0 < $1 }
    return isAscending && tape == nil
      ? Matrix(base: x.base, rows: variants * rows.count, columns: x.columns)
      : workspace.matrix(variants * rows.count, x.columns)
  }

  /// y = the rows `rows` of each variant of `x`. y may be the matrix that `place(for:of:)` gives for them.
  func select(_ rows: [Int], of x: Matrix, into y: Matrix) {
    for v in 0..<variants {
      for (i, row) in rows.enumerated() {
        y.row(v * rows.count + i).update(from: x.row(v * (x.rows / variants) + row), count: x.columns)
      }
    }
    if let tape {
      tape.record { [self] in
        let (d, source) = (adjoint(of: y), adjoint(of: x))
        for (i, row) in rows.enumerated() { zeroth_axpy(x.columns, 1, d.row(i), source.row(row)) }
        d.clear()
      }
    }
  }

  /// The rows `rows` of each variant of `x`. The values of `x` may be overwritten.
  func select(_ rows: [Int], of x: Matrix) -> Matrix {
    let y = place(for: rows, of: x)
    select(rows, of: x, into: y)
    return y
  }
}
