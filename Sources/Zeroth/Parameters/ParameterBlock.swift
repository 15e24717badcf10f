/// What a block of parameters does in its model, such as `query` or `bias`. It is a tag in kebab-case that the author
/// of a model description chooses. Selections, weight decay and adapters choose blocks by role, never by a part of a
/// name.
public struct BlockRole: RawRepresentable, Sendable, Hashable, Codable, ExpressibleByStringLiteral {
  /// The tag.
  public let rawValue: String

  /// The role with the tag `rawValue`.
  public init(rawValue: String) { self.rawValue = rawValue }

  /// The role with the tag `value`.
  public init(stringLiteral value: String) { self.init(rawValue: value) }
}

/// One named matrix or vector of the parameters: the unit that directions, rules and adapters work on.
public struct ParameterBlock: Sendable, Hashable {
  /// Position of the block in its layout. The keys of its random numbers contain it.
  public let index: Int
  /// The name of the block in the checkpoint, such as `model.decoder.layers.0.self_attn.q_proj.weight`.
  public let name: String
  /// The rows m of an m x n matrix, which is stored row by row; the length of a vector.
  public let rows: Int
  /// Columns n of an m x n matrix; 1 for a vector.
  public let columns: Int
  /// The offset of the first element from the start of the store, in floats; a multiple of 16.
  public let offset: Int
  /// What the block does in its model.
  public let role: BlockRole
  /// The layer that the block belongs to, counted from 0; nil outside the layers.
  public let layer: Int?
  /// Whether the optimiser may move the block. Directions are zero on a frozen block.
  public let isTrainable: Bool

  /// Number of elements.
  public var count: Int { rows * columns }
  /// Whether the block has more than one row and more than one column. Only such a block has low-rank factors.
  public var isMatrix: Bool { rows > 1 && columns > 1 }
}
