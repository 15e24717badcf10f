import Foundation
import Zeroth
import ZerothSupport

/// The `adapter_config.json` of an adapter in PEFT's format.
enum PEFTConfiguration: Sendable {
  /// LoRA beside matrices.
  case lora(LoRAConfiguration)
  /// Keys and values of `tokens` virtual tokens in each layer.
  case prefix(tokens: Int)
  /// What was trained beside a base that is never written (`FactorFiles`).
  case factors

  /// The name of the file in its folder.
  static let name = "adapter_config.json"

  /// Fields that change what an adapter computes in a way that is not supported. They have to be null, false or empty.
  private static let refused = [
    "use_dora", "use_qalora", "lora_bias", "trainable_token_indices", "target_parameters", "layer_replication",
    "alora_invocation_tokens", "arrow_config", "use_bdlora", "velora_config", "monteclora_config", "kasa_config",
  ]
  /// Ways of starting A and B that do not change the base.
  private static let plainStarts = ["gaussian", "orthogonal", "eva", "lora_ga"]

  /// Reads the file at `path`. Throws `InputError` for a field that is out of range, and for an unsupported kind of
  /// adapter.
  init(path: String) throws {
    let fields = ConfigurationFields(subject: path, json: try ConfigurationFile(path: path).json)
    switch fields.json["peft_type"]?.string {
    case "LORA": self = .lora(try Self.lora(fields))
    case "PREFIX_TUNING":
      guard try !fields.flag("prefix_projection", default: false) else {
        throw fields.error("prefix_projection", expected: "false: prefixes are keys and values themselves")
      }
      guard !fields.isNone("num_virtual_tokens") else {
        throw fields.error("num_virtual_tokens", expected: "the number of virtual tokens")
      }
      self = .prefix(
        tokens: try fields.size("num_virtual_tokens", default: 1, most: TuningMethod.prefixTokens.upperBound))
    default: throw fields.error("peft_type", expected: "\"LORA\" or \"PREFIX_TUNING\"")
    }
  }

  private static func lora(_ c: ConfigurationFields) throws -> LoRAConfiguration {
    for key in refused where !c.isNone(key) {
      switch c.json[key] {
      case .bool(false)?: break
      case .array(let elements)? where elements.isEmpty: break
      case .object(let members)? where members.isEmpty: break
      default: throw c.error(key, expected: "none: this kind of adapter is not supported")
      }
    }
    let start = c.json["init_lora_weights"]
    switch start {
    case nil, .null?, .bool?: break
    case .string(let start)? where plainStarts.contains(start): break
    default: throw c.error("init_lora_weights", expected: "a start that leaves the base as it is")
    }
    guard let bias = LoRAConfiguration.Bias(rawValue: c.isNone("bias") ? "none" : c.json["bias"]?.string ?? "") else {
      throw c.error("bias", expected: "\"none\", \"all\" or \"lora_only\"")
    }
    let targets: LoRAConfiguration.Targets =
      switch c.json["target_modules"]?.string {
      case nil: .names(try c.names("target_modules"))
      case "all-linear"?: .allLinear
      case let pattern?: .pattern(pattern)
      }
    let configuration = LoRAConfiguration(
      rank: try c.size("r", default: 8, most: LoRAConfiguration.ranks.upperBound),
      alpha: try c.positiveNumber("lora_alpha", default: 8), isRankStabilized: try c.flag("use_rslora", default: false),
      targets: targets, excluded: try c.names("exclude_modules"), layers: try layers(c),
      rankPattern: try c.overrides("rank_pattern", expected: "ranks from 1 to 65535") { value in
        value.integer.flatMap { LoRAConfiguration.ranks.contains($0) ? $0 : nil }
      },
      alphaPattern: try c.overrides("alpha_pattern", expected: "numbers above 0") { value in
        value.double.flatMap { $0 > 0 ? $0 : nil }
      },
      modulesToSave: try c.names("modules_to_save"), bias: bias,
      start: start?.string == "gaussian" ? .gaussian : .kaiming)
    try configuration.validate(c.subject)
    return configuration
  }

  private static func layers(_ c: ConfigurationFields) throws -> [Int]? {
    switch c.json["layers_to_transform"] {
    case nil, .null?: return nil
    case .array(let elements)?:
      let layers = elements.compactMap(\.integer)
      guard layers.count == elements.count else { break }
      return layers
    case let value?:
      if let layer = value.integer { return [layer] }
    }
    throw c.error("layers_to_transform", expected: "numbers of layers")
  }
}

extension ConfigurationFields {
  /// The members of the object `key`, as patterns with values; none where the object is missing or null.
  fileprivate func overrides<Value>(
    _ key: String, expected: String, _ read: (JSON) -> Value?
  ) throws -> [LoRAConfiguration.Override<Value>] {
    if isNone(key) { return [] }
    guard let members = json[key]?.members else { throw error(key, expected: "an object") }
    return try members.map { member in
      guard let value = read(member.value) else { throw error(key, expected: expected) }
      return .init(member.key, value)
    }
  }
}
