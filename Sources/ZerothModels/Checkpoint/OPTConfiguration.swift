/// The configuration of an OPT decoder; fields and defaults are those of `OPTConfig` in transformers.
public struct OPTConfiguration: Hashable, Sendable {
  /// Rows of the token embedding.
  public let vocabSize: Int
  /// Width of the residual stream.
  public let hiddenSize: Int
  /// Number of decoder layers.
  public let numHiddenLayers: Int
  /// Inner width of the feed-forward layers.
  public let ffnDim: Int
  /// Attention heads per layer; divides `hiddenSize`.
  public let numAttentionHeads: Int
  /// The longest sequence; the position embedding has two rows more.
  public let maxPositionEmbeddings: Int
  /// Width of the token embedding; where it differs from `hiddenSize`, `project_in` and `project_out` lie between.
  public let wordEmbedProjDim: Int
  /// Whether the norms come before attention and feed-forward (else after them, as in opt-350m).
  public let doLayerNormBefore: Bool
  /// Whether the linear layers have biases.
  public let enableBias: Bool
  /// Whether the norms have weights and biases.
  public let layerNormElementwiseAffine: Bool
  /// Whether the norm after the last layer is left out (`_remove_final_layer_norm`); without `doLayerNormBefore`
  /// there is none either.
  public let removeFinalLayerNorm: Bool
  /// The non-linearity of the feed-forward layers.
  public let activationFunction: Activation
  /// Whether the output layer is the token embedding.
  public let tieWordEmbeddings: Bool
  /// The token that starts a text, if there is one.
  public let bosTokenID: Int?
  /// The tokens that end a text.
  public let eosTokenIDs: [Int]
  /// The token that fills up short sequences, if there is one.
  public let padTokenID: Int?

  /// Elements per attention head.
  public var headDim: Int { hiddenSize / numAttentionHeads }

  init(_ fields: ConfigurationFields) throws {
    vocabSize = try fields.size("vocab_size", default: 50272)
    hiddenSize = try fields.size("hidden_size", default: 768)
    numHiddenLayers = try fields.layers(default: 12)
    ffnDim = try fields.size("ffn_dim", default: 3072)
    numAttentionHeads = try fields.size("num_attention_heads", default: 12)
    try fields.require("hidden_size", hiddenSize, isMultipleOf: "num_attention_heads", numAttentionHeads)
    maxPositionEmbeddings = try fields.size("max_position_embeddings", default: 2048)
    wordEmbedProjDim = try fields.size("word_embed_proj_dim") ?? hiddenSize
    doLayerNormBefore = try fields.flag("do_layer_norm_before", default: true)
    enableBias = try fields.flag("enable_bias", default: true)
    layerNormElementwiseAffine = try fields.flag("layer_norm_elementwise_affine", default: true)
    removeFinalLayerNorm = try fields.flag("_remove_final_layer_norm", default: false)
    activationFunction = try fields.activation("activation_function", default: .relu)
    tieWordEmbeddings = try fields.flag("tie_word_embeddings", default: true)
    bosTokenID = try fields.tokenID("bos_token_id", default: 2)
    eosTokenIDs = try fields.tokenIDs("eos_token_id", default: 2)
    padTokenID = try fields.tokenID("pad_token_id", default: 1)
  }
}
