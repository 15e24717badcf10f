import CZeroth

/// The parameters theta: one flat buffer of fp32, aligned to 64 bytes, cut into the blocks of a layout.
///
/// It is not copyable: a second copy of the weights is the cost that these methods exist to avoid, so `clone()` spells
/// it out. Estimators borrow it, so that measuring cannot write a weight.
///
/// Low-rank updates with one V are gathered in a thin factor before they are written (`PendingUpdates`); whoever reads
/// blocks does not see that. Matrices may be stored elsewhere: in half precision, where what is written is rounded at random,
/// without bias; or quantised, and then they are frozen, or moved by factors beside them alone (`LowRankDelta`).
public struct ParameterStore: ~Copyable, @unchecked Sendable {
  /// The table of blocks.
  public let layout: ParameterLayout
  /// Keys the random rounding of half-precision blocks.
  public var roundingKey = StreamKey(seed: 0)
  let base: UnsafeMutablePointer<Float>
  private let reserved: Bool
  private let elsewhere: StoredBlocks?
  private let reader: ParameterReader?
  /// The trainable blocks, cut once for all updates.
  private let panels: [Panel]
  private var updates: PendingUpdates?
  /// What earlier windows have added to matrices that are never written; nil where matrices are written.
  private(set) var delta: LowRankDelta?
  private var writes = 0

  /// Zeros in the shape of `layout`.
  public init(_ layout: ParameterLayout) { self.init(layout, reserved: false, elsewhere: nil, reader: nil) }

  /// A store in which `blocks` are stored elsewhere, and zeros in all others. Those that cannot be written have to be frozen.
  public init(_ layout: ParameterLayout, stored blocks: StoredBlocks) {
    precondition(
      layout.trainable.allSatisfy { blocks.places[$0.index]?.isWritable ?? true }, "a block that is trained is written")
    self.init(layout, reserved: true, elsewhere: blocks, reader: nil)
  }

  /// A store whose matrices are a base that is never written, wherever they are stored: low-rank updates are kept beside them.
  /// Matrices that are not in `blocks`, and vectors, are zeros at first.
  ///
  /// Nothing but low-rank updates can move a matrix that is trained (`Optimizer.requireFactors` asks whether a composition has
  /// no others); vectors are written. Costs r m floats for a matrix of m rows and a window of rank r, at most `limit` ranks together.
  public init(_ layout: ParameterLayout, base blocks: StoredBlocks, limit: DeltaRank = .automatic) {
    precondition(
      layout.trainable.allSatisfy { $0.isMatrix || blocks.places[$0.index]?.isWritable ?? true },
      "a vector that is trained is written")
    self.init(layout, reserved: true, elsewhere: blocks, reader: nil)
    delta = LowRankDelta(limit: limit)
  }

  /// Parameters that live elsewhere and are read by `reader`, on the far side of a plugin's interface. It is lent to
  /// estimators, and never written.
  package init(_ layout: ParameterLayout, reader: @escaping ParameterReader) {
    self.init(layout, reserved: true, elsewhere: nil, reader: reader)
  }

  /// `reserved` is for blocks that lie elsewhere: their places here are never touched, and take no memory. A huge page would, as small
  /// blocks lie between them.
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

  /// The blocks as they are stored, for backends. Unsafe: valid until the store is written or gone.
  public borrowing func stored() -> StoredParameters {
    StoredParameters(base: base, elsewhere: elsewhere, updates: updates, delta: delta, reader: reader)
  }

  /// Tells this store from others for as long as it lives.
  package borrowing func identity() -> UnsafeRawPointer { UnsafeRawPointer(base) }

  /// A copy in fp32, of d floats.
  public borrowing func clone() -> ParameterStore {
    var copy = ParameterStore(layout)
    copy.copy(from: self)
    return copy
  }

  /// Whether the matrices are a base that is never written.
  public var keepsFactors: Bool { delta != nil }

  /// Whether `block` is trained, and moved by factors beside it alone.
  public borrowing func isMovedByFactors(_ block: ParameterBlock) -> Bool {
    delta != nil && block.isMatrix && block.isTrainable
  }

  /// A copy that holds blocks as this store does. It shares what is never written: a base, and files that blocks are read from.
  /// Of a store without one it is a copy in fp32.
  public borrowing func copyAsStored() -> ParameterStore {
    guard let delta, let elsewhere else { return clone() }
    var copy = ParameterStore(layout, base: elsewhere, limit: delta.limit)
    copy.copy(from: self)
    return copy
  }

  /// Whether `block` lies where it cannot be written.
  private borrowing func isFixed(_ block: ParameterBlock) -> Bool {
    elsewhere?.places[block.index]?.isWritable == false
  }

  /// Takes over the values of a store of the same layout. A block that cannot be written in either is one file's in both.
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

  /// Reads the elements of `block`, row by row.
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

  /// Writes the elements of `block`, row by row; not those of a quantised block.
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

  /// The elements of `block` as an array: a copy.
  public borrowing func values(of block: ParameterBlock) -> [Float] {
    let stored = stored()
    return [Float](unsafeUninitializedCapacity: block.count) { buffer, count in
      if let start = buffer.baseAddress { stored.read(block, rows: 0..<block.rows, into: start) }
      count = block.count
    }
  }

  /// Writes elements in order, such as a vector that a test made.
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
  /// `decayFactor` is 1 - eta lambda_l s_l, the weight decay; k_l; nil is 1 everywhere. Without it, the matrices of a low-rank update are
  /// not written before V changes.
  mutating func apply<D: Direction>(
    _ direction: D, scales: BlockScales, scale: Float, decayFactor: (@Sendable (ParameterBlock) -> Float)? = nil
  ) {
    let isPostponed = decayFactor == nil && postpone(direction, scales, scale)
    precondition(isPostponed || delta == nil, "a base that is never written is moved by directions with one V alone")
    write(
      Addition(
        direction: direction, scales: scales, scale: scale, decayFactor: decayFactor, leavesMatrices: isPostponed))
  }

  /// Writes the pending updates of all blocks; those of a base that is never written join what is kept beside it.
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

  /// Adds B V^T to what is kept beside the matrix `block` of a base that is never written: `left` is B, m x rank, `right` V^T,
  /// rank x n.
  package mutating func keep(_ left: [Float], _ right: [Float], rank: Int, of block: ParameterBlock) {
    precondition(delta != nil && left.count == rank * block.rows && right.count == rank * block.columns)
    delta?.append(
      FactorPair(rank: rank, block, drawn: nil) { target, rightTarget in
        target.update(from: left, count: left.count)
        rightTarget?.update(from: right, count: right.count)
      })
  }

  /// Multiplies by `factor` all that belongs to the matrix `block` on top of a base that is never written.
  mutating func scaleFactors(of block: ParameterBlock, by factor: Float) {
    delta?.scale(block, by: factor)
    updates?.scale(block, by: factor)
  }

  /// B += scale s_l U_l on each matrix; false, with nothing done, unless `direction` has factors with one V.
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

  /// Changes the panels of the blocks that `change` includes, pending updates written, on all threads.
  private mutating func write<C: PanelChange>(_ change: C) {
    let writing = Writing(panels: panels, stored: stored(), key: nextRoundingKey(), change: change)
    Parallel.forEach(panels.count, writing)
    if let updates { for block in layout.trainable where change.includes(block) { updates.clear(block) } }
  }

  /// Writes to `state` the trainable blocks as they are stored, the updates that wait apart from them, and how often the store
  /// was written, which keys the rounding. Frozen blocks are as the model's files have them.
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

  /// Codes `blocks` as they are stored.
  private borrowing func codeBlocks(_ blocks: [ParameterBlock], _ state: StateCoder) throws(InputError) {
    let stored = stored()
    for block in blocks {
      try state.code(
        block.name, stored.format(of: block) == .float32 ? .floats : .bytes,
        UnsafeMutableRawBufferPointer(mutating: stored.bytes(of: block)))
    }
  }

  /// How the blocks are stored: a state fits where they are stored alike.
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
