import Foundation
import Zeroth
import ZerothSupport

/// The matrices of a model that have LoRA beside them, with rank and scale (Hu et al. 2021), in the terms of PEFT's
/// `LoraConfig`.
///
///     y = x W^T + s (x A^T) B^T,  s = alpha / r or, rank-stabilised, alpha / sqrt(r)
public struct LoRAConfiguration: Sendable, Hashable {
  /// The matrices that get LoRA beside them.
  public enum Targets: Sendable, Hashable {
    /// The linear layers among these blocks. Each has its own A and B, even where a checkpoint fuses several layers.
    case blocks(BlockSelection)
    /// The modules with one of these names, and those whose name ends with a dot and one of them.
    case names([String])
    /// The modules whose whole name matches this regular expression.
    case pattern(String)
    /// Every linear layer within the model: not the embeddings, not the output layer.
    case allLinear
  }

  /// The distribution of A at the start. B starts as zeros, so that the model is the base at first.
  public enum Start: String, Sendable, CaseIterable {
    /// Uniform in +-1 / sqrt(n), where n is the number of columns of A. PEFT calls this Kaiming uniform with a =
    /// sqrt(5).
    case kaiming
    /// Normal with standard deviation 1 / r.
    case gaussian
  }

  /// Which biases of the model are trained and saved together with A and B, in PEFT's words.
  public enum Bias: String, Sendable, CaseIterable {
    /// No bias is trained.
    case none
    /// All biases, with those of norms.
    case all
    /// The biases of the modules that have LoRA beside them.
    case loraOnly = "lora_only"
  }

  /// A value for the modules whose name matches: the whole name, or the part behind a dot.
  public struct Override<Value: Sendable & Hashable>: Sendable, Hashable {
    /// A regular expression.
    public let pattern: String
    /// The value that replaces the usual one.
    public let value: Value

    /// `value` where `pattern` matches.
    public init(_ pattern: String, _ value: Value) {
      self.pattern = pattern
      self.value = value
    }
  }

  /// The range of ranks.
  public static let ranks = 1...65_535

  /// The rank r: the rows of A and the columns of B.
  public var rank: Int
  /// The number alpha of the scale.
  public var alpha: Double
  /// Whether the scale is alpha / sqrt(r) (Kalajdzievski 2023).
  public var isRankStabilized: Bool
  /// The matrices that get LoRA beside them.
  public var targets: Targets
  /// The names of modules that are left out.
  public var excluded: [String]
  /// The layers that get LoRA, counted from 0; nil for all.
  public var layers: [Int]?
  /// Ranks of some modules. The first pattern that matches is used.
  public var rankPattern: [Override<Int>]
  /// Alphas of some modules. The first pattern that matches is used.
  public var alphaPattern: [Override<Double>]
  /// Modules that are trained and saved whole, given by the ends of their names, which is how PEFT compares them.
  public var modulesToSave: [String]
  /// The biases that are trained.
  public var bias: Bias
  /// How A is drawn.
  public var start: Start

  /// The settings of MeZO's experiments by default: rank 8, alpha 16, query and value.
  public init(
    rank: Int = 8, alpha: Double = 16, isRankStabilized: Bool = false,
    targets: Targets = .blocks(.roles(.query, .value)), excluded: [String] = [], layers: [Int]? = nil,
    rankPattern: [Override<Int>] = [], alphaPattern: [Override<Double>] = [], modulesToSave: [String] = [],
    bias: Bias = .none, start: Start = .kaiming
  ) {
    self.rank = rank
    self.alpha = alpha
    self.isRankStabilized = isRankStabilized
    self.targets = targets
    self.excluded = excluded
    self.layers = layers
    self.rankPattern = rankPattern
    self.alphaPattern = alphaPattern
    self.modulesToSave = modulesToSave
    self.bias = bias
    self.start = start
  }

  /// Throws an `InputError` that names `subject` for a pattern that is not a regular expression.
  func validate(_ subject: String) throws {
    var patterns = rankPattern.map(\.pattern) + alphaPattern.map(\.pattern)
    if case .pattern(let pattern) = targets { patterns.append(pattern) }
    for pattern in patterns where (try? NSRegularExpression(pattern: pattern)) == nil {
      throw InputError(subject, found: "'\(pattern.excerpt)'", expected: "a regular expression")
    }
  }

  /// The blocks of `module` that get LoRA: all or none of them, unless the targets are chosen by block.
  func targeted(in module: TunedModule) -> [ParameterBlock] {
    if excluded.contains(where: { Self.isNamed(module.name, $0) }) { return [] }
    if let layers, !(module.blocks[0].layer.map(layers.contains) ?? false) { return [] }
    switch targets {
    case .blocks(let selection): return module.isLinear ? module.blocks.filter(selection.contains) : []
    case .names(let names): return names.contains { Self.isNamed(module.name, $0) } ? module.blocks : []
    case .pattern(let pattern): return Self.matches(module.name, pattern) ? module.blocks : []
    case .allLinear: return module.isLinear ? module.blocks : []
    }
  }

  /// The rank r and alpha of a module.
  func rankAndAlpha(of module: String) -> (Int, Double) {
    (
      rankPattern.first { Self.isMatch(module, $0.pattern) }?.value ?? rank,
      alphaPattern.first { Self.isMatch(module, $0.pattern) }?.value ?? alpha
    )
  }

  /// Whether the pattern of a rank or an alpha matches the name of a module, or a part of the name that begins behind a
  /// dot and reaches to the end.
  static func isMatch(_ module: String, _ pattern: String) -> Bool { matches(module, "(.*\\.)?(\(pattern))") }

  /// The scale s for the rank `rank`.
  func scale(_ rank: Int, _ alpha: Double) -> Float {
    Float(alpha / (isRankStabilized ? Double(rank).squareRoot() : Double(rank)))
  }

  /// Whether `module` is `name`, or ends with a dot and `name`.
  static func isNamed(_ module: String, _ name: String) -> Bool { module == name || module.hasSuffix("." + name) }

  /// Whether all of `text` matches `pattern`.
  private static func matches(_ text: String, _ pattern: String) -> Bool {
    guard let expression = try? NSRegularExpression(pattern: "^(?:\(pattern))$") else { return false }
    return expression.firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) != nil
  }
}
