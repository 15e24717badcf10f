import Zeroth

/// What a checkpoint calls the parts of a decoder, and how it stores them: the names of modules, whose tensors are called
/// `NAME.weight` and `NAME.bias`.
///
/// Names in front of a layer's number and behind it are put together: `layers.0.self_attn.q_proj.weight`. What the model
/// does not have needs no name.
public struct DecoderTensors: Hashable, Sendable {
  /// In front of every name but the output layer's; checkpoints of the bare decoder leave it out.
  public var prefix = "model."
  /// The layers, in front of their number.
  public var layers = "layers."
  /// The embeddings.
  public var tokens = "embed_tokens", positions = "embed_positions"
  /// The projections between an embedding of another width and the hidden state.
  public var projectIn = "project_in", projectOut = "project_out"
  /// In front of attention, or behind its sum.
  public var attentionNorm = "input_layernorm"
  /// Makes queries.
  public var query: ModulePlace = "self_attn.q_proj"
  /// Makes keys.
  public var key: ModulePlace = "self_attn.k_proj"
  /// Makes values.
  public var value: ModulePlace = "self_attn.v_proj"
  /// Leads from attention back to the hidden state.
  public var output: ModulePlace = "self_attn.o_proj"
  /// The norms of heads.
  public var queryNorm = "self_attn.q_norm", keyNorm = "self_attn.k_norm"
  /// Behind attention, where norms stand on both sides.
  public var attentionOutputNorm = "post_attention_layernorm"
  /// In front of the feed-forward layer, or behind its sum.
  public var feedForwardNorm = "post_attention_layernorm"
  /// The gate of a gated feed-forward layer.
  public var gate: ModulePlace = "mlp.gate_proj"
  /// The first linear layer of a feed-forward layer.
  public var up: ModulePlace = "mlp.up_proj"
  /// The last linear layer of a feed-forward layer.
  public var down: ModulePlace = "mlp.down_proj"
  /// Behind the feed-forward layer, where norms stand on both sides.
  public var feedForwardOutputNorm = "post_feedforward_layernorm"
  /// Behind the last layer.
  public var finalNorm = "norm"
  /// The output layer, with nothing in front.
  public var head = "lm_head"
  /// Ends of the names of tensors that checkpoints may hold and nothing needs, such as masks.
  public var ignored = [".rotary_emb.inv_freq"]

  /// The names of Llama, which many families share.
  public init() {}
}

/// Where a linear layer stands in a checkpoint: all of a module, or some rows of one that holds several layers.
public struct ModulePlace: Hashable, Sendable, ExpressibleByStringLiteral {
  /// The name of the module, behind the layer's number.
  public var module: String
  /// What the layer is called among the others of its module; nil where it is all of it.
  public var part: String?
  /// The rows that are the layer's.
  public var rows = RowSlice.all
  /// Whether the weight is stored transposed, inputs x outputs, as by the `Conv1D` of GPT-2.
  public var isTransposed = false

  /// All of the module `value`.
  public init(stringLiteral value: String) { module = value }

  /// All of `module`, or those of its `rows` that are called `part`.
  public init(_ module: String, _ part: String? = nil, rows: RowSlice = .all, isTransposed: Bool = false) {
    self.module = module
    self.part = part
    self.rows = rows
    self.isTransposed = isTransposed
  }
}

/// Some rows of a matrix or elements of a vector.
public enum RowSlice: Hashable, Sendable {
  /// All of them.
  case all
  /// Those from number `first` on, as many as the block has.
  case from(Int)
  /// Runs of `run` rows that take turns with those of other blocks: run j begins at row (j count + place) run, where count is
  /// that of the blocks.
  case turns(place: Int, of: Int, run: Int)

  /// The row of the tensor that is row `row` of the block.
  func place(of row: Int) -> Int {
    switch self {
    case .all: row
    case .from(let first): first + row
    case .turns(let place, let count, let run): (row / run * count + place) * run + row % run
    }
  }

  /// How many rows follow each other in the tensor, out of the `rows` of the block.
  func run(of rows: Int) -> Int {
    switch self {
    case .all, .from: rows
    case .turns(_, _, let run): run
    }
  }
}

/// Where the values of a block stand in a checkpoint.
struct TensorPart: Hashable, Sendable {
  /// The name of the tensor.
  var tensor: String
  /// The rows of it, or of its transpose, that are the block's.
  var rows = RowSlice.all
  /// Whether the tensor is the transpose.
  var isTransposed = false

  /// Whether the block is the tensor as it stands.
  var isWhole: Bool { rows == .all && !isTransposed }
  /// Whether the block's values follow each other in the tensor.
  var isContiguous: Bool {
    if case .turns = rows { return false }
    return !isTransposed
  }
}

/// A block of a model, where it stands in a checkpoint, and the mean of its values in a model that is drawn at random.
struct ModelBlock: Hashable, Sendable {
  var entry: ParameterLayout.Entry
  var part: TensorPart
  var mean: Float = 0
}
