import Foundation
import Zeroth
import ZerothSupport

/// The `adapter_config.json` of a LoRA adapter, with PEFT's rules of matching.
struct PEFTConfiguration: Sendable {
  let path: String
  /// Names of modules to save whole: the ends of theirs, as PEFT compares them.
  let modulesToSave: [String]
  private let rank: Int
  private let alpha: Double
  private let isRankStabilized: Bool
  private let rankPattern: [(pattern: String, rank: Int)]
  private let alphaPattern: [(pattern: String, alpha: Double)]
  private let names: [String]
  private let pattern: String?
  private let excluded: [String]
  private let layers: [Int]?

  /// Fields that change what an adapter computes in ways that are not supported, unless they are null, false or empty.
  private static let refused = [
    "use_dora", "use_qalora", "lora_bias", "trainable_token_indices", "target_parameters", "layer_replication",
    "alora_invocation_tokens", "arrow_config", "use_bdlora", "velora_config", "monteclora_config", "kasa_config",
  ]
  /// Ways to start A and B that leave the base as it is.
  private static let plainStarts = ["gaussian", "orthogonal", "eva", "lora_ga"]

  init(path: String) throws {
    self.path = path
    let c = ConfigurationFields(subject: path, json: try ConfigurationFile(path: path).json)
    guard c.json["peft_type"]?.string == "LORA" else { throw c.error("peft_type", expected: "\"LORA\"") }
    for key in Self.refused where !c.isNone(key) {
      switch c.json[key] {
      case .bool(false)?: break
      case .array(let elements)? where elements.isEmpty: break
      case .object(let members)? where members.isEmpty: break
      default: throw c.error(key, expected: "none: this kind of adapter is not supported")
      }
    }
    switch c.json["init_lora_weights"] {
    case nil, .null?, .bool?: break
    case .string(let start)? where Self.plainStarts.contains(start): break
    default: throw c.error("init_lora_weights", expected: "a start that leaves the base as it is")
    }
    guard c.isNone("bias") || c.json["bias"]?.string == "none" else {
      throw c.error("bias", expected: "\"none\": adapters with biases are not supported")
    }
    rank = try c.size("r", default: 8, most: 65_535)
    alpha = try c.positiveNumber("lora_alpha", default: 8)
    isRankStabilized = try c.flag("use_rslora", default: false)
    rankPattern = try Self.members("rank_pattern", of: c).map { key, value in
      guard let rank = value.integer, (1...65_535).contains(rank) else {
        throw c.error("rank_pattern", expected: "ranks from 1 to 65535")
      }
      return (key, rank)
    }
    alphaPattern = try Self.members("alpha_pattern", of: c).map { key, value in
      guard let alpha = value.double, alpha > 0 else { throw c.error("alpha_pattern", expected: "numbers above 0") }
      return (key, alpha)
    }
    pattern = c.json["target_modules"]?.string
    names = pattern == nil ? try c.names("target_modules") : []
    excluded = try c.names("exclude_modules")
    modulesToSave = try c.names("modules_to_save")
    switch c.json["layers_to_transform"] {
    case nil, .null?: layers = nil
    case .array(let elements)?: layers = elements.compactMap(\.integer)
    case let value?:
      guard let layer = value.integer else { throw c.error("layers_to_transform", expected: "numbers of layers") }
      layers = [layer]
    }
    for pattern in [pattern].compactMap(\.self) + rankPattern.map(\.pattern) + alphaPattern.map(\.pattern) {
      guard (try? NSRegularExpression(pattern: pattern)) != nil else {
        throw InputError(path, found: "'\(pattern.excerpt)'", expected: "a regular expression")
      }
    }
  }

  private static func members(_ key: String, of c: ConfigurationFields) throws -> [(String, JSON)] {
    if c.isNone(key) { return [] }
    guard let members = c.json[key]?.members else { throw c.error(key, expected: "an object") }
    return members.map { ($0.key, $0.value) }
  }

  /// Whether LoRA stands beside `module`.
  func targets(_ module: TunedModule) throws -> Bool {
    if excluded.contains(where: { Self.isNamed(module.name, $0) }) { return false }
    if let layers, !(module.blocks[0].layer.map(layers.contains) ?? false) { return false }
    guard let pattern else { return names.contains { Self.isNamed(module.name, $0) } }
    return pattern == "all-linear" ? module.isLinear : Self.matches(module.name, pattern)
  }

  /// r and the scale of a module.
  func rankAndScale(of module: String) throws -> (Int, Float) {
    func isMatch(_ pattern: String) -> Bool { Self.matches(module, "(.*\\.)?(\(pattern))") }
    let rank = rankPattern.first { isMatch($0.pattern) }?.rank ?? rank
    let alpha = alphaPattern.first { isMatch($0.pattern) }?.alpha ?? alpha
    return (rank, Float(alpha / (isRankStabilized ? Double(rank).squareRoot() : Double(rank))))
  }

  private static func isNamed(_ module: String, _ name: String) -> Bool {
    module == name || module.hasSuffix("." + name)
  }

  /// Whether all of `text` matches `pattern`.
  private static func matches(_ text: String, _ pattern: String) -> Bool {
    guard let expression = try? NSRegularExpression(pattern: "^(?:\(pattern))$") else { return false }
    return expression.firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) != nil
  }
}
