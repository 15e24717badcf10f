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
