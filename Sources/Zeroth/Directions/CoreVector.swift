import CZeroth

/// The floats that a rule keeps for cores, and the key of the frame to which the cores belong. A trainable matrix has
/// as many floats as its core has elements. A trainable vector has as many floats as it has elements.
///
/// It is a value, as ``StoredVector`` is: a copy shares the floats until one of the two is written.
public struct CoreVector: Sendable {
  /// Identifies the frame of the cores.
  public private(set) var frameKey: StreamKey
  /// The blocks of the parameters.
  private let layout: ParameterLayout
  /// The same blocks, but each matrix has the rows and columns of its core.
  private let cores: ParameterLayout
  private var values: StoredVector

  /// Zeros for the cores of `direction` on the trainable blocks of `layout`.
  public init<D: CoreDirection>(for direction: D, in layout: ParameterLayout) {
    self.layout = layout
    frameKey = direction.frameKey
    guard let cores = try? Self.layout(of: layout, shape: { direction.coreShape(of: $0) }) else {
      preconditionFailure("cores have sizes, and no more elements than fit an Int")
    }
    self.cores = cores
    values = StoredVector(cores.trainable)
  }

  /// The number of floats that are held.
  public var count: Int { values.count }

  /// The rows and columns of the core of `block`. For a vector these are the vector's own.
  public func shape(of block: ParameterBlock) -> (rows: Int, columns: Int) {
    let core = cores.blocks[block.index]
    return (core.rows, core.columns)
  }

  /// A copy of the core of `block`, row by row; empty for a frozen block.
  public func core(of block: ParameterBlock) -> [Float] { values.values(of: cores.blocks[block.index]) }

  /// Calls `body` with the rows `rows` of the core of `block`, without copying them; nil for a frozen block.
  public func withRows<R>(
    _ rows: Range<Int>, of block: ParameterBlock, _ body: (UnsafeBufferPointer<Float>) -> R
  ) -> R? { values.withRows(rows, of: cores.blocks[block.index], body) }

  /// target = the rows `rows` of the core of `block`; zeros for a frozen block.
  public func read(_ block: ParameterBlock, rows: Range<Int>, into target: UnsafeMutableBufferPointer<Float>) {
    let isThere = withRows(rows, of: block) { _ = target.update(fromContentsOf: $0) } != nil
    if !isThere { target.update(repeating: 0) }
  }

  /// values += scale times the stored rows `rows` of the vector `block`.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    values.withUnsafeMutableBufferPointer { values in
      _ = withRows(rows, of: block) { stored in
        guard let source = stored.baseAddress, let target = values.baseAddress else { return }
        zeroth_axpy(values.count, scale, source, target)
      }
    }
  }

  /// Calls `body` for all cores on all threads, a few rows of a core at a time. `body` is given the block of the
  /// parameters, the rows of its core and their values, which it may change. What it computes must not depend on other
  /// rows.
  public mutating func forEachPanel(
    _ body: @Sendable (ParameterBlock, Range<Int>, UnsafeMutableBufferPointer<Float>) -> Void
  ) {
    let blocks = layout.blocks
    values.forEachPanel { core, rows, values in body(blocks[core.index], rows, values) }
  }

  /// Does the same for these cores and those of `other` together. Both have the same shapes.
  public mutating func forEachPanel(
    with other: inout CoreVector,
    _ body:
      @Sendable (
        ParameterBlock, Range<Int>, UnsafeMutableBufferPointer<Float>, UnsafeMutableBufferPointer<Float>
      ) -> Void
  ) {
    let blocks = layout.blocks
    values.forEachPanel(with: &other.values) { core, rows, first, second in
      body(blocks[core.index], rows, first, second)
    }
  }

  /// Calls `body` for all cores on all threads, one whole core at a time. `body` is given the block of the parameters
  /// and the values of its core, which it may change.
  public mutating func forEachCore(
    _ body: @Sendable (ParameterBlock, UnsafeMutableBufferPointer<Float>) -> Void
  ) {
    let (blocks, trainable) = (layout.blocks, cores.trainable)
    nonisolated(unsafe) let places = values.addresses(count: blocks.count)
    Parallel.forEach(trainable.count) { i in
      let core = trainable[i]
      body(blocks[core.index], UnsafeMutableBufferPointer(start: places[core.index], count: core.count))
    }
  }

  /// C = decay C + sum_i w_i C_i, where the C_i are the cores of the terms of `sum`. The terms belong to the frame of
  /// these cores.
  public mutating func decayAndAdd<D: CoreDirection>(_ decay: Float, _ sum: WeightedSum<D>) {
    forEachPanel { block, rows, values in
      if let start = values.baseAddress { zeroth_scale(values.count, decay, start) }
      sum.addCore(to: values, of: block, rows: rows)
    }
  }

  /// Converts the cores to the frame of `direction`, if that is another frame, so that their images change as little as
  /// possible.
  public mutating func carry<D: CoreDirection>(to direction: D) {
    let key = frameKey
    guard key != direction.frameKey else { return }
    frameKey = direction.frameKey
    forEachCore { block, core in if block.isMatrix { direction.carry(core, of: block, from: key) } }
  }

  /// Sets the cores of matrices to 0 and takes over the frame of `direction`. The values of vectors belong to no frame
  /// and stay.
  public mutating func reset<D: CoreDirection>(to direction: D) {
    frameKey = direction.frameKey
    forEachPanel { block, _, core in if block.isMatrix { core.update(repeating: 0) } }
  }

  /// `layout`, but each matrix has the shape of its core.
  private static func layout(
    of layout: ParameterLayout, shape: (ParameterBlock) throws(InputError) -> (rows: Int, columns: Int)
  ) throws(InputError) -> ParameterLayout {
    var entries: [ParameterLayout.Entry] = []
    for block in layout.blocks {
      let isCore = block.isMatrix && block.isTrainable
      // A frozen block has no core. It gets the smallest shape, and nothing is stored for it.
      let (rows, columns) = isCore ? try shape(block) : block.isTrainable ? (block.rows, block.columns) : (1, 1)
      entries.append(.init(block.name, rows: rows, columns: columns))
    }
    let trainable = Set(layout.trainable.map(\.index))
    return try ParameterLayout(entries).training { trainable.contains($0.index) }
  }
}

extension StateCoder {
  /// Saves or restores cores, the key of their frame and their shapes, or the fact that there are none.
  public func code(_ name: String, _ vector: inout CoreVector?) throws(InputError) {
    guard try codePresence("\(name).is-there", vector != nil) else {
      vector = nil
      return
    }
    var key = vector?.frameKey ?? StreamKey(seed: 0, generator: generator)
    try code("\(name).frame", &key)
    let held = vector
    vector = try CoreVector(coding: name, held, frameKey: key, self)
  }
}

extension CoreVector {
  /// While a checkpoint is written: `held`. While one is restored: the cores of the checkpoint.
  fileprivate init(
    coding name: String, _ held: CoreVector?, frameKey: StreamKey, _ state: StateCoder
  ) throws(InputError) {
    layout = state.layout
    self.frameKey = frameKey
    var floats = layout.blocks.map { _ in [Float]() }
    cores = try Self.layout(of: layout) { (block) throws(InputError) in
      var (rows, columns) = held?.shape(of: block) ?? (0, 0)
      try state.code("\(name).\(block.name).rows", &rows)
      try state.code("\(name).\(block.name).columns", &columns)
      let (count, isTooLarge) = rows.multipliedReportingOverflow(by: columns)
      guard rows > 0, columns > 0, !isTooLarge else {
        throw state.error(
          "\(name).\(block.name)", found: "a core of \(rows) x \(columns)", expected: "positive sizes")
      }
      floats[block.index] = held?.core(of: block) ?? []
      try state.code("\(name).\(block.name)", &floats[block.index], count: count)
      return (rows, columns)
    }
    for block in layout.trainable where !block.isMatrix {
      floats[block.index] = held?.core(of: block) ?? []
      try state.code("\(name).\(block.name)", &floats[block.index], count: block.count)
    }
    values = held?.values ?? StoredVector(cores.trainable)
    guard state.isRestoring else { return }
    values = StoredVector(cores.trainable)
    let restored = floats
    forEachCore { block, core in _ = core.update(fromContentsOf: restored[block.index]) }
  }
}
