import Zeroth

/// The configuration of a Llama decoder; fields and defaults are those of `LlamaConfig` in transformers.
public struct LlamaConfiguration: Hashable, Sendable {
  /// Rows of the token embedding.
  public let vocabSize: Int
  /// Width of the residual stream.
  public let hiddenSize: Int
  /// Inner width of the feed-forward layers.
  public let intermediateSize: Int
  /// Number of decoder layers.
  public let numHiddenLayers: Int
  /// Query heads per layer; divides `hiddenSize`.
  public let numAttentionHeads: Int
  /// Key and value heads per layer, each shared by as many query heads; divides `numAttentionHeads`.
  public let numKeyValueHeads: Int
  /// Elements per head, an even number; heads x `headDim` may differ from `hiddenSize`.
  public let headDim: Int
  /// What RMSNorm adds to the mean square.
  public let rmsNormEps: Double
  /// The base of the rotary embedding's wavelengths.
  public let ropeTheta: Double
  /// How the rotary embedding is stretched to longer sequences.
  public let ropeScaling: RopeScaling
  /// The longest sequence.
  public let maxPositionEmbeddings: Int
  /// The non-linearity of the gate.
  public let hiddenAct: Activation
  /// Whether the output layer is the token embedding.
  public let tieWordEmbeddings: Bool
  /// Whether the four projections of attention have biases.
  public let attentionBias: Bool
  /// Whether the three projections of the feed-forward layer have biases.
  public let mlpBias: Bool
  /// The token that starts a text, if there is one.
  public let bosTokenID: Int?
  /// The tokens that end a text.
  public let eosTokenIDs: [Int]
  /// The token that fills up short sequences, if there is one.
  public let padTokenID: Int?

  init(_ fields: ConfigurationFields) throws {
    vocabSize = try fields.size("vocab_size", default: 32000)
    hiddenSize = try fields.size("hidden_size", default: 4096)
    intermediateSize = try fields.size("intermediate_size", default: 11008)
    numHiddenLayers = try fields.layers(default: 32)
    numAttentionHeads = try fields.size("num_attention_heads", default: 32)
    try fields.require("hidden_size", hiddenSize, isMultipleOf: "num_attention_heads", numAttentionHeads)
    numKeyValueHeads = try fields.size("num_key_value_heads") ?? numAttentionHeads
    try fields.require("num_attention_heads", numAttentionHeads, isMultipleOf: "num_key_value_heads", numKeyValueHeads)
    headDim = try fields.size("head_dim") ?? hiddenSize / numAttentionHeads
    guard headDim.isMultiple(of: 2) else {
      throw InputError("\(fields.subject): head_dim", found: "\(headDim)", expected: "an even number, for rotary pairs")
    }
    rmsNormEps = try fields.positiveNumber("rms_norm_eps", default: 1e-6)
    maxPositionEmbeddings = try fields.size("max_position_embeddings", default: 2048)
    (ropeTheta, ropeScaling) = try RopeScaling.read(fields, maxPositionEmbeddings: maxPositionEmbeddings)
    hiddenAct = try fields.activation("hidden_act", default: .silu)
    tieWordEmbeddings = try fields.flag("tie_word_embeddings", default: false)
    attentionBias = try fields.flag("attention_bias", default: false)
    mlpBias = try fields.flag("mlp_bias", default: false)
    bosTokenID = try fields.tokenID("bos_token_id", default: 1)
    eosTokenIDs = try fields.tokenIDs("eos_token_id", default: 2)
    padTokenID = try fields.tokenID("pad_token_id", default: nil)
  }
}

/// How the frequencies of a rotary embedding are stretched to sequences longer than those of the first training.
public enum RopeScaling: Hashable, Sendable {
  /// Not at all.
  case none
  /// Every frequency is divided by `factor`.
  case linear(factor: Double)
  /// Llama 3: wavelengths above `originalMaxPositionEmbeddings / lowFreqFactor` are stretched by `factor`, those
  /// below `originalMaxPositionEmbeddings / highFreqFactor` stay, those between are interpolated.
  case llama3(factor: Double, lowFreqFactor: Double, highFreqFactor: Double, originalMaxPositionEmbeddings: Int)

  /// Reads theta and scaling from either form: `rope_theta` beside `rope_scaling`, or `rope_parameters` with both.
  ///
  /// Precedence as in transformers 5: `rope_scaling` over `rope_parameters`, and theta inside them over `rope_theta`.
  static func read(
    _ fields: ConfigurationFields, maxPositionEmbeddings: Int
  ) throws -> (theta: Double, scaling: RopeScaling) {
    let outerTheta = try fields.positiveNumber("rope_theta", default: 10_000)
    try requireWholeHeads(fields)
    guard let rope = try fields.object("rope_scaling") ?? fields.object("rope_parameters") else {
      return (outerTheta, .none)
    }
    try requireWholeHeads(rope)
    let theta = try rope.positiveNumber("rope_theta", default: outerTheta)
    let key = rope.json["rope_type"] == nil ? "type" : "rope_type"
    switch rope.json[key] ?? .string("default") {
    case .string("default"):
      return (theta, .none)
    case .string("linear"):
      return (theta, .linear(factor: try rope.positiveNumber("factor")))
    case .string("llama3"):
      let low = try rope.positiveNumber("low_freq_factor")
      let high = try rope.positiveNumber("high_freq_factor")
      guard low < high else {
        throw rope.error("high_freq_factor", expected: "a number above low_freq_factor, \(low)")
      }
      return (
        theta,
        .llama3(
          factor: try rope.positiveNumber("factor"), lowFreqFactor: low, highFreqFactor: high,
          originalMaxPositionEmbeddings: try rope.size(
            "original_max_position_embeddings", default: maxPositionEmbeddings))
      )
    default:
      throw rope.error(key, expected: "one of default, linear, llama3")
    }
  }

  /// A factor below 1 would rotate a part of each head only, which Llama does not do.
  private static func requireWholeHeads(_ fields: ConfigurationFields) throws {
    guard try fields.positiveNumber("partial_rotary_factor", default: 1) == 1 else {
      throw fields.error("partial_rotary_factor", expected: "1")
    }
  }
}
