import CZeroth
import Zeroth

/// The head of a masked language model: logits = E norm(f(W x)) + b, where E usually is the token embedding.
struct MaskedHead: Sendable {
  let dense: Linear
  let norm: Norm
  let activation: Activation
  /// The indices of the blocks E and b.
  let decoder, bias: Int

  /// The hidden states x to which E and b are then applied.
  func output(_ x: Matrix, _ w: Weights) -> Matrix {
    w.apply(norm, to: w.apply(dense, to: w.pack(x), activation: activation.kernel))
  }
}

/// The head of a sequence classifier (`BertForSequenceClassification`, `RobertaForSequenceClassification`). From the
/// hidden state h of the first token of a sequence it computes logits = V tanh(W h + b) + c.
struct ClassifierHead: Sendable {
  let dense, output: Linear
  /// The names of the classes, in the order of the logits.
  let labels: [String]

  /// Adds the blocks of a head for the classes of `configuration` to `table`. `dense` is its whole name; the output
  /// layer is called `output`.
  init(_ configuration: BERTConfiguration, dense: String, output: String, in table: inout BlockTable) {
    let h = configuration.hiddenSize
    labels = configuration.labels
    self.dense = table.linear(dense, from: h, to: h, bias: true, .dense)
    self.output = table.linear(output, from: h, to: labels.count, bias: true, .head)
  }

  /// The logits of each sequence, sequences x classes. `first` has the hidden states of the first tokens.
  func logits(_ first: Matrix, _ w: Weights) -> Matrix {
    let x = w.apply(dense, to: w.pack(first))
    w.softCap(x, at: 1)  // the tangent hyperbolic
    return w.apply(output, to: w.pack(x))
  }
}
