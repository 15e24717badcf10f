/// The state of LOZO-M: N of every matrix, m of every vector, and a direction that has the V to which N belongs.
final class LowRankMomentumState: @unchecked Sendable {
  private let layout: ParameterLayout
  /// The direction from which V is read.
  private(set) var direction: any LowRankDirection
  /// N or m of each block, by its index; empty for a frozen block.
  private var factors: [[Float]]
  private var carry: MomentumCarry

  init(_ direction: any LowRankDirection, _ layout: ParameterLayout) {
    self.layout = layout
    self.direction = direction
    factors = layout.blocks.map { block in
      guard block.isTrainable else { return [] }
      return [Float](repeating: 0, count: block.isMatrix ? block.rows * direction.rank : block.count)
    }
    carry = MomentumCarry(rank: direction.rank, columns: layout.trainable.map(\.columns).max() ?? 0)
  }

  /// A state of the right type to be filled from a checkpoint.
  init(_ layout: ParameterLayout, _ generator: RandomGenerator) {
    self.layout = layout
    direction = StoredRightFactors(
      rank: 0, rightKey: StreamKey(seed: 0, generator: generator), matrixScale: 1, rights: [:])
    factors = layout.blocks.map { _ in [] }
    carry = MomentumCarry(rank: 0, columns: 0)
  }

  /// Saves or restores N, m and V. V is written in full, because it may come from any kind of direction.
  func code(_ state: StateCoder) throws(InputError) {
    var (rank, key) = (direction.rank, direction.rightKey)
    var scale = Double(direction.matrixScale)
    try state.code("rank", &rank)
    try state.code("right-key", &key)
    try state.code("matrix-scale", &scale)
    guard rank > 0, rank <= max(layout.parameterCount, 65535) else {
      throw state.error("rank", found: "\(rank)", expected: "at least 1")
    }
    var rights: [Int: [Float]] = [:]
    for block in layout.trainable {
      var right = block.isMatrix && !state.isRestoring ? direction.right(of: block) : []
      if block.isMatrix { try state.code("right.\(block.name)", &right, count: rank * block.columns) }
      rights[block.index] = right
      try state.code(
        "left.\(block.name)", &factors[block.index], count: block.isMatrix ? block.rows * rank : block.count)
    }
    guard state.isRestoring else { return }
    direction = StoredRightFactors(rank: rank, rightKey: key, matrixScale: Float(scale), rights: rights)
    carry = MomentumCarry(rank: rank, columns: layout.trainable.map(\.columns).max() ?? 0)
  }

  private init(copying other: LowRankMomentumState) {
    layout = other.layout
    direction = other.direction
    factors = other.factors
    carry = other.carry
  }

  func copy() -> LowRankMomentumState { LowRankMomentumState(copying: self) }

  var count: Int { factors.reduce(0) { $0 + $1.count } }

  func left(of block: ParameterBlock) -> [Float] { factors[block.index] }

  /// Calls `body` with N or m of `block`, without copying it.
  func withFactor<R>(of block: ParameterBlock, _ body: (UnsafeBufferPointer<Float>) -> R) -> R {
    factors[block.index].withUnsafeBufferPointer(body)
  }

  /// Converts N to the V of `new`, if that is another V.
  func moveTo<D: LowRankDirection>(_ new: D, refresh: LowRankMomentum<D>.Refresh) {
    defer { direction = new }
    guard new.rightKey != direction.rightKey else { return }
    for block in layout.trainable where block.isMatrix {
      factors[block.index].withUnsafeMutableBufferPointer { n in
        if refresh == .reset {
          n.update(repeating: 0)
        } else {
          carry.move(n, of: block, from: direction, to: new, isExact: refresh == .exact)
        }
      }
    }
  }

  /// N = decay N + sum_i weight_i U_i, and the same for m and z.
  func decayAndAdd<D: LowRankDirection>(_ decay: Float, _ terms: Few<(weight: Float, direction: D)>) {
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
}

/// The V of a direction, read from a checkpoint. Nothing else of the direction is needed to convert the momentum.
private struct StoredRightFactors: LowRankDirection {
  let rank: Int
  let rightKey: StreamKey
  let matrixScale: Float
  /// The factor V^T of each matrix, r x n.
  let rights: [Int: [Float]]

  func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    _ = values.update(fromContentsOf: rights[block.index] ?? [])
  }

  func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    preconditionFailure("U of an earlier step is not kept")
  }

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    preconditionFailure("a direction of an earlier step is not kept")
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

  /// A direction with the V of this update.
  var source: any LowRankDirection { state.direction }
  /// The rank r.
  public var rank: Int { state.direction.rank }
  /// -eta, times the factor 1/r of the estimate.
  public var matrixScale: Float { scale * state.direction.matrixScale }
  /// Identifies the V to which N belongs.
  public var rightKey: StreamKey { state.direction.rightKey }

  /// Writes rows of N.
  public func writeLeft(
    of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
  ) {
    state.withFactor(of: block) { n in
      _ = values.update(fromContentsOf: n[(rows.lowerBound * rank)..<(rows.upperBound * rank)])
    }
  }

  /// Writes V^T, r x n.
  public func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    state.direction.writeRight(of: block, into: values)
  }

  /// values += scale times these rows of the update.
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
