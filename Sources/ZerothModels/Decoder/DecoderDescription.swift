import Zeroth

/// A causal decoder as a table. The table has everything in which one family of language models differs from another.
///
///     x = scale * E[token] (P_in) + P[position + shift]          P where positions are learned
///     for each layer:
///       x = x + norm'(O attention(rotate(qnorm(Q n)), rotate(knorm(K n)), V n)),   n = norm(x)
///       x = x + norm'(D (f(G n) * U n)),                                           n = norm(x)     or D f(U n)
///     logits = cap tanh(H (P_out) norm(x) / cap)                 H is E where they are tied
///
/// `norms` says where the norms stand. With a parallel residual both halves of a layer read the same x. A part that the
/// table does not mention is left out: a decoder without head norms has none.
public struct DecoderDescription: Hashable, Sendable {
  // MARK: Sizes

  /// Rows of the token embedding.
  public var vocabulary: Int
  /// The longest sequence, in tokens.
  public var context: Int
  /// Elements of the hidden state.
  public var width: Int
  /// Query heads of a layer.
  public var heads: Int
  /// Key and value heads of a layer. Each is shared by heads / keyHeads query heads.
  public var keyHeads: Int
  /// Elements of a head.
  public var headWidth: Int
  /// Elements between the two halves of a feed-forward layer.
  public var inner: Int

  // MARK: What goes in

  /// Elements of a row of the token embedding. Where this is not `width`, projections without bias connect the two.
  public var embeddingWidth: Int
  /// The factor of the rows of the token embedding.
  public var embeddingScale = 1.0
  /// How the model represents the position of a token.
  public var positions = Positions.rotary

  // MARK: Layers

  /// The formula of the norms, the same everywhere in the model.
  public var norm = NormKind.layer(eps: 1e-5)
  /// Whether a layer norm has a gain and a bias.
  public var normParts: NormParts = [.gain, .bias]
  /// Where the norms of a layer stand.
  public var norms = NormPlaces.before
  /// Whether there is a norm behind the last layer.
  public var hasFinalNorm = true
  /// Whether attention and feed-forward layer read the same hidden state, instead of one after the other.
  public var isParallel = false
  /// The projections of attention that have a bias.
  public var attentionBiases: Projections = []
  /// Whether each head of queries and of keys has a norm over its own elements.
  public var hasHeadNorms = false
  /// The limit c of the attention scores s, which become c tanh(s / c); nil for none.
  public var attentionCap: Double?
  /// The feed-forward layer.
  public var feedForward = FeedForward.plain(.gelu)
  /// Whether the linear layers of the feed-forward layer have biases.
  public var hasFeedForwardBiases = false
  /// The properties that may differ from layer to layer, first layer first.
  public var layers: [Layer]

  // MARK: What comes out

  /// Whether the output layer is the token embedding.
  public var isTied = false
  /// The limit c of the logits l, which become c tanh(l / c); nil for none.
  public var logitCap: Double?
  /// The special tokens, which stand for no text.
  public var tokens = SpecialTokens()

  /// A decoder of these sizes. Its positions are rotary, and a layer without a rotary embedding has none.
  public init(
    vocabulary: Int, context: Int, width: Int, heads: Int, keyHeads: Int? = nil, headWidth: Int? = nil, inner: Int,
    layers: [Layer]
  ) {
    self.vocabulary = vocabulary
    self.context = context
    self.width = width
    self.heads = heads
    self.keyHeads = keyHeads ?? heads
    self.headWidth = headWidth ?? width / max(1, heads)
    self.inner = inner
    self.layers = layers
    embeddingWidth = width
  }

  /// What may differ from layer to layer.
  public struct Layer: Hashable, Sendable {
    /// The rotary embedding that turns queries and keys by their positions; nil for none.
    public var rotary: RotaryEmbedding?
    /// The number of latest tokens that a token sees, itself included; nil for all.
    public var window: Int?
    /// The factor of the attention scores; nil for 1 / sqrt(headWidth).
    public var scale: Double?

    /// A layer in which a token sees all tokens before it, without a rotary embedding by default.
    public init(rotary: RotaryEmbedding? = nil, window: Int? = nil, scale: Double? = nil) {
      self.rotary = rotary
      self.window = window
      self.scale = scale
    }
  }

  /// How a model represents the position of a token.
  public enum Positions: Hashable, Sendable {
    /// Queries and keys are turned, as the layers say.
    case rotary
    /// A row of a table is added to the embedding of the token: row position + `shift` of context + shift rows.
    case learned(shift: Int)
  }

  /// Where the norms of a layer stand.
  public enum NormPlaces: Hashable, Sendable {
    /// In front of each half: x + f(norm(x)).
    case before
    /// Behind the sum of each half: norm(x + f(x)).
    case after
    /// In front of each half and behind it: x + norm'(f(norm(x))).
    case around
  }

  /// The parameters of a layer norm.
  public struct NormParts: OptionSet, Hashable, Sendable {
    /// One bit for each part.
    public let rawValue: Int
    /// The parts whose bits are set in `rawValue`.
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// The factors of the normed values.
    public static let gain = Self(rawValue: 1)
    /// What is added to the normed values.
    public static let bias = Self(rawValue: 2)
  }

  /// Projections of attention.
  public struct Projections: OptionSet, Hashable, Sendable {
    /// One bit for each projection.
    public let rawValue: Int
    /// The projections whose bits are set in `rawValue`.
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// Makes queries.
    public static let query = Self(rawValue: 1)
    /// Makes keys.
    public static let key = Self(rawValue: 2)
    /// Makes values.
    public static let value = Self(rawValue: 4)
    /// Maps the result of attention back to the hidden state.
    public static let output = Self(rawValue: 8)
    /// All four.
    public static let all: Self = [.query, .key, .value, .output]
  }

  /// A feed-forward layer.
  public enum FeedForward: Hashable, Sendable {
    /// D f(U x).
    case plain(Activation)
    /// D (f(G x) * U x).
    case gated(Activation)

    /// The non-linearity f.
    public var activation: Activation {
      switch self {
      case .plain(let activation), .gated(let activation): activation
      }
    }
  }

  /// The special tokens, which stand for no text.
  public struct SpecialTokens: Hashable, Sendable {
    /// The token that starts a text; nil for none.
    public var start: Int?
    /// The tokens that end a text.
    public var ends: [Int] = []
    /// The token that fills up short sequences; nil for none.
    public var padding: Int?

    /// No special tokens.
    public init() {}
  }
}

extension DecoderDescription {
  /// Throws an `InputError` that names the file `path` for sizes that no decoder can have. They are checked because
  /// they come from a file, also with a family from outside this package.
  func validate(_ path: String) throws(InputError) {
    func require(_ isRight: Bool, _ what: String, _ found: String, _ expected: String) throws(InputError) {
      if !isRight { throw InputError("\(path): \(what)", found: found, expected: expected) }
    }
    for (name, size) in [
      ("rows of the vocabulary", vocabulary), ("context", context), ("width", width), ("heads", heads),
      ("key heads", keyHeads), ("head width", headWidth), ("feed-forward width", inner), ("layers", layers.count),
      ("embedding width", embeddingWidth),
    ] {
      try require((1...Int(Int32.max)).contains(size), name, "\(size)", "an integer from 1 to \(Int32.max)")
    }
    try require(heads.isMultiple(of: keyHeads), "heads", "\(heads)", "a multiple of the key heads, \(keyHeads)")
    // The bound of 2^48 leaves room for the sums of a few such products that count the rows of fused tensors.
    try require(heads <= 1 << 48 / headWidth, "heads", "\(heads) of width \(headWidth)", "at most 2^48 elements in all")
    for layer in layers {
      try require(layer.window ?? 1 > 0, "window", "\(layer.window ?? 0)", "a number of tokens above 0")
      guard let rotary = layer.rotary else { continue }
      try require(
        rotary.width > 0 && rotary.pairs <= headWidth / 2, "elements of a head that turn", "\(rotary.width)",
        "a number from 1 to \(headWidth / 2 * 2)")
    }
  }
}

/// The formula of a norm.
public enum NormKind: Hashable, Sendable {
  /// (x - mean) / sqrt(variance + eps) * gain + bias.
  case layer(eps: Double)
  /// x / sqrt(mean(x^2) + eps) * (offset + gain).
  case rootMeanSquare(eps: Double, offset: Double = 0)
}

/// The non-linearity between the two halves of a feed-forward layer.
public enum Activation: Hashable, Sendable {
  /// max(x, 0).
  case relu
  /// x Phi(x), where Phi is the normal distribution function: 0.5 x (1 + erf(x / sqrt 2)).
  case gelu
  /// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
  case geluTanh
  /// x sigmoid(x), also called swish.
  case silu

  static let transformersNames: [String: Activation] = [
    "relu": .relu, "gelu": .gelu, "gelu_new": .geluTanh, "gelu_fast": .geluTanh, "gelu_pytorch_tanh": .geluTanh,
    "silu": .silu, "swish": .silu,
  ]

  init?(transformersName name: String) {
    guard let activation = Activation.transformersNames[name] else { return nil }
    self = activation
  }
}
