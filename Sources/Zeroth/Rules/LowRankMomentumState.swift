/// N of every matrix and m of every vector, with the direction whose V they belong to.
final class LowRankMomentumState: @unchecked Sendable {
  private let layout: ParameterLayout
  /// V is read from here.
  private(set) var direction: any LowRankDirection
  /// By block; empty for one that is not trainable.
  private var factors: [[Float]]

  init(_ direction: any LowRankDirection, _ layout: ParameterLayout) {
    self.layout = layout
    self.direction = direction
    factors = layout.blocks.map { block in
      guard block.isTrainable else { return [] }
      return [Float](repeating: 0, count: block.isMatrix ? block.rows * direction.rank : block.count)
    }
  }

  private init(copying other: LowRankMomentumState) {
    layout = other.layout
    direction = other.direction
    factors = other.factors
  }

  func copy() -> LowRankMomentumState { LowRankMomentumState(copying: self) }

  var count: Int { factors.reduce(0) { $0 + $1.count } }

  func left(of block: ParameterBlock) -> [Float] { factors[block.index] }

  /// Reads N or m of `block` without copying it.
  func withFactor<R>(of block: ParameterBlock, _ body: (UnsafeBufferPointer<Float>) -> R) -> R {
    factors[block.index].withUnsafeBufferPointer(body)
  }

  /// Re-expresses N in the V of `new`, if it is another one.
  func moveTo<D: LowRankDirection>(_ new: D, refresh: LowRankMomentum<D>.Refresh) {
    defer { direction = new }
    guard new.rightKey != direction.rightKey else { return }
    let r = new.rank
    for block in layout.trainable where block.isMatrix {
      guard refresh != .reset else {
        factors[block.index] = [Float](repeating: 0, count: block.rows * r)
        continue
      }
      let old = direction.right(of: block)
      let fresh = new.right(of: block)
      let crossed = gram(old, fresh, rank: r, columns: block.columns)
      let carry =
        refresh == .exact
        ? solve(crossed, gram(fresh, fresh, rank: r, columns: block.columns), rank: r)
        : crossed.map { $0 / Double(block.columns) }
      multiply(&factors[block.index], by: carry, rank: r)
    }
  }

  /// N = decay N + weight_i U_i, and the same for m and z.
  func decayAndAdd<D: LowRankDirection>(_ decay: Float, _ terms: [(weight: Float, direction: D)]) {
    for block in layout.trainable {
      factors[block.index].withUnsafeMutableBufferPointer { values in
        for i in values.indices { values[i] *= decay }
        for term in terms {
          if block.isMatrix, let start = values.baseAddress {
            term.direction.addLeft(of: block, rows: 0..<block.rows, scale: term.weight, to: start)
          } else {
            var span = values.mutableSpan
            term.direction.add(to: &span, of: block, rows: 0..<block.rows, scale: term.weight)
          }
        }
      }
    }
  }

  /// A B^T of two r x n matrices (V_old^T V_new in the paper's shapes), r x r, in double.
  private func gram(_ a: [Float], _ b: [Float], rank r: Int, columns n: Int) -> [Double] {
    var result = [Double](repeating: 0, count: r * r)
    for i in 0..<r {
      for j in 0..<r {
        var sum = 0.0
        for k in 0..<n { sum += Double(a[i * n + k]) * Double(b[j * n + k]) }
        result[i * r + j] = sum
      }
    }
    return result
  }

  /// X with X S = A, S symmetric positive definite: by Cholesky, S = L L^T. A floor under the pivots keeps a singular S
  /// (more factors than columns) finite.
  private func solve(_ a: [Double], _ s: [Double], rank r: Int) -> [Double] {
    var l = s
    let ridge = 1e-12 * (0..<r).reduce(0) { $0 + s[$1 * r + $1] }
    for i in 0..<r {
      for j in 0...i {
        var sum = s[i * r + j]
        for k in 0..<j { sum -= l[i * r + k] * l[j * r + k] }
        l[i * r + j] = i == j ? max(sum, ridge).squareRoot() : sum / l[j * r + j]
      }
    }
    var x = a
    for row in 0..<r {
      for i in 0..<r {
        var sum = x[row * r + i]
        for k in 0..<i { sum -= l[i * r + k] * x[row * r + k] }
        x[row * r + i] = sum / l[i * r + i]
      }
      for i in (0..<r).reversed() {
        var sum = x[row * r + i]
        for k in (i + 1)..<r { sum -= l[k * r + i] * x[row * r + k] }
        x[row * r + i] = sum / l[i * r + i]
      }
    }
    return x
  }

  /// N <- N C, row by row.
  private func multiply(_ n: inout [Float], by c: [Double], rank r: Int) {
    n.withUnsafeMutableBufferPointer { n in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: r) { row in
        for start in stride(from: 0, to: n.count, by: r) {
          for j in 0..<r { row[j] = (0..<r).reduce(0.0) { $0 + Double(n[start + $1]) * c[$1 * r + j] } }
          for j in 0..<r { n[start + j] = Float(row[j]) }
        }
      }
    }
  }
}

/// The update of LOZO-M: scale N V^T / r on matrices, scale m on vectors.
public struct LowRankMomentumUpdate: LowRankDirection {
  private let state: LowRankMomentumState
  private let scale: Float

  init(_ state: LowRankMomentumState, scale: Float) {
    self.state = state
    self.scale = scale
  }

  /// The rank r.
  public var rank: Int { state.direction.rank }
  /// The learning rate's sign and size, and the estimate's 1/r.
  public var matrixScale: Float { scale * state.direction.matrixScale }
  /// The V that N belongs to.
  public var rightKey: StreamKey { state.direction.rightKey }

  /// Rows of N.
  public func writeLeft(
    of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
  ) {
    state.withFactor(of: block) { n in
      _ = values.update(fromContentsOf: n[(rows.lowerBound * rank)..<(rows.upperBound * rank)])
    }
  }

  /// V^T.
  public func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    state.direction.writeRight(of: block, into: values)
  }

  /// values += scale times the update's rows.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard !block.isMatrix else {
      addLowRank(to: &values, of: block, rows: rows, scale: scale * matrixScale)
      return
    }
    state.withFactor(of: block) { m in
      for i in 0..<values.count { values[i] += scale * self.scale * m[rows.lowerBound + i] }
    }
  }
}
