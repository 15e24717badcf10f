import Zeroth

/// What all families of models have in common.
protocol Architecture: Sendable {
  /// The blocks, and where they stand in a checkpoint.
  var blocks: [ModelBlock] { get }
  /// Rows of the vocabulary.
  var vocabulary: Int { get }
  /// The longest sequence.
  var context: Int { get }
  /// Elements of a head of the keys of attention.
  var headWidth: Int { get }
  /// The name of an output layer that the checkpoint has, though its configuration says that it is the token embedding.
  var untiedHead: String? { get }
  /// The module of an output layer that is the token embedding; nil where there is none.
  var tiedHead: String? { get }
  /// What transformers has in front of the names of modules, but for the output layer, where the checkpoint leaves it out.
  var missingPrefix: String { get }
  /// Tensors that a checkpoint may hold beyond the blocks, because they repeat or follow from others or are not used.
  func isRedundant(_ tensor: String) -> Bool
}

extension Architecture {
  /// The empty text: no tensor lacks a prefix.
  var missingPrefix: String { "" }
}
