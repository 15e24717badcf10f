import CZeroth

/// Floats that a strategy keeps, one for each parameter of some blocks: a momentum, a curvature, an iterate to return
/// to.
///
/// It is a value: a copy shares the floats until one of the two is written. So an update that holds a vector does not
/// change when the next step changes the state. A vector that is held only once is written in place.
public struct StoredVector: Sendable {
  private var storage: Storage

  /// A vector that has `value` for every parameter of `blocks`.
  public init(_ blocks: [ParameterBlock], filledWith value: Float = 0) {
    storage = Storage(blocks)
    if value != 0 { forEachPanel { _, _, values in values.update(repeating: value) } }
  }

  /// The number of floats that are held.
  public var count: Int { storage.store.layout.parameterCount }

  /// Whether `block` is one of the blocks that are stored.
  public func contains(_ block: ParameterBlock) -> Bool { storage.places[block.index] != nil }

  /// A copy of the values of `block`, row by row; empty for a block that is not stored.
  public func values(of block: ParameterBlock) -> [Float] {
    storage.places[block.index].map { storage.store.values(of: $0) } ?? []
  }

  /// Calls `body` with the rows `rows` of `block` (rows.count x block.columns); nil for a block that is not stored.
  public func withRows<R>(
    _ rows: Range<Int>, of block: ParameterBlock, _ body: (UnsafeBufferPointer<Float>) -> R
  ) -> R? {
    guard let start = address(of: block) else { return nil }
    return body(
      UnsafeBufferPointer(start: start + rows.lowerBound * block.columns, count: rows.count * block.columns))
  }

  /// Calls `body` for all values on all threads, a few rows of a block at a time (a panel). `body` is given the block,
  /// the rows and their values, which it may change. What it computes must not depend on other panels.
  public mutating func forEachPanel(
    _ body: @Sendable (ParameterBlock, Range<Int>, UnsafeMutableBufferPointer<Float>) -> Void
  ) {
    let storage = owned()
    Parallel.forEach(storage.panels.count) { i in
      let panel = storage.panels[i]
      body(panel.block, panel.rows, storage.values(of: panel))
    }
  }

  /// Does the same for this vector and `other` together. Both store the same blocks.
  public mutating func forEachPanel(
    with other: inout StoredVector,
    _ body:
      @Sendable (
        ParameterBlock, Range<Int>, UnsafeMutableBufferPointer<Float>, UnsafeMutableBufferPointer<Float>
      ) -> Void
  ) {
    let storage = owned()
    let second = other.owned()
    precondition(storage.panels == second.panels, "both vectors store the same blocks")
    Parallel.forEach(storage.panels.count) { i in
      let panel = storage.panels[i]
      body(panel.block, panel.rows, storage.values(of: panel), second.values(of: panel))
    }
  }

  /// Calls `body` with the values of `block` for reading or writing. The block has to be stored.
  mutating func withStorage<R>(
    of block: ParameterBlock, _ body: (UnsafeMutableBufferPointer<Float>) throws(InputError) -> R
  ) throws(InputError) -> R {
    let storage = owned()
    guard let place = storage.places[block.index] else {
      preconditionFailure("block '\(block.name)' is stored")
    }
    return try body(UnsafeMutableBufferPointer(start: storage.store.base + place.offset, count: place.count))
  }

  /// Makes all values 0.
  public mutating func clear() { forEachPanel { _, _, values in values.update(repeating: 0) } }

  /// The inner product of this vector and D, summed in double, panel by panel in a fixed order.
  public func product<D: Direction>(with direction: D) -> Double {
    let panels = storage.panels
    var sums = [Double](repeating: 0, count: panels.count)
    sums.withUnsafeMutableBufferPointer { sums in
      nonisolated(unsafe) let sums = sums
      Parallel.forEach(panels.count) { i in
        let (block, values) = (panels[i].block, storage.values(of: panels[i]))
        guard direction.touches(block) else { return }
        withScratch(values.count) { scratch in
          scratch.initialize(repeating: 0)
          var span = scratch.mutableSpan
          direction.write(to: &span, of: block, rows: panels[i].rows)
          sums[i] = values.indices.reduce(0) { $0 + Double(values[$1]) * Double(scratch[$1]) }
        }
      }
    }
    return sums.reduce(0, +)
  }

  /// The address of the floats of each block of a layout with `count` blocks, by the index of the block, for writing;
  /// nil for a block that is not stored. Unsafe: valid until the vector is copied, written or deinitialised.
  package mutating func addresses(count: Int) -> [UnsafeMutablePointer<Float>?] {
    let storage = owned()
    return (0..<count).map { index in storage.places[index].map { storage.store.base + $0.offset } }
  }

  /// m = decay m + sum_i weight_i D_i.
  mutating func decayAndAdd<D: Direction>(_ decay: Float, _ terms: Few<(weight: Float, direction: D)>) {
    let storage = owned()
    Parallel.forEach(storage.panels.count, DecayAndAdd(storage: storage, decay: decay, sum: WeightedSum(terms)))
  }

  private struct DecayAndAdd<D: Direction>: ~Copyable, ParallelWork {
    let storage: Storage
    let decay: Float
    let sum: WeightedSum<D>

    func run(_ i: Int, _: Int) {
      let panel = storage.panels[i]
      let values = storage.values(of: panel)
      if let start = values.baseAddress { zeroth_scale(values.count, decay, start) }
      guard sum.touches(panel.block) else { return }
      var span = values.mutableSpan
      sum.add(to: &span, of: panel.block, rows: panel.rows, scale: 1)
    }
  }

  /// Copies the values that `theta` has in the stored blocks.
  package mutating func copy(from theta: borrowing ParameterStore) {
    let storage = owned()
    for panel in storage.panels {
      guard let start = storage.values(of: panel).baseAddress else { continue }
      theta.stored().read(panel.block, rows: panel.rows, into: start)
    }
  }

  func address(of block: ParameterBlock) -> UnsafePointer<Float>? {
    storage.places[block.index].flatMap { storage.store.stored().floats(of: $0) }
  }

  private mutating func owned() -> Storage {
    if !isKnownUniquelyReferenced(&storage) { storage = Storage(copying: storage) }
    return storage
  }

  private final class Storage: @unchecked Sendable {
    let store: ParameterStore
    /// The place of each block in `store`, by the index of the block in the layout of the parameters.
    let places: [Int: ParameterBlock]
    /// The blocks, cut into panels once for all loops.
    let panels: [Panel]

    init(_ blocks: [ParameterBlock]) {
      let entries = blocks.map { ParameterLayout.Entry($0.name, rows: $0.rows, columns: $0.columns) }
      guard let layout = try? ParameterLayout(entries) else { fatalError("blocks of a layout have sizes and names") }
      store = ParameterStore(layout)
      places = Dictionary(uniqueKeysWithValues: zip(blocks.map(\.index), layout.blocks))
      panels = Panel.cut(blocks)
    }

    init(copying other: Storage) {
      store = other.store.clone()
      places = other.places
      panels = other.panels
    }

    /// The values of a panel. Panels do not overlap, so each thread can write its own.
    func values(of panel: Panel) -> UnsafeMutableBufferPointer<Float> {
      guard let place = places[panel.block.index] else { return UnsafeMutableBufferPointer(start: nil, count: 0) }
      return UnsafeMutableBufferPointer(
        start: store.base + place.offset + panel.rows.lowerBound * place.columns,
        count: panel.rows.count * place.columns)
    }
  }
}
