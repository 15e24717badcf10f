import CZeroth

/// The parameters theta: one flat buffer of fp32 numbers, aligned to 64 bytes, cut into the blocks of a layout.
///
/// It is not copyable. A second copy of the weights is the cost that these methods exist to avoid, so a copy has to be
/// asked for by `clone()`. Estimators borrow the store, so measuring a loss cannot write a weight.
///
/// Successive low-rank updates with the same V are summed in a thin factor before they are written to the matrices
/// (`PendingUpdates`). A reader of a block always sees the updated values.
///
/// Blocks may also be stored outside the buffer. Blocks in half precision can be written: what is written is rounded at
/// random, without bias. Quantised matrices cannot be written. They are frozen, or are moved only by low-rank factors
/// that are kept beside them (`LowRankDelta`).
public struct ParameterStore: ~Copyable, @unchecked Sendable {
  /// The table of blocks.
  public let layout: ParameterLayout
  /// The key of the random rounding of half-precision blocks.
  public var roundingKey = StreamKey(seed: 0)
  let base: UnsafeMutablePointer<Float>
  private let reserved: Bool
  private let elsewhere: StoredBlocks?
  private let reader: ParameterReader?
  /// The trainable blocks, cut into panels once for all updates.
  private let panels: [Panel]
  private var updates: PendingUpdates?
  /// The sum of the updates of earlier windows (the steps with one V), where matrices are never written; nil where
  /// matrices are written.
  private(set) var delta: LowRankDelta?
  private var writes = 0

  /// A store of zeros in the shape of `layout`.
  public init(_ layout: ParameterLayout) { self.init(layout, reserved: false, elsewhere: nil, reader: nil) }

  /// A store in which `blocks` are stored elsewhere. All other blocks are zeros. Blocks that cannot be written have to
  /// be frozen.
  public init(_ layout: ParameterLayout, stored blocks: StoredBlocks) {
    precondition(
      layout.trainable.allSatisfy { blocks.places[$0.index]?.isWritable ?? true }, "a block that is trained is written")
    self.init(layout, reserved: true, elsewhere: blocks, reader: nil)
  }

  /// A store whose matrices are a base that is never written, wherever they are stored. Low-rank updates are kept
  /// beside them. Matrices that are not in `blocks`, and vectors, start as zeros.
  ///
  /// A trained matrix can then be moved by low-rank updates alone; `Optimizer.requireFactors` checks that a composition
  /// makes no other updates. Vectors are written as usual. Costs r m floats for a matrix of m rows and a window of rank
  /// r; `limit` bounds the rank of all windows together.
  public init(_ layout: ParameterLayout, base blocks: StoredBlocks, limit: DeltaRank = .automatic) {
    precondition(
      layout.trainable.allSatisfy { $0.isMatrix || blocks.places[$0.index]?.isWritable ?? true },
      "a vector that is trained is written")
    self.init(layout, reserved: true, elsewhere: blocks, reader: nil)
    delta = LowRankDelta(limit: limit)
  }

  /// Parameters that live elsewhere and are read through the function `reader`, such as those on the other side of a
  /// plugin's interface. Estimators may read such a store. Nothing writes it.
  package init(_ layout: ParameterLayout, reader: @escaping ParameterReader) {
    self.init(layout, reserved: true, elsewhere: nil, reader: reader)
  }

  /// `reserved` is for stores whose blocks may lie elsewhere. It reserves address space only: the unused places of such
  /// blocks are never touched, so they take no memory. Huge pages are not used, because a huge page would span small
  /// blocks and unused places alike.
  private init(_ layout: ParameterLayout, reserved: Bool, elsewhere: StoredBlocks?, reader: ParameterReader?) {
    let bytes = layout.storageCount * MemoryLayout<Float>.stride
    guard let memory = reserved ? zeroth_reserve(bytes, 0) : zeroth_allocate(bytes) else {
      zeroth_end_without_memory("\(layout.storageCount) parameters")
    }
    self.layout = layout
    self.elsewhere = elsewhere
    self.reader = reader
    self.reserved = reserved
    base = memory.assumingMemoryBound(to: Float.self)
    panels = reader == nil ? Panel.cut(layout.trainable) : []
  }

  deinit {
    let bytes = layout.storageCount * MemoryLayout<Float>.stride
    if reserved { zeroth_release(base, bytes) } else { zeroth_deallocate(base, bytes) }
  }

  /// The blocks in the form in which they are stored, for backends. Unsafe: valid until the store is written or
  /// deinitialised.
  public borrowing func stored() -> StoredParameters {
    StoredParameters(base: base, elsewhere: elsewhere, updates: updates, delta: delta, reader: reader)
  }

  /// An address that differs from that of every other store that exists at the same time.
  package borrowing func identity() -> UnsafeRawPointer { UnsafeRawPointer(base) }

  /// A copy of all values in fp32: d floats.
  public borrowing func clone() -> ParameterStore {
    var copy = ParameterStore(layout)
    copy.copy(from: self)
    return copy
  }

  /// Whether the matrices are a base that is never written.
  public var keepsFactors: Bool { delta != nil }

  /// Whether `block` is trained and is moved only by the factors that are kept beside it.
  public borrowing func isMovedByFactors(_ block: ParameterBlock) -> Bool {
    delta != nil && block.isMatrix && block.isTrainable
  }

  /// A copy that stores its blocks in the same way as this store. Both share what is never written: the base, and the
  /// files from which blocks are read. For a store without such a base the copy is in fp32.
  public borrowing func copyAsStored() -> ParameterStore {
    guard let delta, let elsewhere else { return clone() }
    var copy = ParameterStore(layout, base: elsewhere, limit: delta.limit)
    copy.copy(from: self)
    return copy
  }

  /// Whether `block` is stored where it cannot be written.
  private borrowing func isFixed(_ block: ParameterBlock) -> Bool {
    elsewhere?.places[block.index]?.isWritable == false
  }

  /// Takes over the values of a store with the same layout. A block that cannot be written in either store must come
  /// from the same file in both.
  public mutating func copy(from other: borrowing ParameterStore) {
    precondition(layout == other.layout, "copying between different layouts")
    updates = nil
    if delta != nil {
      precondition(other.delta != nil, "the matrices of a base that is never written have no values to take over")
      delta = nil
      for block in layout.blocks where !isFixed(block) {
        withMutableBlock(block) { target in
          target.withUnsafeMutableBufferPointer {
            if let start = $0.baseAddress {
              other.stored().widen(block, rows: 0..<block.rows, columns: 0..<block.columns, into: start)
            }
          }
        }
      }
      (delta, updates) = (other.delta, other.updates?.copy())
      return
    }
    if elsewhere == nil, other.elsewhere == nil, other.reader == nil {
      base.update(from: other.base, count: layout.storageCount)
      updates = other.updates?.copy()
      return
    }
    for block in layout.blocks where !isFixed(block) || !other.isFixed(block) {
      withMutableBlock(block) { target in
        target.withUnsafeMutableBufferPointer {
          if let start = $0.baseAddress { other.stored().read(block, rows: 0..<block.rows, into: start) }
        }
      }
    }
  }

  /// Calls `body` with the elements of `block`, row by row, for reading.
  public borrowing func withBlock<R, E: Error>(
    _ block: ParameterBlock, _ body: (Span<Float>) throws(E) -> R
  ) throws(E) -> R {
    let stored = stored()
    if let start = stored.floats(of: block), stored.pending(of: block) == nil, stored.kept(of: block) == nil {
      return try body(UnsafeBufferPointer(start: start, count: block.count).span)
    }
    let values = values(of: block)
    return try body(values.span)
  }

  /// Calls `body` with the elements of `block`, row by row, for writing. A quantised block cannot be written.
  public mutating func withMutableBlock<R, E: Error>(
    _ block: ParameterBlock, _ body: (inout MutableSpan<Float>) throws(E) -> R
  ) throws(E) -> R {
    precondition(
      !isFixed(block) && stored().kept(of: block) == nil, "block '\(block.name)' is stored where it cannot be written")
    if stored().floats(of: block) != nil {
      materialize(block)
      var span = UnsafeMutableBufferPointer(start: base + block.offset, count: block.count).mutableSpan
      return try body(&span)
    }
    var values = values(of: block)
    updates?.clear(block)
    let key = nextRoundingKey()
    let stored = stored()
    defer { values.withUnsafeBufferPointer { stored.narrow($0, block, rows: 0..<block.rows, key: key) } }
    var span = values.mutableSpan
    return try body(&span)
  }

  /// A copy of the elements of `block`, row by row.
  public borrowing func values(of block: ParameterBlock) -> [Float] {
    let stored = stored()
    return [Float](unsafeUninitializedCapacity: block.count) { buffer, count in
      if let start = buffer.baseAddress { stored.read(block, rows: 0..<block.rows, into: start) }
      count = block.count
    }
  }

  /// Sets the elements of `block` to `values`, row by row.
  public mutating func fill(_ block: ParameterBlock, with values: [Float]) {
    precondition(values.count == block.count, "block '\(block.name)' has \(block.count) elements")
    withMutableBlock(block) { span in
      for i in 0..<block.count { span[i] = values[i] }
    }
  }

  /// theta += scale D, over all trainable blocks.
  public mutating func add(_ direction: some Direction, scale: Float) {
    apply(direction, scales: .ones, scale: scale)
  }

  /// theta_l = k_l theta_l + scale s_l D_l for every trainable block l: the update of a step, in one pass.
  ///
  /// `decayFactor` gives k_l = 1 - eta lambda_l s_l, the weight decay; where it is nil, k_l is 1 everywhere. Without
  /// weight decay, a low-rank update does not write the matrices before V changes.
  mutating func apply<D: Direction>(
    _ direction: D, scales: BlockScales, scale: Float, decayFactor: (@Sendable (ParameterBlock) -> Float)? = nil
  ) {
    let isPostponed = decayFactor == nil && postpone(direction, scales, scale)
    precondition(isPostponed || delta == nil, "a base that is never written is moved by directions with one V alone")
    write(
      Addition(
        direction: direction, scales: scales, scale: scale, decayFactor: decayFactor, leavesMatrices: isPostponed))
  }

  /// Writes the pending updates of all blocks. Where the matrices are a base that is never written, the updates join
  /// those that are kept beside it.
  mutating func materialize() {
    guard let updates else { return }
    guard delta == nil else {
      delta?.join(updates, layout.trainable)
      self.updates = nil
      return
    }
    write(PendingAlone(block: nil))
    self.updates = nil
  }

  /// Writes the pending updates of `block`.
  mutating func materialize(_ block: ParameterBlock) {
    guard delta == nil, stored().pending(of: block) != nil else { return }
    write(PendingAlone(block: block.index))
  }

  /// Adds B V^T to what is kept beside the matrix `block` of a base that is never written. `left` is B, m x rank;
  /// `right` is V^T, rank x n.
  package mutating func keep(_ left: [Float], _ right: [Float], rank: Int, of block: ParameterBlock) {
    precondition(delta != nil && left.count == rank * block.rows && right.count == rank * block.columns)
    delta?.append(
      FactorPair(rank: rank, block, drawn: nil) { target, rightTarget in
        target.update(from: left, count: left.count)
        rightTarget?.update(from: right, count: right.count)
      })
  }

  /// Multiplies by `factor` the sum of all updates that are kept beside the matrix `block` of a base that is never
  /// written.
  mutating func scaleFactors(of block: ParameterBlock, by factor: Float) {
    delta?.scale(block, by: factor)
    updates?.scale(block, by: factor)
  }

  /// B += scale s_l U_l on each matrix. Does nothing and returns false unless `direction` has factors with one V.
  private mutating func postpone(_ direction: some Direction, _ scales: BlockScales, _ scale: Float) -> Bool {
    let structure = direction.structure
    var first: (any LowRankDirection)?
    let isOfLowRank = structure.forEachLowRankPart { _, factors in
      guard let known = first else {
        first = factors
        return true
      }
      return known.rightKey == factors.rightKey && known.rank == factors.rank
    }
    guard isOfLowRank, let first else { return false }
    if let updates, updates.rank == first.rank {
      if updates.rightKey != first.rightKey {
        if delta != nil {
          delta?.join(updates, layout.trainable)
          for block in layout.trainable { updates.clear(block) }
        } else {
          write(PendingAlone(block: nil))
        }
        updates.begin(first, layout.trainable)
      }
    } else {
      materialize()
      updates = PendingUpdates(first, layout.trainable)
    }
    guard let updates else { return false }
    return structure.forEachLowRankPart { weight, factors in
      let gathering = Gathering(
        updates: updates, panels: panels, direction: factors, scales: scales, scale: scale * weight)
      Parallel.forEach(panels.count, gathering)
      return true
    }
  }

  /// Applies `change` to the panels of all blocks that it includes, on all threads. Pending updates of these blocks are
  /// written with it.
  private mutating func write<C: PanelChange>(_ change: C) {
    let writing = Writing(panels: panels, stored: stored(), key: nextRoundingKey(), change: change)
    Parallel.forEach(panels.count, writing)
    if let updates { for block in layout.trainable where change.includes(block) { updates.clear(block) } }
  }

  /// Writes to `state` the trainable blocks in their stored form, the updates that wait to be written, and the number
  /// of writes so far, which is part of the key of the rounding. Frozen blocks are left out: they are read again from
  /// the files of the model.
  borrowing func saveState(_ state: StateCoder) throws(InputError) {
    var (writes, updates, delta) = (writes, updates, delta)
    try codeState(state, &writes, &updates, &delta)
  }

  /// Takes over what `saveState` wrote.
  mutating func restoreState(_ state: StateCoder) throws(InputError) {
    var (writes, updates, delta) = (writes, updates, delta.map { LowRankDelta(limit: $0.limit) })
    try codeState(state, &writes, &updates, &delta)
    (self.writes, self.updates, self.delta) = (writes, updates, delta)
  }

  private borrowing func codeState(
    _ state: StateCoder, _ writes: inout Int, _ updates: inout PendingUpdates?, _ delta: inout LowRankDelta?
  ) throws(InputError) {
    try state.code("writes", &writes)
    var rank = updates?.rank ?? 0
    var key = updates?.rightKey ?? StreamKey(seed: 0, generator: state.generator)
    try state.code("pending.rank", &rank)
    try state.code("pending.key", &key)
    guard rank >= 0, rank <= max(layout.parameterCount, 65535) else {
      throw state.error("pending.rank", found: "\(rank)", expected: "a rank")
    }
    var isDrawn = updates?.source != nil
    if delta != nil { try state.code("pending.is-drawn", &isDrawn) }
    if state.isRestoring {
      let source =
        isDrawn && rank <= 65535 ? LowRankProbe(rank: rank, leftKey: key, rightKey: key) : nil
      updates = rank > 0 ? PendingUpdates(rank: rank, rightKey: key, source: source, layout.trainable) : nil
    }
    if let updates { try state.code("pending", .floats, UnsafeMutableRawBufferPointer(updates.values)) }
    try delta?.code(state, layout.trainable)
    try codeBlocks(layout.trainable.filter { delta == nil || !$0.isMatrix }, state)
  }

  /// Saves or restores `blocks` in their stored form.
  private borrowing func codeBlocks(_ blocks: [ParameterBlock], _ state: StateCoder) throws(InputError) {
    let stored = stored()
    for block in blocks {
      try state.code(
        block.name, stored.format(of: block) == .float32 ? .floats : .bytes,
        UnsafeMutableRawBufferPointer(mutating: stored.bytes(of: block)))
    }
  }

  /// The formats of the blocks in words. A saved state fits only a store whose blocks have the same formats.
  borrowing func storageWords() -> String {
    let stored = stored()
    let formats = layout.blocks.map { "\(stored.format(of: $0))" }.reduce(into: [(name: String, count: Int)]()) {
      runs, name in
      if runs.last?.name == name { runs[runs.count - 1].count += 1 } else { runs.append((name, 1)) }
    }.map { "\($0.count) \($0.name)" }.joined(separator: ", ")
    return delta == nil ? formats : "\(formats), never written"
  }

  private mutating func nextRoundingKey() -> StreamKey {
    writes += 1
    return roundingKey.child(.rounding, writes)
  }
}
