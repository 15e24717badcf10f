import CZeroth

/// The parameters theta: one flat buffer of fp32, aligned to 64 bytes, cut into the blocks of a layout.
///
/// It is not copyable: a second copy of the weights is the cost that these methods exist to avoid, so `clone()` spells
/// it out. Estimators borrow it, so that measuring cannot write a weight.
public struct ParameterStore: ~Copyable, @unchecked Sendable {
  /// The table of blocks.
  public let layout: ParameterLayout
  @usableFromInline let base: UnsafeMutablePointer<Float>

  /// Zeros in the shape of `layout`.
  public init(_ layout: ParameterLayout) {
    self.layout = layout
    guard let memory = zeroth_allocate(layout.storageCount * MemoryLayout<Float>.stride) else {
      fatalError("no memory for \(layout.storageCount) parameters")
    }
    base = memory.assumingMemoryBound(to: Float.self)
  }

  deinit { zeroth_deallocate(base, layout.storageCount * MemoryLayout<Float>.stride) }

  /// A copy, of d floats.
  public borrowing func clone() -> ParameterStore {
    let copy = ParameterStore(layout)
    copy.base.update(from: base, count: layout.storageCount)
    return copy
  }

  /// Takes over the values of a store of the same layout.
  public mutating func copy(from other: borrowing ParameterStore) {
    precondition(layout == other.layout, "copying between different layouts")
    base.update(from: other.base, count: layout.storageCount)
  }

  /// Reads the elements of `block`, row by row.
  @inlinable public borrowing func withBlock<R, E: Error>(
    _ block: ParameterBlock, _ body: (Span<Float>) throws(E) -> R
  ) throws(E) -> R {
    try body(UnsafeBufferPointer(start: base + block.offset, count: block.count).span)
  }

  /// Writes the elements of `block`, row by row.
  @inlinable public mutating func withMutableBlock<R, E: Error>(
    _ block: ParameterBlock, _ body: (inout MutableSpan<Float>) throws(E) -> R
  ) throws(E) -> R {
    var span = UnsafeMutableBufferPointer(start: base + block.offset, count: block.count).mutableSpan
    return try body(&span)
  }

  /// The elements of `block` as an array, for tests and small things.
  public borrowing func values(of block: ParameterBlock) -> [Float] {
    Array(UnsafeBufferPointer(start: base + block.offset, count: block.count))
  }

  /// The address of the first element of `block`, for backends that call into C. Valid while the store lives; reading
  /// through it needs a borrow of the store, writing a mutable one.
  @inlinable public borrowing func unsafeAddress(of block: ParameterBlock) -> UnsafePointer<Float> {
    UnsafePointer(base + block.offset)
  }

  /// Writes elements in order, such as a vector that a test made.
  public mutating func fill(_ block: ParameterBlock, with values: [Float]) {
    precondition(values.count == block.count, "block '\(block.name)' has \(block.count) elements")
    for i in 0..<block.count { base[block.offset + i] = values[i] }
  }

  /// theta += scale D, over all trainable blocks.
  public mutating func add(_ direction: some Direction, scale: Float) {
    apply(direction, scales: .ones, scale: scale)
  }

  /// theta_l = keep_l theta_l + scale s_l D_l for every trainable block l: the update of a step, in one pass.
  ///
  /// `keep` is 1 - eta lambda_l s_l, the weight decay; nil keeps all.
  mutating func apply(
    _ direction: some Direction, scales: BlockScales, scale: Float, keep: (@Sendable (ParameterBlock) -> Float)? = nil
  ) {
    let panels = Panel.cut(layout.trainable.filter { direction.touches($0) || keep != nil })
    let base = UncheckedPointer(base)
    Parallel.forEach(panels.count) { i in
      let panel = panels[i]
      let start = base.address + panel.block.offset + panel.rows.lowerBound * panel.block.columns
      let count = panel.rows.count * panel.block.columns
      if let keep {
        let factor = keep(panel.block)
        if factor != 1 { zeroth_scale(count, factor, start) }
      }
      guard direction.touches(panel.block) else { return }
      var span = UnsafeMutableBufferPointer(start: start, count: count).mutableSpan
      direction.add(to: &span, of: panel.block, rows: panel.rows, scale: scale * scales[panel.block])
    }
  }
}

/// A pointer that goes between threads; whoever makes one sees to it that they do not write the same elements.
@usableFromInline struct UncheckedPointer: @unchecked Sendable {
  let address: UnsafeMutablePointer<Float>
  init(_ address: UnsafeMutablePointer<Float>) { self.address = address }
}
