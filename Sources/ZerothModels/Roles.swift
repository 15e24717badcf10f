import Zeroth

/// The roles of the blocks in the models of this module.
extension BlockRole {
  /// Makes the queries of attention.
  public static let query: BlockRole = "query"
  /// Makes the keys of attention.
  public static let key: BlockRole = "key"
  /// Makes the values of attention.
  public static let value: BlockRole = "value"
  /// Maps the result of attention back to the hidden states.
  public static let output: BlockRole = "output"
  /// Any other linear layer.
  public static let dense: BlockRole = "dense"
  /// One row for each token, or for each type of token.
  public static let embedding: BlockRole = "embedding"
  /// One row for each position.
  public static let position: BlockRole = "position"
  /// The gain or the bias of a norm.
  public static let norm: BlockRole = "norm"
  /// The bias of a linear layer.
  public static let bias: BlockRole = "bias"
  /// Makes the logits.
  public static let head: BlockRole = "head"
  /// Belongs to an adapter beside the model's own weights.
  public static let adapter: BlockRole = "adapter"

  /// All of these roles, in the order in which help texts list them.
  public static let ofModels: [BlockRole] = [
    .query, .key, .value, .output, .dense, .embedding, .position, .norm, .bias, .head, .adapter,
  ]
}
