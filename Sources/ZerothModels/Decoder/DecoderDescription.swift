import Zeroth

/// A causal decoder as a table: everything that tells one family of language models from another.
///
///     x = scale * E[token] (P_in) + P[position + shift]          P where positions are learned
///     for each layer:
///       x = x + norm'(O attention(rotate(qnorm(Q n)), rotate(knorm(K n)), V n)),   n = norm(x)
///       x = x + norm'(D (f(G n) * U n)),                                           n = norm(x)     or D f(U n)
///     logits = cap tanh(H (P_out) norm(x) / cap)                 H is E where they are tied
///
/// Where norms stand is `norms`; with a parallel residual both halves of a layer read the same x. What a table does not
/// mention is left out: a decoder without head norms has none.
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
  /// Key and value heads of a layer, each shared by heads / keyHeads query heads.
  public var keyHeads: Int
  /// Elements of a head.
  public var headWidth: Int
  /// Elements between the two halves of a feed-forward layer.
  public var inner: Int

  // MARK: What goes in

  /// Elements of a row of the token embedding; where they are not `width`, projections without bias lie between.
  public var embeddingWidth: Int
  /// What rows of the token embedding are multiplied by.
  public var embeddingScale = 1.0
  /// How the model knows where a token stands.
  public var positions = Positions.rotary

  // MARK: Layers

  /// The norm, of one kind everywhere.
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
  /// Whether each head of queries and of keys goes through a norm of its own width.
  public var hasHeadNorms = false
  /// The limit c of attention scores s, which are c tanh(s / c).
  public var attentionCap: Double?
  /// The feed-forward layer.
  public var feedForward = FeedForward.plain(.gelu)
  /// Whether its linear layers have biases.
  public var hasFeedForwardBiases = false
  /// What differs from layer to layer, first layer first.
  public var layers: [Layer]

  // MARK: What comes out

  /// Whether the output layer is the token embedding.
  public var isTied = false
  /// The limit c of logits l, which are c tanh(l / c).
  public var logitCap: Double?
  /// The tokens that stand for no text.
  public var tokens = SpecialTokens()

  /// A decoder of these sizes, with rotary positions or none that its layers do not name.
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
    /// How queries and keys turn by their positions; nil where they do not.
    public var rotary: RotaryEmbedding?
    /// The last tokens that a token sees, itself included; nil for all.
    public var window: Int?
    /// What scores are multiplied by; nil for 1 / sqrt(headWidth).
    public var scale: Double?

    /// A layer that sees everything before, without rotary positions.
    public init(rotary: RotaryEmbedding? = nil, window: Int? = nil, scale: Double? = nil) {
      self.rotary = rotary
      self.window = window
      self.scale = scale
    }
  }

  /// How a model knows where a token stands.
  public enum Positions: Hashable, Sendable {
    /// By turning queries and keys, as the layers say.
    case rotary
    /// By a row of a table that is added to the token's: row position + `shift` of context + shift.
    case learned(shift: Int)
  }

  /// Where the norms of a layer stand.
  public enum NormPlaces: Hashable, Sendable {
    /// In front of each half: x + f(norm(x)).
    case before
    /// Behind each sum: norm(x + f(x)).
    case after
    /// In front of each half and behind it: x + norm'(f(norm(x))).
    case around
  }

  /// What a layer norm multiplies by and adds.
  public struct NormParts: OptionSet, Hashable, Sendable {
    /// A bit for each of them.
    public let rawValue: Int
    /// Those whose bits are set.
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// What the normed values are multiplied by.
    public static let gain = Self(rawValue: 1)
    /// What is added to them.
    public static let bias = Self(rawValue: 2)
  }

  /// Projections of attention.
  public struct Projections: OptionSet, Hashable, Sendable {
    /// A bit for each of them.
    public let rawValue: Int
    /// Those whose bits are set.
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// Makes queries.
    public static let query = Self(rawValue: 1)
    /// Makes keys.
    public static let key = Self(rawValue: 2)
    /// Makes values.
    public static let value = Self(rawValue: 4)
    /// Leads back to the hidden state.
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

    /// f.
    public var activation: Activation {
      switch self {
      case .plain(let activation), .gated(let activation): activation
      }
    }
  }

  /// The tokens that stand for no text.
  public struct SpecialTokens: Hashable, Sendable {
    /// Starts a text, if there is one.
    public var start: Int?
    /// End a text.
    public var ends: [Int] = []
    /// Fills up short sequences, if there is one.
    public var padding: Int?

    /// None of them.
    public init() {}
  }
}

extension DecoderDescription {
  /// Throws `InputError`, which names the file `path`, for sizes that no decoder can have: those of a family from outside, too,
  /// come from a file.
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
    // Rows of fused tensors are counted in sums of a few such products.
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
  /// x Phi(x), with the normal distribution function Phi: 0.5 x (1 + erf(x / sqrt 2)).
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
