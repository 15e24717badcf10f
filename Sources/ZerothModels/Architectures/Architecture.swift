import Zeroth

/// What all families of models have in common.
protocol Architecture: Sendable {
  /// The blocks, named as in the checkpoint.
  var entries: [ParameterLayout.Entry] { get }
  /// Rows of the vocabulary.
  var vocabulary: Int { get }
  /// The longest sequence.
  var context: Int { get }
  /// Tensors that a checkpoint may hold beyond the blocks, because they repeat or follow from others or are not used.
  func isRedundant(_ tensor: String) -> Bool
}

/// What the families of causal language models have in common.
protocol CausalArchitecture: Architecture {
  /// Floats that a pass takes for a row of activations, at most, beside scratch memory of the threads.
  var activationsPerRow: Int { get }
  /// The block whose rows give the logits: the output layer, or the token embedding that is tied to it.
  var head: Int { get }
  /// The output vectors, ready for the head, at the rows `rows` of the batch: variants * rows.count x columns.
  func output(_ batch: TokenBatch, rows: [Int], _ weights: Weights) -> Matrix
}
