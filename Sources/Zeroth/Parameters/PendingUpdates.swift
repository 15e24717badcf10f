import CZeroth

/// A low-rank term B V^T that is to be added to a matrix but is kept apart from it. B is m x r, V^T is r x n, both row
/// by row.
public struct LowRankTerm: @unchecked Sendable {
  /// The rank r: the columns of B and the rows of V^T.
  public let rank: Int
  /// The factor B, m x r.
  public let left: UnsafePointer<Float>
  /// The factor V^T, r x n.
  public let right: UnsafePointer<Float>
  /// Identifies V, as in `LowRankDirection.rightKey`.
  public let rightKey: StreamKey
}

/// The low-rank updates since the matrices were last written: the value of each matrix is W + B V^T. One V is used for
/// as long as the directions keep it.
///
/// This is done for speed alone. The result is that of adding each update to W at once. Within a window of LOZO, V is
/// constant ([LOZO]: lazy sampling), so the updates of a window add up in B, and W is read and written once for all of
/// them.
///
/// Costs r (m + n) floats for each trainable matrix.
final class PendingUpdates: @unchecked Sendable {
  let rank: Int
  private(set) var rightKey: StreamKey
  /// Draws V again from its key; nil where V was not drawn from a key.
  private(set) var source: LowRankProbe?
  private let memory: UnsafeMutablePointer<Float>
  private let count: Int
  private let places: [Int: (left: Int, right: Int)]

  /// Sets B = 0 and takes V from `direction`, for the matrices among `blocks`.
  convenience init(_ direction: any LowRankDirection, _ blocks: [ParameterBlock]) {
    self.init(rank: direction.rank, rightKey: direction.rightKey, blocks)
    begin(direction, blocks)
  }

  /// Zeros for B and V, for the matrices among `blocks`. `source` draws V; the caller fills in V.
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

  /// The floats of B and V of all matrices, in the order in which they lie in memory.
  var values: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: memory, count: count) }

  /// Replaces V by that of `direction`, which has the same rank. B has to be 0 at this time.
  func begin(_ direction: any LowRankDirection, _ blocks: [ParameterBlock]) {
    rightKey = direction.rightKey
    source = direction.rightSource
    let drawing = Drawing(updates: self, direction: direction, blocks: blocks)
    Parallel.forEach(blocks.count, drawing)
  }

  /// The work of the threads that draw V.
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

  /// Zeros for B and V at these offsets.
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

  /// The factors B and V^T of `block`; nil for a block that is not a matrix.
  func term(of block: ParameterBlock) -> LowRankTerm? {
    places[block.index].map {
      LowRankTerm(rank: rank, left: memory + $0.left, right: memory + $0.right, rightKey: rightKey)
    }
  }

  /// B += scale U for the rows `rows` of `block`, where U is the left factor of `direction`.
  func add(_ direction: any LowRankDirection, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard let place = places[block.index] else { return }
    direction.addLeft(of: block, rows: rows, scale: scale, to: memory + place.left + rows.lowerBound * rank)
  }

  /// Whether B has an element other than 0 on `block`.
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

  /// A copy with its own memory.
  func copy() -> PendingUpdates {
    let copy = PendingUpdates(rank: rank, rightKey: rightKey, places: places, count: count)
    copy.memory.update(from: memory, count: count)
    copy.source = source
    return copy
  }
}
