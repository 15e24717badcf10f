import CZeroth

/// A direction that is stored after all, in d floats: the state of classical momentum.
public struct StoredDirection: Direction {
  let vector: StoredVector
  /// The factor in front of the vector.
  let scale: Float
  private let stored: Set<Int>

  /// scale times `vector`, on the blocks that it stores.
  init(_ vector: StoredVector, scale: Float) {
    self.vector = vector
    self.scale = scale
    stored = vector.stored
  }

  /// Whether `block` is stored.
  public func touches(_ block: ParameterBlock) -> Bool { stored.contains(block.index) }

  /// values += scale times the stored rows.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    vector.add(to: &values, of: block, rows: rows, scale: scale * self.scale)
  }
}

/// d floats on the heap, for some blocks of a layout. Copying the owner shares them until the owner writes.
final class StoredVector: @unchecked Sendable {
  private var store: ParameterStore
  private let places: [Int: ParameterBlock]
  let stored: Set<Int>

  /// Zeros for `blocks`.
  init(_ blocks: [ParameterBlock]) {
    let entries = blocks.map { ParameterLayout.Entry($0.name, rows: $0.rows, columns: $0.columns) }
    guard let layout = try? ParameterLayout(entries) else { fatalError("blocks of a layout have sizes and names") }
    store = ParameterStore(layout)
    places = Dictionary(uniqueKeysWithValues: zip(blocks.map(\.index), layout.blocks))
    stored = Set(places.keys)
  }

  private init(copying other: StoredVector) {
    store = other.store.clone()
    places = other.places
    stored = other.stored
  }

  func copy() -> StoredVector { StoredVector(copying: self) }

  /// Number of floats held.
  var count: Int { store.layout.parameterCount }

  func address(of block: ParameterBlock) -> UnsafePointer<Float>? {
    places[block.index].flatMap { store.stored().floats(of: $0) }
  }

  func values(of block: ParameterBlock) -> [Float] { places[block.index].map { store.values(of: $0) } ?? [] }

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard let start = address(of: block) else { return }
    values.withUnsafeMutableBufferPointer { target in
      guard let out = target.baseAddress else { return }
      zeroth_axpy(target.count, scale, start + rows.lowerBound * block.columns, out)
    }
  }

  /// Takes the values of the same blocks of `theta`.
  func copy(from theta: borrowing ParameterStore) {
    for (index, place) in places {
      store.withMutableBlock(place) { span in
        span.withUnsafeMutableBufferPointer {
          guard let start = $0.baseAddress else { return }
          theta.stored().read(theta.layout.blocks[index], rows: 0..<place.rows, into: start)
        }
      }
    }
  }

  /// m = decay m + weight_i D_i over all terms, block by block.
  func decayAndAdd<D: Direction>(
    _ decay: Float, _ terms: [(weight: Float, direction: D)], layout: ParameterLayout
  ) {
    let blocks = stored.sorted().map { layout.blocks[$0] }
    let sum = WeightedSum(terms)
    let panels = Panel.cut(blocks)
    let base = UncheckedPointer(store.base)
    let places = places
    Parallel.forEach(panels.count) { i in
      let panel = panels[i]
      guard let place = places[panel.block.index] else { return }
      let start = base.address + place.offset + panel.rows.lowerBound * place.columns
      let count = panel.rows.count * place.columns
      zeroth_scale(count, decay, start)
      guard sum.touches(panel.block) else { return }
      var span = UnsafeMutableBufferPointer(start: start, count: count).mutableSpan
      sum.add(to: &span, of: panel.block, rows: panel.rows, scale: 1)
    }
  }
}
