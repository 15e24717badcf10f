import Zeroth

/// The names of the parts of a decoder in a checkpoint, and how they are stored. The names are those of modules. The
/// tensors of a module are called `NAME.weight` and `NAME.bias`.
///
/// The name of a part of a layer consists of what stands in front of the layer's number, the number, and what stands
/// behind it: `layers.0.self_attn.q_proj.weight`. Parts that the model does not have need no name.
public struct DecoderTensors: Hashable, Sendable {
  /// The text in front of every name but that of the output layer. Checkpoints of the bare decoder leave it out.
  public var prefix = "model."
  /// The text in front of the number of a layer.
  public var layers = "layers."
  /// The embeddings.
  public var tokens = "embed_tokens", positions = "embed_positions"
  /// The projections between an embedding of another width and the hidden state.
  public var projectIn = "project_in", projectOut = "project_out"
  /// The norm in front of attention, or behind its sum.
  public var attentionNorm = "input_layernorm"
  /// Makes queries.
  public var query: ModulePlace = "self_attn.q_proj"
  /// Makes keys.
  public var key: ModulePlace = "self_attn.k_proj"
  /// Makes values.
  public var value: ModulePlace = "self_attn.v_proj"
  /// Maps the result of attention back to the hidden state.
  public var output: ModulePlace = "self_attn.o_proj"
  /// The norms of heads.
  public var queryNorm = "self_attn.q_norm", keyNorm = "self_attn.k_norm"
  /// The norm behind attention, where norms stand on both sides.
  public var attentionOutputNorm = "post_attention_layernorm"
  /// The norm in front of the feed-forward layer, or behind its sum.
  public var feedForwardNorm = "post_attention_layernorm"
  /// The gate of a gated feed-forward layer.
  public var gate: ModulePlace = "mlp.gate_proj"
  /// The first linear layer of a feed-forward layer.
  public var up: ModulePlace = "mlp.up_proj"
  /// The last linear layer of a feed-forward layer.
  public var down: ModulePlace = "mlp.down_proj"
  /// The norm behind the feed-forward layer, where norms stand on both sides.
  public var feedForwardOutputNorm = "post_feedforward_layernorm"
  /// The norm behind the last layer.
  public var finalNorm = "norm"
  /// The output layer. Its name has no prefix.
  public var head = "lm_head"
  /// The endings of the names of tensors that a checkpoint may hold but that are not needed, such as masks.
  public var ignored = [".rotary_emb.inv_freq"]

  /// The names in checkpoints of Llama, which many families share.
  public init() {}
}

/// The place of a linear layer in a checkpoint: a whole module, or some rows of a module that holds several layers.
public struct ModulePlace: Hashable, Sendable, ExpressibleByStringLiteral {
  /// The name of the module, as it stands behind the layer's number.
  public var module: String
  /// The name of the layer among those of its module; nil where it is the whole module.
  public var part: String?
  /// The rows of the module that belong to the layer.
  public var rows = RowSlice.all
  /// Whether the weight is stored transposed, inputs x outputs, as by the `Conv1D` of GPT-2.
  public var isTransposed = false

  /// The whole module `value`.
  public init(stringLiteral value: String) { module = value }

  /// The whole of `module`, or those of its `rows` that are called `part`.
  public init(_ module: String, _ part: String? = nil, rows: RowSlice = .all, isTransposed: Bool = false) {
    self.module = module
    self.part = part
    self.rows = rows
    self.isTransposed = isTransposed
  }
}

/// Some rows of a matrix or elements of a vector.
public enum RowSlice: Hashable, Sendable {
  /// All rows.
  case all
  /// The rows from number `first` on, as many as the block has.
  case from(Int)
  /// Runs of `run` rows that alternate with the runs of other blocks. Run j begins at row (j count + place) run, where
  /// count is the number of blocks that alternate.
  case turns(place: Int, of: Int, run: Int)

  /// The row of the tensor for row `row` of the block.
  func place(of row: Int) -> Int {
    switch self {
    case .all: row
    case .from(let first): first + row
    case .turns(let place, let count, let run): (row / run * count + place) * run + row % run
    }
  }

  /// How many of the `rows` rows of the block follow each other in the tensor.
  func run(of rows: Int) -> Int {
    switch self {
    case .all, .from: rows
    case .turns(_, _, let run): run
    }
  }
}

/// The place of the values of a block in a checkpoint.
struct TensorPart: Hashable, Sendable {
  /// The name of the tensor.
  var tensor: String
  /// The rows of the tensor, or of its transpose, that belong to the block.
  var rows = RowSlice.all
  /// Whether the tensor holds the transpose.
  var isTransposed = false

  /// Whether the block is the whole tensor, not transposed.
  var isWhole: Bool { rows == .all && !isTransposed }
  /// Whether the values of the block follow each other in the tensor.
  var isContiguous: Bool {
    if case .turns = rows { return false }
    return !isTransposed
  }
}

/// A block of a model, its place in a checkpoint, and the mean of its values where the model is drawn at random.
struct ModelBlock: Hashable, Sendable {
  var entry: ParameterLayout.Entry
  var part: TensorPart
  var mean: Float = 0
}
