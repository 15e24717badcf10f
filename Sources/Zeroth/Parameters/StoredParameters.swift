import CZeroth

/// Blocks that are stored elsewhere than in the store's own fp32 memory, such as in a mapped file.
///
/// Those in half precision may be written; quantised ones, and those whose memory cannot be written, are frozen.
public struct StoredBlocks: @unchecked Sendable {
  /// Where a block lies, and how.
  public struct Place {
    let address: UnsafeRawPointer
    let format: ElementFormat
    let order: RowOrder
    /// Whether what lies there may change: never for a quantised block.
    let isWritable: Bool

    /// Rows of `format` from `address` on, which stand in `order`; read alone. Those in fp32 are aligned.
    public init(_ address: UnsafeRawPointer, _ format: ElementFormat, order: RowOrder = .plain) {
      self.address = address
      self.format = format
      self.order = order
      isWritable = false
    }

    /// Rows of half precision from `address` on, in their order, which may be written.
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

  /// The blocks with these indices at these places, which stay valid while `owner` lives and are written through the
  /// store alone.
  public init(_ places: [Int: Place], owner: AnyObject & Sendable) {
    self.places = places
    self.owner = owner
  }

  /// Whether `block` is one of them.
  public func contains(_ block: ParameterBlock) -> Bool { places[block.index] != nil }
}

/// The order of a block's rows in a file.
public enum RowOrder: Sendable, Hashable {
  /// Their own.
  case plain
  /// In each head of `width` rows, the two halves row by row in turn: row j, row j + width / 2, row j + 1 and so on, so that
  /// the pairs that a rotary embedding turns are neighbours.
  case interleaved(width: Int)

  /// The row of the file that is row `row` of the block.
  public func place(of row: Int) -> Int {
    guard case .interleaved(let width) = self else { return row }
    let (head, place) = row.quotientAndRemainder(dividingBy: width)
    let half = width / 2
    return head * width + place % half * 2 + place / half
  }
}

/// Reads rows of a block of parameters that live elsewhere: target = rows x columns.
package typealias ParameterReader =
  @Sendable (ParameterBlock, _ rows: Range<Int>, _ target: UnsafeMutablePointer<Float>) -> Void

/// The blocks of a store as they are stored, for backends that read them while it is borrowed. Unsafe: valid until the
/// store is written or gone.
///
/// The value of a block is what is stored, plus the `pending` term and, of a base that is never written, what is `kept`.
public struct StoredParameters: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  let elsewhere: StoredBlocks?
  let updates: PendingUpdates?
  let delta: LowRankDelta?
  let reader: ParameterReader?

  /// How `block` is stored.
  public func format(of block: ParameterBlock) -> ElementFormat { elsewhere?.places[block.index]?.format ?? .float32 }

  /// The bytes of `block`, in its format.
  public func bytes(of block: ParameterBlock) -> UnsafeRawBufferPointer {
    precondition(reader == nil, "parameters that are read through a function have no address")
    let start = elsewhere?.places[block.index]?.address ?? UnsafeRawPointer(base + block.offset)
    return UnsafeRawBufferPointer(start: start, count: format(of: block).bytes(of: block.count))
  }

  /// The address of a block that is stored in fp32; nil for another.
  public func floats(of block: ParameterBlock) -> UnsafePointer<Float>? {
    guard reader == nil else { return nil }
    guard let place = elsewhere?.places[block.index] else { return UnsafePointer(base + block.offset) }
    return place.format == .float32 && place.order == .plain ? place.address.assumingMemoryBound(to: Float.self) : nil
  }

  /// What belongs to `block` on top of what is stored.
  public func pending(of block: ParameterBlock) -> LowRankTerm? { updates?.term(of: block) }

  /// What earlier windows have added to `block`, of a base that is never written.
  public func kept(of block: ParameterBlock) -> KeptFactors? { delta?.factors(of: block) }

  /// What belongs to `block` on top of what is stored, all of it as one pair of factors: B, m x r, and V^T, r x n; nil for
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

  /// The Frobenius norm of what belongs to `block` on top of what is stored.
  public func factorNorm(of block: ParameterBlock) -> Double {
    guard let (left, right, rank) = factors(of: block) else { return 0 }
    return zeroth_factor_energy(block.rows, block.columns, rank, left, right).squareRoot()
  }

  /// target = the rows `rows` of `block`, row by row, all that belongs to them included.
  public func read(_ block: ParameterBlock, rows: Range<Int>, into target: UnsafeMutablePointer<Float>) {
    read(block, rows: rows, into: target, withKept: true)
  }

  /// The same, what is `kept` left out where the caller adds it for many rows at once.
  package func read(
    _ block: ParameterBlock, rows: Range<Int>, into target: UnsafeMutablePointer<Float>, withKept: Bool
  ) {
    if let reader { return reader(block, rows, target) }
    widen(block, rows: rows, columns: 0..<block.columns, into: target)
    addPending(of: block, rows: rows, to: target)
    if withKept { addKept(of: block, rows: rows, to: target) }
  }

  /// target = the columns `columns` of the rows `rows` of `block`, row by row, without the pending term.
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

  /// The columns `columns` of the rows of `block` as they are stored, without the pending term: those in fewer bits than fp32
  /// that are whole groups of elements; nil for others.
  package func rows(of block: ParameterBlock, columns: Range<Int>) -> StoredRows? {
    guard reader == nil, let place = elsewhere?.places[block.index], place.format != .float32,
      columns.lowerBound % place.format.groupSize == 0, columns.count % place.format.groupSize == 0
    else { return nil }
    return StoredRows(place: place, width: block.columns, columns: columns)
  }

  /// target += the rows `rows` of what belongs to `block` on top of what is stored.
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

/// Rows of a block in fewer bits than fp32, at some columns that are whole groups of elements.
package struct StoredRows: @unchecked Sendable {
  fileprivate let place: StoredBlocks.Place
  /// Columns of the block, and those that are read.
  fileprivate let width: Int
  fileprivate let columns: Range<Int>

  /// target = the dot product of `vector` with each of the rows `rows`: none is widened into memory.
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
