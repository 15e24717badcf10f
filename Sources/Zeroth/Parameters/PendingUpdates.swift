import CZeroth

/// A factor B V^T that belongs to a matrix and is kept apart from it: B is m x r, V^T r x n, both row by row.
public struct LowRankTerm: @unchecked Sendable {
  /// r, the columns of B and the rows of V^T.
  public let rank: Int
  /// B, m x r.
  public let left: UnsafePointer<Float>
  /// V^T, r x n.
  public let right: UnsafePointer<Float>
  /// Names V, as in `LowRankDirection.rightKey`.
  public let rightKey: StreamKey
}

/// The low-rank updates since the matrices were last written: W + B V^T for each, with one V for as long as it stays.
///
/// For speed alone: it stands for adding each update to W at once. Within a LOZO window V is constant ([LOZO]: lazy
/// sampling), the updates of a window add up in B, and W is read and written once for all of them.
///
/// Costs r (m + n) floats for each trainable matrix.
final class PendingUpdates: @unchecked Sendable {
  let rank: Int
  private(set) var rightKey: StreamKey
  /// Draws V, where V is drawn from its key.
  private(set) var source: LowRankProbe?
  private let memory: UnsafeMutablePointer<Float>
  private let count: Int
  private let places: [Int: (left: Int, right: Int)]

  /// B = 0 and V of `direction`, on the matrices of `blocks`.
  convenience init(_ direction: any LowRankDirection, _ blocks: [ParameterBlock]) {
    self.init(rank: direction.rank, rightKey: direction.rightKey, blocks)
    begin(direction, blocks)
  }

  /// Zeros for B and V, on the matrices of `blocks`; `source` draws V, which is filled in by someone else.
  convenience init(rank: Int, rightKey: StreamKey, source: LowRankProbe? = nil, _ blocks: [ParameterBlock]) {
    var places: [Int: (left: Int, right: Int)] = [:]
    var count = 0
    for block in blocks where block.isMatrix {
      places[block.index] = (count, count + block.rows * rank)
      count += (block.rows + block.columns) * rank
    }
    self.init(rank: rank, rightKey: rightKey, places: places, count: count)
    self.source = source
  }

  /// B and V of all matrices, as they lie in memory.
  var values: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: memory, count: count) }

  /// V of `direction`, which has the same rank, in place of the one before; B is to be 0.
  func begin(_ direction: any LowRankDirection, _ blocks: [ParameterBlock]) {
    rightKey = direction.rightKey
    source = direction.rightSource
    let drawing = Drawing(updates: self, direction: direction, blocks: blocks)
    Parallel.forEach(blocks.count, drawing)
  }

  /// What the threads share that draw V.
  private struct Drawing: ~Copyable, ParallelWork {
    let updates: PendingUpdates
    let direction: any LowRankDirection
    let blocks: [ParameterBlock]

    func run(_ i: Int, _: Int) {
      guard let place = updates.places[blocks[i].index] else { return }
      direction.writeRight(
        of: blocks[i],
        into: UnsafeMutableBufferPointer(
          start: updates.memory + place.right, count: blocks[i].columns * updates.rank))
    }
  }

  /// Zeros in these places.
  private init(rank: Int, rightKey: StreamKey, places: [Int: (left: Int, right: Int)], count: Int) {
    guard let memory = zeroth_allocate(count * MemoryLayout<Float>.stride) else {
      zeroth_end_without_memory("\(count) floats of low-rank updates")
    }
    self.rank = rank
    self.rightKey = rightKey
    self.memory = memory.assumingMemoryBound(to: Float.self)
    self.count = count
    self.places = places
  }

  deinit { zeroth_deallocate(memory, count * MemoryLayout<Float>.stride) }

  /// B and V of `block`.
  func term(of block: ParameterBlock) -> LowRankTerm? {
    places[block.index].map {
      LowRankTerm(rank: rank, left: memory + $0.left, right: memory + $0.right, rightKey: rightKey)
    }
  }

  /// B += scale U for the rows `rows` of `block`.
  func add(_ direction: any LowRankDirection, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard let place = places[block.index] else { return }
    direction.addLeft(of: block, rows: rows, scale: scale, to: memory + place.left + rows.lowerBound * rank)
  }

  /// Whether B is other than 0 on `block`.
  func isMoved(_ block: ParameterBlock) -> Bool {
    guard let place = places[block.index] else { return false }
    return (0..<(block.rows * rank)).contains { memory[place.left + $0] != 0 }
  }

  /// B = factor B on `block`.
  func scale(_ block: ParameterBlock, by factor: Float) {
    guard let place = places[block.index] else { return }
    zeroth_scale(block.rows * rank, factor, memory + place.left)
  }

  /// B = 0 on `block`.
  func clear(_ block: ParameterBlock) {
    guard let place = places[block.index] else { return }
    (memory + place.left).update(repeating: 0, count: block.rows * rank)
  }

  /// A copy that shares nothing.
  func copy() -> PendingUpdates {
    let copy = PendingUpdates(rank: rank, rightKey: rightKey, places: places, count: count)
    copy.memory.update(from: memory, count: count)
    copy.source = source
    return copy
  }
}
