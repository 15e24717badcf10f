import Zeroth

/// What the models of all families have in common.
protocol Architecture: Sendable {
  /// The blocks of the model, and their places in a checkpoint.
  var blocks: [ModelBlock] { get }
  /// The number of rows of the vocabulary.
  var vocabulary: Int { get }
  /// The longest sequence, in tokens.
  var context: Int { get }
  /// The number of elements of a head of attention keys.
  var headWidth: Int { get }
  /// The name of an output layer of its own in the checkpoint, where the configuration says that the token embedding is
  /// the output layer. Nil where there is none.
  var untiedHead: String? { get }
  /// The module of the output layer, where that is the token embedding; nil elsewhere.
  var tiedHead: String? { get }
  /// The prefix that transformers has in front of the names of all modules but the output layer, where the checkpoint
  /// leaves it out; else empty.
  var missingPrefix: String { get }
  /// Whether a tensor of a checkpoint belongs to no block and may be ignored: it repeats another, follows from others,
  /// or is not used.
  func isRedundant(_ tensor: String) -> Bool
}

extension Architecture {
  /// The empty text: no name lacks a prefix.
  var missingPrefix: String { "" }
}
