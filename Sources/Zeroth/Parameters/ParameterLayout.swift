/// The table of the blocks of a parameter store: their names, shapes, roles and offsets.
public struct ParameterLayout: Sendable, Hashable {
  /// The blocks, in storage order.
  public let blocks: [ParameterBlock]
  /// The blocks that the optimiser may move.
  public let trainable: [ParameterBlock]
  /// The number of floats of the store, with the gaps that align the blocks.
  public let storageCount: Int
  private let indices: [String: Int]
  /// The most floats whose number of bytes fits an `Int`, less the gap behind the last block.
  private static let mostElements = Int.max / MemoryLayout<Float>.stride - 16

  /// The description of one block, before it has a place in a layout.
  public struct Entry: Sendable, Hashable {
    /// The name, unique in the layout.
    public var name: String
    /// The rows m; the length of a vector.
    public var rows: Int
    /// The columns n; 1 for a vector.
    public var columns: Int
    /// What the block does in its model.
    public var role: BlockRole
    /// The layer that the block belongs to, counted from 0; nil outside the layers.
    public var layer: Int?

    /// A block of `rows` x `columns`; a vector by default.
    public init(_ name: String, rows: Int, columns: Int = 1, role: BlockRole = "dense", layer: Int? = nil) {
      self.name = name
      self.rows = rows
      self.columns = columns
      self.role = role
      self.layer = layer
    }
  }

  /// Lays out `entries` in their order, each aligned to 64 bytes. All blocks are trainable.
  ///
  /// Throws `InputError` when a name occurs twice, a size is not positive, or the number of bytes of all blocks does
  /// not fit an `Int`.
  public init(_ entries: [Entry]) throws(InputError) {
    var blocks: [ParameterBlock] = []
    var indices: [String: Int] = [:]
    var offset = 0
    for entry in entries {
      guard entry.rows > 0, entry.columns > 0 else {
        throw InputError(
          "block '\(entry.name)'", found: "\(entry.rows) x \(entry.columns)", expected: "positive sizes")
      }
      guard indices.updateValue(blocks.count, forKey: entry.name) == nil else {
        throw InputError("block '\(entry.name)'", found: "the name twice", expected: "each name once")
      }
      let (count, isTooLarge) = entry.rows.multipliedReportingOverflow(by: entry.columns)
      guard !isTooLarge, count <= Self.mostElements - offset else {
        throw InputError(
          "block '\(entry.name)'", found: "\(entry.rows) x \(entry.columns) after \(offset) elements",
          expected: "at most \(Self.mostElements) elements in all")
      }
      let block = ParameterBlock(
        index: blocks.count, name: entry.name, rows: entry.rows, columns: entry.columns, offset: offset,
        role: entry.role, layer: entry.layer, isTrainable: true)
      blocks.append(block)
      offset += (block.count + 15) / 16 * 16
    }
    self.init(blocks: blocks, indices: indices, storageCount: offset)
  }

  /// The same layout, but a block is trainable where `isTrainable` holds for it and frozen elsewhere.
  package func training(where isTrainable: (ParameterBlock) -> Bool) -> ParameterLayout {
    let blocks = blocks.map { block in
      ParameterBlock(
        index: block.index, name: block.name, rows: block.rows, columns: block.columns, offset: block.offset,
        role: block.role, layer: block.layer, isTrainable: isTrainable(block))
    }
    return ParameterLayout(blocks: blocks, indices: indices, storageCount: storageCount)
  }

  private init(blocks: [ParameterBlock], indices: [String: Int], storageCount: Int) {
    self.blocks = blocks
    trainable = blocks.filter(\.isTrainable)
    self.indices = indices
    self.storageCount = storageCount
  }

  /// The same layout, but only the blocks of `selection` are trainable.
  ///
  /// Throws `InputError` where `selection` selects no block.
  public func training(only selection: BlockSelection) throws(InputError) -> ParameterLayout {
    let chosen = Set(try selection.resolve(in: self).map(\.index))
    return training { chosen.contains($0.index) }
  }

  /// The block called `name`; nil where there is none.
  public subscript(name: String) -> ParameterBlock? { indices[name].map { blocks[$0] } }

  /// The number of parameters, d.
  public var parameterCount: Int { blocks.reduce(0) { $0 + $1.count } }
  /// The number of parameters that the optimiser may move.
  public var trainableCount: Int { trainable.reduce(0) { $0 + $1.count } }
}
