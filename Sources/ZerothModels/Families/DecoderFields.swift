import Zeroth
import ZerothSupport

/// The values of a family for fields that are missing in a `config.json`.
public struct DecoderDefaults: Sendable {
  /// The values of the fields that all families have.
  public var vocabulary, context, width, inner, layers, heads: Int
  /// `num_key_value_heads`; nil means as many as heads.
  public var keyHeads: Int?
  /// `head_dim`; nil means width / heads.
  public var headWidth: Int?
  /// `rms_norm_eps`.
  public var eps: Double
  /// `tie_word_embeddings`.
  public var isTied: Bool
  /// `bos_token_id`, `eos_token_id` and `pad_token_id`.
  public var start: Int?, ends: [Int], padding: Int?

  /// The values of Llama, except for those that are given.
  public init(
    vocabulary: Int = 32_000, context: Int = 2048, width: Int = 4096, inner: Int = 11_008, layers: Int = 32,
    heads: Int = 32, keyHeads: Int? = nil, headWidth: Int? = nil, eps: Double = 1e-6, isTied: Bool = false,
    start: Int? = nil, ends: [Int] = [], padding: Int? = nil
  ) {
    self.vocabulary = vocabulary
    self.context = context
    self.width = width
    self.inner = inner
    self.layers = layers
    self.heads = heads
    self.keyHeads = keyHeads
    self.headWidth = headWidth
    self.eps = eps
    self.isTied = isTied
    self.start = start
    self.ends = ends
    self.padding = padding
  }
}

extension DecoderDescription {
  /// A decoder with the structure of Llama: RMS norms in front of both halves, rotary positions, a gated feed-forward
  /// layer, no biases. Its sizes, eps, activation, tying and tokens come from `c`. A family then changes the properties
  /// in which it differs.
  ///
  /// Throws `InputError` for a field that cannot be used.
  public init(
    llamaLike c: ConfigurationFields, _ defaults: DecoderDefaults,
    activation: (key: String, default: Activation) = ("hidden_act", .silu)
  ) throws {
    let vocabulary = try c.size("vocab_size", default: defaults.vocabulary)
    let width = try c.size("hidden_size", default: defaults.width)
    let inner = try c.size("intermediate_size", default: defaults.inner)
    let layers = try c.layers(default: defaults.layers)
    let heads = try c.size("num_attention_heads", default: defaults.heads)
    let headWidth = try c.json["head_dim"] == nil ? defaults.headWidth : c.size("head_dim")
    if headWidth == nil { try c.require("hidden_size", width, isMultipleOf: "num_attention_heads", heads) }
    let keyHeads = try c.json["num_key_value_heads"] == nil ? defaults.keyHeads : c.size("num_key_value_heads")
    if let keyHeads {
      try c.require("num_attention_heads", heads, isMultipleOf: "num_key_value_heads", keyHeads)
    }
    self.init(
      vocabulary: vocabulary, context: try c.size("max_position_embeddings", default: defaults.context), width: width,
      heads: heads, keyHeads: keyHeads, headWidth: headWidth, inner: inner,
      layers: Array(repeating: Layer(), count: layers))
    norm = .rootMeanSquare(eps: try c.positiveNumber("rms_norm_eps", default: defaults.eps))
    feedForward = .gated(try c.activation(activation.key, default: activation.default))
    isTied = try c.flag("tie_word_embeddings", default: defaults.isTied)
    tokens = try c.specialTokens(start: defaults.start, ends: defaults.ends, padding: defaults.padding)
    guard self.headWidth.isMultiple(of: 2) else {
      throw InputError(
        "\(c.subject): head_dim", found: "\(self.headWidth)", expected: "an even number, for rotary pairs")
    }
  }

  /// Gives all layers the rotary embedding that `c` describes (`rope_scaling`, or `rope_parameters` in transformers 5),
  /// and lengthens the context where the embedding stretches it. With `isPartial` a part of each head may turn.
  /// `original` is the context of the first training, where the family has a default for it.
  public mutating func turn(
    by c: ConfigurationFields, theta: Double = 10_000, isPartial: Bool = false, original: Int? = nil
  ) throws {
    let rotary = try c.rotary(of: self, theta: theta, isPartial: isPartial, original: original)
    for i in layers.indices { layers[i].rotary = rotary }
    context = rotary.scaling.stretch(context)
  }

  /// Gives the layers that `layer_types` calls sliding a window of `window` tokens. Where the key is missing, these are
  /// the layers for which `isSliding` holds.
  public mutating func slide(
    _ c: ConfigurationFields, window: Int?, isSliding: (_ layer: Int) -> Bool
  ) throws {
    for (i, slides) in try c.slidingLayers(count: layers.count, default: isSliding).enumerated() where slides {
      guard let window else {
        throw c.error("sliding_window", expected: "a number of tokens, for the sliding layer \(i) of layer_types")
      }
      layers[i].window = window
    }
  }
}

extension ConfigurationFields {
  /// The tokens of `bos_token_id`, `eos_token_id` (one or several) and `pad_token_id`.
  public func specialTokens(start: Int?, ends: [Int], padding: Int?) throws -> DecoderDescription.SpecialTokens {
    var tokens = DecoderDescription.SpecialTokens()
    tokens.start = try tokenID("bos_token_id", default: start)
    tokens.ends = try tokenIDs("eos_token_id", default: ends)
    tokens.padding = try tokenID("pad_token_id", default: padding)
    return tokens
  }

  /// For each layer whether it has a sliding window: as `layer_types` says, or as `isSliding` says where that is
  /// missing.
  func slidingLayers(count: Int, default isSliding: (Int) -> Bool) throws -> [Bool] {
    guard !isNone("layer_types") else { return (0..<count).map(isSliding) }
    let types = try names("layer_types")
    let known = ["full_attention": false, "sliding_attention": true]
    guard types.count == count, types.allSatisfy({ known[$0] != nil }) else {
      throw InputError(
        "\(subject): layer_types",
        found: types.count == count ? "\(Set(types).sorted())".excerpt : "\(types.count) types",
        expected: "full_attention or sliding_attention for each of \(count) layers")
    }
    return types.map { known[$0] == true }
  }
}
