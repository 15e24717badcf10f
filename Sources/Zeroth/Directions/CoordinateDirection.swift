/// A few coordinates with a value each: sum_i v_i e_i. CGE measures along one such direction per coordinate, with one
/// coordinate in it.
public struct CoordinateDirection: Direction {
  /// One coordinate: an element of a block.
  public struct Coordinate: Sendable, Hashable {
    /// Index of the block in its layout.
    public let block: Int
    /// The index of the element in its block, row by row.
    public let element: Int

    /// Element `element` of block number `block`.
    public init(block: Int, element: Int) {
      self.block = block
      self.element = element
    }
  }

  private let entries: [Int: [(element: Int, value: Float)]]

  /// The direction sum over i of values[i] e_{coordinates[i]}. There is one value for each coordinate.
  public init(_ coordinates: [Coordinate], values: [Float]) {
    precondition(coordinates.count == values.count, "one value for each coordinate")
    var entries: [Int: [(element: Int, value: Float)]] = [:]
    for (coordinate, value) in zip(coordinates, values) {
      entries[coordinate.block, default: []].append((coordinate.element, value))
    }
    self.entries = entries.mapValues { $0.sorted { $0.element < $1.element } }
  }

  /// Whether one of the coordinates lies in `block`.
  public func touches(_ block: ParameterBlock) -> Bool { entries[block.index] != nil }

  /// values[i] += scale v_i at the coordinates within `rows`.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    let first = rows.lowerBound * block.columns
    let end = rows.upperBound * block.columns
    guard let entries = entries[block.index] else { return }
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].element < first { low = middle + 1 } else { high = middle }
    }
    while low < entries.count, entries[low].element < end {
      values[entries[low].element - first] += scale * entries[low].value
      low += 1
    }
  }
}
