import Foundation
import Zeroth
import ZerothSupport

/// Which matrices of a model have LoRA beside them, and of what rank and scale (Hu et al. 2021), in the terms of PEFT's
/// `LoraConfig`.
///
///     y = x W^T + s (x A^T) B^T,  s = alpha / r or, rank-stabilised, alpha / sqrt(r)
public struct LoRAConfiguration: Sendable, Hashable {
  /// What LoRA stands beside.
  public enum Targets: Sendable, Hashable {
    /// The linear layers among these blocks. Each has an A and a B of its own, even where a checkpoint fuses several.
    case blocks(BlockSelection)
    /// The modules with one of these names, or whose name ends with one of them behind a dot.
    case names([String])
    /// The modules whose whole name matches this regular expression.
    case pattern(String)
    /// Every linear layer within the model: not the embeddings, not the output layer.
    case allLinear
  }

  /// How A is drawn; B starts as zeros, so that the model is the base at first.
  public enum Start: String, Sendable, CaseIterable {
    /// Uniform in +-1 / sqrt(n), n being the columns of A: what PEFT calls Kaiming uniform with a = sqrt(5).
    case kaiming
    /// Normal with standard deviation 1 / r.
    case gaussian
  }

  /// Which biases of the model are trained and saved with A and B, by PEFT's words.
  public enum Bias: String, Sendable, CaseIterable {
    /// No bias is trained.
    case none
    /// All of them, those of norms included.
    case all
    /// Those of the modules that LoRA stands beside.
    case loraOnly = "lora_only"
  }

  /// A value for the modules whose name matches, all of it or what is behind a dot.
  public struct Override<Value: Sendable & Hashable>: Sendable, Hashable {
    /// A regular expression.
    public let pattern: String
    /// The value in the place of the usual one.
    public let value: Value

    /// `value` where `pattern` matches.
    public init(_ pattern: String, _ value: Value) {
      self.pattern = pattern
      self.value = value
    }
  }

  /// The ranks that there are.
  public static let ranks = 1...65_535

  /// r, the rows of A and the columns of B.
  public var rank: Int
  /// alpha.
  public var alpha: Double
  /// Whether the scale is alpha / sqrt(r) (Kalajdzievski 2023).
  public var isRankStabilized: Bool
  /// What LoRA stands beside.
  public var targets: Targets
  /// Modules that are left out, by name.
  public var excluded: [String]
  /// The layers that LoRA is in, counted from 0; nil for all.
  public var layers: [Int]?
  /// Ranks of some modules; the first that matches holds.
  public var rankPattern: [Override<Int>]
  /// Alphas of some modules; the first that matches holds.
  public var alphaPattern: [Override<Double>]
  /// Modules that are trained and saved whole: the ends of their names, as PEFT compares them.
  public var modulesToSave: [String]
  /// The biases that are trained.
  public var bias: Bias
  /// How A is drawn.
  public var start: Start

  /// The settings of MeZO's runs: rank 8, alpha 16, query and value.
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

  /// Throws `InputError`, which names `subject`, for a pattern that is no regular expression.
  func validate(_ subject: String) throws {
    var patterns = rankPattern.map(\.pattern) + alphaPattern.map(\.pattern)
    if case .pattern(let pattern) = targets { patterns.append(pattern) }
    for pattern in patterns where (try? NSRegularExpression(pattern: pattern)) == nil {
      throw InputError(subject, found: "'\(pattern.excerpt)'", expected: "a regular expression")
    }
  }

  /// The blocks of `module` that LoRA stands beside; all or none of them unless blocks are chosen.
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

  /// r and alpha of a module.
  func rankAndAlpha(of module: String) -> (Int, Double) {
    (
      rankPattern.first { Self.isMatch(module, $0.pattern) }?.value ?? rank,
      alphaPattern.first { Self.isMatch(module, $0.pattern) }?.value ?? alpha
    )
  }

  /// Whether the end of a module's name, from a part of it on, matches the pattern of a rank or an alpha.
  static func isMatch(_ module: String, _ pattern: String) -> Bool { matches(module, "(.*\\.)?(\(pattern))") }

  /// s for the rank `rank`.
  func scale(_ rank: Int, _ alpha: Double) -> Float {
    Float(alpha / (isRankStabilized ? Double(rank).squareRoot() : Double(rank)))
  }

  /// Whether `module` is `name` or ends with it behind a dot.
  static func isNamed(_ module: String, _ name: String) -> Bool { module == name || module.hasSuffix("." + name) }

  /// Whether all of `text` matches `pattern`.
  private static func matches(_ text: String, _ pattern: String) -> Bool {
    guard let expression = try? NSRegularExpression(pattern: "^(?:\(pattern))$") else { return false }
    return expression.firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) != nil
  }
}
