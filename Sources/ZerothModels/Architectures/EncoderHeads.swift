import CZeroth
import Zeroth

/// The head of a masked language model: logits = E norm(f(W x)) + b, where E is mostly the token embedding.
struct MaskedHead: Sendable {
  let dense: Linear
  let norm: Norm
  let activation: Activation
  /// Places of E and b.
  let decoder, bias: Int

  /// What E and b are applied to.
  func output(_ x: Matrix, _ w: Weights) -> Matrix {
    w.apply(norm, to: w.apply(dense, to: w.pack(x), activation: activation.kernel))
  }
}

/// The head of a sequence classifier (`BertForSequenceClassification`, `RobertaForSequenceClassification`): it reads the
/// hidden state h of a sequence's first token, logits = V tanh(W h + b) + c.
struct ClassifierHead: Sendable {
  let dense, output: Linear
  /// What the classes are called, in the order of the logits.
  let labels: [String]

  /// Adds the blocks of a head for the classes of `configuration` to `table`: `dense` with its whole name, as `output`.
  init(_ configuration: BERTConfiguration, dense: String, output: String, in table: inout BlockTable) {
    let h = configuration.hiddenSize
    labels = configuration.labels
    self.dense = table.linear(dense, from: h, to: h, bias: true, .dense)
    self.output = table.linear(output, from: h, to: labels.count, bias: true, .head)
  }

  /// The logits of each sequence, of which `first` are the hidden states of first tokens: sequences x classes.
  func logits(_ first: Matrix, _ w: Weights) -> Matrix {
    let x = w.apply(dense, to: w.pack(first))
    w.softCap(x, at: 1)  // the tangent hyperbolic
    return w.apply(output, to: w.pack(x))
  }
}
