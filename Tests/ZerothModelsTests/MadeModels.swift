import Testing
import Zeroth
import ZerothModels

/// Small models with random weights, of every family and of shapes that no block size divides.
enum MadeModels {
  static let configurations = [
    "opt": """
    {"model_type": "opt", "vocab_size": 101, "hidden_size": 24, "ffn_dim": 52, "num_hidden_layers": 2,
     "num_attention_heads": 3, "max_position_embeddings": 40, "word_embed_proj_dim": 24}
    """,
    "opt post-norm": """
    {"model_type": "opt", "vocab_size": 67, "hidden_size": 24, "ffn_dim": 40, "num_hidden_layers": 2,
     "num_attention_heads": 4, "max_position_embeddings": 40, "word_embed_proj_dim": 12,
     "do_layer_norm_before": false, "activation_function": "gelu"}
    """,
    "llama": """
    {"model_type": "llama", "vocab_size": 97, "hidden_size": 32, "intermediate_size": 44, "num_hidden_layers": 2,
     "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 40}
    """,
    "qwen2": """
    {"model_type": "qwen2", "vocab_size": 97, "hidden_size": 32, "intermediate_size": 44, "num_hidden_layers": 3,
     "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 40, "tie_word_embeddings": true,
     "use_sliding_window": true, "sliding_window": 5, "max_window_layers": 1}
    """,
    "qwen3": """
    {"model_type": "qwen3", "vocab_size": 97, "hidden_size": 20, "intermediate_size": 44, "num_hidden_layers": 2,
     "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": 40}
    """,
    "mistral": """
    {"model_type": "mistral", "vocab_size": 89, "hidden_size": 32, "intermediate_size": 44, "num_hidden_layers": 2,
     "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 40, "sliding_window": 6,
     "rope_scaling": {"rope_type": "yarn", "factor": 2, "original_max_position_embeddings": 20}}
    """,
    "gemma2": """
    {"model_type": "gemma2", "vocab_size": 71, "hidden_size": 24, "intermediate_size": 52, "num_hidden_layers": 2,
     "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 10, "max_position_embeddings": 40,
     "sliding_window": 4, "query_pre_attn_scalar": 7, "tie_word_embeddings": false,
     "attn_logit_softcapping": 0.5, "final_logit_softcapping": 0.3}
    """,
    "gemma3": """
    {"model_type": "gemma3_text", "vocab_size": 71, "hidden_size": 24, "intermediate_size": 52, "num_hidden_layers": 3,
     "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 10, "max_position_embeddings": 40,
     "sliding_window": 4, "sliding_window_pattern": 2, "query_pre_attn_scalar": 7,
     "tie_word_embeddings": false}
    """,
    "gpt2": """
    {"model_type": "gpt2", "vocab_size": 83, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 40,
     "n_inner": 52}
    """,
    "gpt-neox": """
    {"model_type": "gpt_neox", "vocab_size": 83, "hidden_size": 36, "intermediate_size": 52, "num_hidden_layers": 2,
     "num_attention_heads": 3, "max_position_embeddings": 40}
    """,
    "gpt-neox in sequence": """
    {"model_type": "gpt_neox", "vocab_size": 83, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2,
     "num_attention_heads": 2, "max_position_embeddings": 40, "use_parallel_residual": false, "rotary_pct": 0.5,
     "tie_word_embeddings": true}
    """,
    "phi3": """
    {"model_type": "phi3", "vocab_size": 79, "hidden_size": 32, "intermediate_size": 44, "num_hidden_layers": 2,
     "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 40, "sliding_window": 9,
     "original_max_position_embeddings": 12, "pad_token_id": null, "rope_scaling": {"type": "longrope",
     "short_factor": [1, 1.5, 2, 2.5], "long_factor": [2, 3, 4, 5]}}
    """,
  ]

  static let encoders = [
    "bert": """
    {"model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": 67, "hidden_size": 24,
     "intermediate_size": 52, "num_hidden_layers": 2, "num_attention_heads": 3, "max_position_embeddings": 40}
    """,
    "roberta": """
    {"model_type": "roberta", "architectures": ["RobertaForMaskedLM"], "vocab_size": 71, "hidden_size": 24,
     "intermediate_size": 40, "num_hidden_layers": 1, "num_attention_heads": 4, "max_position_embeddings": 34,
     "tie_word_embeddings": false, "type_vocab_size": 1}
    """,
  ]

  static func makeEncoder(_ name: String, classes: Int? = nil) throws -> EncoderModel {
    try EncoderModel(configuration: ConfigurationFile(parsing: encoders[name] ?? "", name: name), classes: classes)
  }

  static func make(_ name: String) throws -> CausalModel {
    try CausalModel(configuration: ConfigurationFile(parsing: configurations[name] ?? "", name: name))
  }

  /// Sequences of several lengths, and two that continue the first.
  static func batch(vocabulary: Int) -> TokenBatch {
    func tokens(_ count: Int, _ salt: Int) -> [Int] { (0..<count).map { ($0 * 31 + salt * 17 + 5) % vocabulary } }
    var batch = TokenBatch()
    batch.append(tokens(17, 1))
    batch.append(tokens(1, 2))
    batch.append(tokens(9, 3))
    batch.append(tokens(3, 4), after: 0)
    batch.append(tokens(2, 5), after: 0)
    return batch
  }

  /// So many tokens that layers are computed some outputs at a time.
  static func longBatch(vocabulary: Int) -> TokenBatch {
    TokenBatch((0..<9).map { row in (0..<37).map { ($0 * 29 + row * 13 + 7) % vocabulary } })
  }
}

/// The next-token loss on the long batch.
struct NextToken: Objective {
  typealias Failure = InputError
  let model: CausalModel
  let batch: TokenBatch
  let readout: Readout

  init(_ model: CausalModel) {
    self.model = model
    let batch = MadeModels.longBatch(vocabulary: model.vocabulary)
    self.batch = batch
    readout = .logProbabilities(rows: Array(0..<36), targets: Array(batch.tokens[1...36]))
  }

  func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    -(try model.evaluate(self.batch, readout, at: theta)[0].reduce(0, +)) / 36
  }

  func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(InputError) -> Few<Double> {
    Few(try model.evaluate(self.batch, readout, from: theta, at: points)).map { -$0.reduce(0, +) / 36 }
  }
}

/// Expects the same bits of `model` at both parameters, displaced by dense and by low-rank directions, in products of few and of
/// many rows: they are the same products of the same numbers.
func expectSameEvaluations(
  of model: CausalModel, _ one: borrowing ParameterStore, _ other: borrowing ParameterStore,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let key = StreamKey(seed: 2)
  let directions: [any Direction] = [
    DenseDirection(key, layout: one.layout),
    LowRankProbe(rank: 2, leftKey: key.child(.left), rightKey: key.child(.right)),
  ]
  for batch in [MadeModels.batch(vocabulary: model.vocabulary), MadeModels.longBatch(vocabulary: model.vocabulary)] {
    let readout = Readout.logProbabilities(rows: [3, 20, 30], targets: [5, 6, 7])
    for direction in directions {
      let a = try model.evaluate(batch, readout, at: one, along: direction, offsets: [0.01, -0.01])
      let b = try model.evaluate(batch, readout, at: other, along: direction, offsets: [0.01, -0.01])
      #expect(a == b && a[0] != a[1], sourceLocation: sourceLocation)
    }
  }
}
