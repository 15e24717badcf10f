/// What a block of parameters does in its model, such as `query` or `bias`: a tag in kebab-case that whoever describes
/// the model chooses. Selections, weight decay and adapters go by role, never by a substring of a name.
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
  /// Place of the block in its layout; part of the key of its noise.
  public let index: Int
  /// Name as in the checkpoint, such as `model.decoder.layers.0.self_attn.q_proj.weight`.
  public let name: String
  /// Rows m of an m x n matrix stored row by row; the length of a vector.
  public let rows: Int
  /// Columns n of an m x n matrix; 1 for a vector.
  public let columns: Int
  /// First element of the block in the store, in floats; a multiple of 16.
  public let offset: Int
  /// What the block does.
  public let role: BlockRole
  /// The layer it belongs to, counted from 0; nil outside the layers.
  public let layer: Int?
  /// Whether the optimiser may move it. Directions are zero on a frozen block.
  public let isTrainable: Bool

  /// Number of elements.
  public var count: Int { rows * columns }
  /// Whether low-rank factors exist: more than one row and more than one column.
  public var isMatrix: Bool { rows > 1 && columns > 1 }
}
