/// Converts the momentum N of LOZO-M to a new V, so that N V^T changes as little as possible:
///
///     N <- N (V_old^T V_new)(V_new^T V_new)^{-1}        with n I for V_new^T V_new where `isExact` is false
///
/// All memory is allocated when it is made, because a step must not allocate.
struct MomentumCarry {
  private let rank: Int
  /// V_old^T and V_new^T of a matrix, each r x n.
  private var old, new: [Float]
  /// `crossed` is V_old^T V_new, and then the matrix by which N is multiplied. `squared` is V_new^T V_new, and then its
  /// Cholesky factor. Both are r x r, in double.
  private var crossed, squared: [Double]
  private var row: [Double]

  /// Memory for matrices of at most `columns` columns.
  init(rank: Int, columns: Int) {
    self.rank = rank
    old = [Float](repeating: 0, count: rank * columns)
    new = old
    crossed = [Double](repeating: 0, count: rank * rank)
    squared = crossed
    row = [Double](repeating: 0, count: rank)
  }

  /// Converts `n` (m x r), the momentum of `block` for the V of `direction`, to the V of `next`.
  mutating func move(
    _ n: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from direction: any LowRankDirection,
    to next: some LowRankDirection, isExact: Bool
  ) {
    let count = rank * block.columns
    old.withUnsafeMutableBufferPointer { direction.writeRight(of: block, into: .init(rebasing: $0[..<count])) }
    new.withUnsafeMutableBufferPointer { next.writeRight(of: block, into: .init(rebasing: $0[..<count])) }
    Self.multiply(old, new, rank: rank, columns: block.columns, into: &crossed)
    if isExact {
      Self.multiply(new, new, rank: rank, columns: block.columns, into: &squared)
      solve()
    } else {
      for i in crossed.indices { crossed[i] /= Double(block.columns) }
    }
    for start in stride(from: 0, to: n.count, by: rank) {
      for j in 0..<rank { row[j] = (0..<rank).reduce(0.0) { $0 + Double(n[start + $1]) * crossed[$1 * rank + j] } }
      for j in 0..<rank { n[start + j] = Float(row[j]) }
    }
  }

  /// result = A B^T of two r x n matrices.
  private static func multiply(
    _ a: [Float], _ b: [Float], rank r: Int, columns n: Int, into result: inout [Double]
  ) {
    for i in 0..<r {
      for j in 0..<r {
        var sum = 0.0
        for k in 0..<n { sum += Double(a[i * n + k]) * Double(b[j * n + k]) }
        result[i * r + j] = sum
      }
    }
  }

  /// Replaces `crossed` by the X with X squared = crossed, where `squared` is symmetric and positive definite: by
  /// Cholesky, squared = L L^T. A lower bound on the pivots keeps X finite where `squared` is singular (more factors
  /// than columns).
  private mutating func solve() {
    let r = rank
    let ridge = 1e-12 * (0..<r).reduce(0) { $0 + squared[$1 * r + $1] }
    for i in 0..<r {
      for j in 0...i {
        var sum = squared[i * r + j]
        for k in 0..<j { sum -= squared[i * r + k] * squared[j * r + k] }
        squared[i * r + j] = i == j ? max(sum, ridge).squareRoot() : sum / squared[j * r + j]
      }
    }
    for row in 0..<r {
      for i in 0..<r {
        var sum = crossed[row * r + i]
        for k in 0..<i { sum -= squared[i * r + k] * crossed[row * r + k] }
        crossed[row * r + i] = sum / squared[i * r + i]
      }
      for i in (0..<r).reversed() {
        var sum = crossed[row * r + i]
        for k in (i + 1)..<r { sum -= squared[k * r + i] * crossed[row * r + k] }
        crossed[row * r + i] = sum / squared[i * r + i]
      }
    }
  }
}
