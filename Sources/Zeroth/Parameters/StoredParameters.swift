import CZeroth

/// Blocks that are stored outside the store's own fp32 memory, such as in a mapped file.
///
/// Blocks in half precision may be written. Quantised blocks, and blocks in memory that cannot be written, are frozen.
public struct StoredBlocks: @unchecked Sendable {
  /// The place and the format of one block.
  public struct Place {
    let address: UnsafeRawPointer
    let format: ElementFormat
    let order: RowOrder
    /// Whether the values may change. A quantised block never does.
    let isWritable: Bool

    /// Rows of `format` that start at `address` and stand in `order`. They are only read. Rows in fp32 have to be
    /// aligned.
    public init(_ address: UnsafeRawPointer, _ format: ElementFormat, order: RowOrder = .plain) {
      self.address = address
      self.format = format
      self.order = order
      isWritable = false
    }

    /// Rows of half precision that start at `address`, in plain order. They may be written.
    public init(writable address: UnsafeMutableRawPointer, _ format: ElementFormat) {
      precondition(format == .bfloat16 || format == .float16, "other elements than halves are not written elsewhere")
      self.address = UnsafeRawPointer(address)
      self.format = format
      order = .plain
      isWritable = true
    }
  }

  let places: [Int: Place]
  private let owner: AnyObject

  /// The blocks with these indices at these places. The memory has to stay valid while `owner` lives, and only the
  /// store may write it.
  public init(_ places: [Int: Place], owner: AnyObject & Sendable) {
    self.places = places
    self.owner = owner
  }

  /// Whether `block` is stored here.
  public func contains(_ block: ParameterBlock) -> Bool { places[block.index] != nil }
}

/// The order in which the rows of a block stand in a file.
public enum RowOrder: Sendable, Hashable {
  /// The rows stand in their own order.
  case plain
  /// The rows of each head of `width` rows are interleaved: row j of the first half is followed by row j of the second
  /// half. So the file has row j, row j + width / 2, row j + 1 and so on, and the pairs that a rotary embedding turns
  /// are neighbours.
  case interleaved(width: Int)

  /// The position in the file of row `row` of the block.
  public func place(of row: Int) -> Int {
    guard case .interleaved(let width) = self else { return row }
    let (head, place) = row.quotientAndRemainder(dividingBy: width)
    let half = width / 2
    return head * width + place % half * 2 + place / half
  }
}

/// A function that reads rows of a block whose parameters live elsewhere into `target`, rows x columns.
package typealias ParameterReader =
  @Sendable (ParameterBlock, _ rows: Range<Int>, _ target: UnsafeMutablePointer<Float>) -> Void

/// The blocks of a store in the form in which they are stored, for backends that read them while the store is borrowed.
/// Unsafe: valid until the store is written or deinitialised.
///
/// The value of a block is what is stored, plus the `pending` term, plus what is `kept` where the base is never
/// written.
public struct StoredParameters: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  let elsewhere: StoredBlocks?
  let updates: PendingUpdates?
  let delta: LowRankDelta?
  let reader: ParameterReader?

  /// The format in which `block` is stored.
  public func format(of block: ParameterBlock) -> ElementFormat { elsewhere?.places[block.index]?.format ?? .float32 }

  /// The bytes of `block` in its format.
  public func bytes(of block: ParameterBlock) -> UnsafeRawBufferPointer {
    precondition(reader == nil, "parameters that are read through a function have no address")
    let start = elsewhere?.places[block.index]?.address ?? UnsafeRawPointer(base + block.offset)
    return UnsafeRawBufferPointer(start: start, count: format(of: block).bytes(of: block.count))
  }

  /// The address of a block that is stored in fp32 in plain order; nil for any other block.
  public func floats(of block: ParameterBlock) -> UnsafePointer<Float>? {
    guard reader == nil else { return nil }
    guard let place = elsewhere?.places[block.index] else { return UnsafePointer(base + block.offset) }
    return place.format == .float32 && place.order == .plain ? place.address.assumingMemoryBound(to: Float.self) : nil
  }

  /// The low-rank term that is still to be added to the stored values of `block`; nil for none.
  public func pending(of block: ParameterBlock) -> LowRankTerm? { updates?.term(of: block) }

  /// The updates of earlier windows of `block`, where the base is never written; nil for none.
  public func kept(of block: ParameterBlock) -> KeptFactors? { delta?.factors(of: block) }

  /// All that is to be added to the stored values of `block`, as one pair of factors: B, m x r, and V^T, r x n. Nil for
  /// nothing.
  public func factors(of block: ParameterBlock) -> (left: [Float], right: [Float], rank: Int)? {
    let (pending, kept) = (pending(of: block), kept(of: block))
    let rank = (pending?.rank ?? 0) + (kept?.rank ?? 0)
    guard rank > 0 else { return nil }
    let first = kept?.rank ?? 0
    let left = [Float](unsafeUninitializedCapacity: block.rows * rank) { buffer, count in
      if let start = buffer.baseAddress {
        kept?.putLeft(rows: 0..<block.rows, into: start, stride: rank)
        if let pending { zeroth_put_columns(block.rows, pending.rank, pending.left, rank, start + first) }
      }
      count = block.rows * rank
    }
    let right = [Float](unsafeUninitializedCapacity: rank * block.columns) { buffer, count in
      if let start = buffer.baseAddress {
        kept?.writeRight(columns: 0..<block.columns, into: start)
        if let pending {
          (start + first * block.columns).update(from: pending.right, count: pending.rank * block.columns)
        }
      }
      count = rank * block.columns
    }
    return (left, right, rank)
  }

  /// The Frobenius norm of all that is to be added to the stored values of `block`.
  public func factorNorm(of block: ParameterBlock) -> Double {
    guard let (left, right, rank) = factors(of: block) else { return 0 }
    return zeroth_factor_energy(block.rows, block.columns, rank, left, right).squareRoot()
  }

  /// target = the rows `rows` of `block`, row by row, with all low-rank updates included.
  public func read(_ block: ParameterBlock, rows: Range<Int>, into target: UnsafeMutablePointer<Float>) {
    read(block, rows: rows, into: target, withKept: true)
  }

  /// As above, but without `kept` where `withKept` is false. A caller that reads many rows adds `kept` itself, once for
  /// all rows.
  package func read(
    _ block: ParameterBlock, rows: Range<Int>, into target: UnsafeMutablePointer<Float>, withKept: Bool
  ) {
    if let reader { return reader(block, rows, target) }
    widen(block, rows: rows, columns: 0..<block.columns, into: target)
    addPending(of: block, rows: rows, to: target)
    if withKept { addKept(of: block, rows: rows, to: target) }
  }

  /// target = the stored values in the columns `columns` of the rows `rows` of `block`, row by row, without low-rank
  /// updates.
  package func widen(
    _ block: ParameterBlock, rows: Range<Int>, columns: Range<Int>, into target: UnsafeMutablePointer<Float>
  ) {
    let place = elsewhere?.places[block.index] ?? .init(base + block.offset, .float32)
    let n = block.columns
    if place.order == .plain, columns.count == n {
      zeroth_widen(place.format.kernel, rows.lowerBound * n, rows.count * n, place.address, target)
      return
    }
    for (i, row) in rows.enumerated() {
      zeroth_widen(
        place.format.kernel, place.order.place(of: row) * n + columns.lowerBound, columns.count, place.address,
        target + i * columns.count)
    }
  }

  /// The stored rows of `block` at the columns `columns`, without low-rank updates. Nil for a block in fp32, and where
  /// the columns are not whole groups of elements.
  package func rows(of block: ParameterBlock, columns: Range<Int>) -> StoredRows? {
    guard reader == nil, let place = elsewhere?.places[block.index], place.format != .float32,
      columns.lowerBound % place.format.groupSize == 0, columns.count % place.format.groupSize == 0
    else { return nil }
    return StoredRows(place: place, width: block.columns, columns: columns)
  }

  /// target += the rows `rows` of the pending term of `block`.
  func addPending(of block: ParameterBlock, rows: Range<Int>, to target: UnsafeMutablePointer<Float>) {
    guard let term = pending(of: block) else { return }
    zeroth_low_rank_add(
      rows.count, block.columns, term.rank, 1, term.left + rows.lowerBound * term.rank, term.right, target,
      block.columns)
  }
  /// target += the rows `rows` of what is kept of `block`.
  private func addKept(of block: ParameterBlock, rows: Range<Int>, to target: UnsafeMutablePointer<Float>) {
    guard let kept = kept(of: block) else { return }
    let (rank, n) = (kept.rank, block.columns)
    withScratch(rank * (rows.count + n)) { factors in
      guard let left = factors.baseAddress else { return }
      let right = left + rank * rows.count
      kept.putLeft(rows: rows, into: left, stride: rank)
      kept.writeRight(columns: 0..<n, into: right)
      zeroth_low_rank_add(rows.count, n, rank, 1, left, right, target, n)
    }
  }
}

/// The rows of a block in fewer bits than fp32, at some columns that are whole groups of elements.
package struct StoredRows: @unchecked Sendable {
  fileprivate let place: StoredBlocks.Place
  /// The number of columns of the block, and below it the columns that are read.
  fileprivate let width: Int
  fileprivate let columns: Range<Int>

  /// target = the dot products of `vector` with the rows `rows`, one for each. The rows are not widened into memory.
  package func dots(_ rows: Range<Int>, with vector: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>) {
    if place.order == .plain { return dots(from: rows.lowerBound, rows.count, vector, target) }
    for (i, row) in rows.enumerated() { dots(from: place.order.place(of: row), 1, vector, target + i) }
  }

  private func dots(
    from row: Int, _ count: Int, _ vector: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>
  ) {
    zeroth_dot_rows(
      place.format.kernel, count, row * width + columns.lowerBound, width, columns.count, place.address, vector, target)
  }
}
