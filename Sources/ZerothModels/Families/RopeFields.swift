import Foundation
import Zeroth
import ZerothSupport

extension RopeScaling {
  /// The longest sequence of a model whose configuration says `context`. With `dynamic` and YaRN it is the original
  /// context times the factor where that is longer, because such configurations mostly say the original context. With
  /// other scalings the configuration says the longer one itself.
  func stretch(_ context: Int) -> Int {
    let stretched: Double =
      switch self {
      case .dynamic(let factor, let original), .yarn(let factor, let original, _, _, _, _): factor * Double(original)
      case .none, .linear, .llama3, .longRoPE: 0
      }
    return max(context, Int(min(stretched, Double(Int32.max))))
  }
}

extension ConfigurationFields {
  /// The rotary embedding of `decoder`: theta, width and scaling. Two forms can be read: `rope_theta` beside
  /// `rope_scaling`, and `rope_parameters` with both.
  ///
  /// The precedence is that of transformers 5: `rope_scaling` before `rope_parameters`, and fields inside an object
  /// before fields outside. `partial` is the part of each head that turns where the configuration does not say; without
  /// `isPartial` the whole head has to turn. `original` is the context of the first training, where a family has a
  /// default for it.
  func rotary(
    of decoder: DecoderDescription, theta: Double, thetaKey: String = "rope_theta", isPartial: Bool = false,
    partial: Double = 1, partialKey: String = "partial_rotary_factor", original: Int? = nil
  ) throws -> RotaryEmbedding {
    try rotary(
      of: decoder, try object("rope_scaling") ?? object("rope_parameters"), theta: theta, thetaKey: thetaKey,
      isPartial: isPartial, partial: partial, partialKey: partialKey, original: original)
  }

  /// As above, where `rope` has the inner fields.
  func rotary(
    of decoder: DecoderDescription, _ rope: ConfigurationFields?, theta: Double, thetaKey: String = "rope_theta",
    isPartial: Bool = false, partial: Double = 1, partialKey: String = "partial_rotary_factor", original: Int? = nil
  ) throws -> RotaryEmbedding {
    let outerTheta = try positiveNumber(thetaKey, default: theta)
    let outerPart = try part(partialKey, default: partial)
    let theta = try rope?.positiveNumber("rope_theta", default: outerTheta) ?? outerTheta
    let part = try rope?.part("partial_rotary_factor", default: outerPart) ?? outerPart
    guard isPartial || part == 1 else {
      let inner = rope.flatMap { $0.json["partial_rotary_factor"] == nil ? nil : $0 }
      throw (inner ?? self).error(partialKey, expected: "1: this family turns whole heads")
    }
    var rotary = RotaryEmbedding(theta: theta, width: Int(Double(decoder.headWidth) * part))
    rotary.scaling = try rope?.scaling(rotary, of: decoder, original: original, outer: self) ?? .none
    return rotary
  }

  private func part(_ key: String, default value: Double) throws -> Double {
    let part = try positiveNumber(key, default: value)
    guard part <= 1 else { throw error(key, expected: "a number above 0 and at most 1") }
    return part
  }

  private func scaling(
    _ rotary: RotaryEmbedding, of decoder: DecoderDescription, original known: Int?, outer: ConfigurationFields
  ) throws -> RopeScaling {
    let key = json["rope_type"] == nil ? "type" : "rope_type"
    // As in transformers, a field beside the object comes before one inside it.
    func original() throws -> Int {
      let name = "original_max_position_embeddings"
      return try outer.size(name) ?? known ?? size(name, default: decoder.context)
    }
    switch json[key] ?? .string("default") {
    case .string("default"):
      return .none
    case .string("linear"):
      return .linear(factor: try positiveNumber("factor"))
    case .string("llama3"):
      let low = try positiveNumber("low_freq_factor")
      let high = try positiveNumber("high_freq_factor")
      guard low < high else { throw error("high_freq_factor", expected: "a number above low_freq_factor, \(low)") }
      return .llama3(
        factor: try positiveNumber("factor"), lowFreqFactor: low, highFreqFactor: high,
        originalMaxPositionEmbeddings: try original())
    case .string("dynamic"):
      let factor = try positiveNumber("factor")
      guard factor >= 1 else { throw error("factor", expected: "a number from 1 on") }
      return .dynamic(factor: factor, maxPositionEmbeddings: decoder.context)
    case .string("yarn") where json["short_factor"] == nil:
      return try yarn(of: decoder, theta: rotary.theta, original: original())
    case .string("longrope"), .string("su"), .string("yarn"):  // the first names of it, in Phi-3
      return try longRoPE(of: decoder, pairs: rotary.pairs, original: original())
    default:
      throw error(key, expected: "one of default, dynamic, linear, llama3, longrope, yarn")
    }
  }

  private func yarn(of decoder: DecoderDescription, theta: Double, original: Int) throws -> RopeScaling {
    guard theta != 1 else {
      throw InputError("\(subject): rope_theta", found: "1", expected: "another number, for yarn")
    }
    let factor = try optionalNumber("factor") ?? Double(decoder.context) / Double(original)
    func growth(_ multiplier: Double) -> Double { factor <= 1 ? 1 : 0.1 * multiplier * log(factor) + 1 }
    var attention = try optionalNumber("attention_factor")
    if attention == nil, let scale = try optionalNumber("mscale"), let all = try optionalNumber("mscale_all_dim") {
      attention = growth(scale) / growth(all)
    }
    return .yarn(
      factor: factor, originalMaxPositionEmbeddings: original, betaFast: try optionalNumber("beta_fast") ?? 32,
      betaSlow: try optionalNumber("beta_slow") ?? 1, truncates: try flag("truncate", default: true),
      attentionFactor: attention ?? growth(1))
  }

  private func longRoPE(of decoder: DecoderDescription, pairs: Int, original: Int) throws -> RopeScaling {
    func factors(_ key: String) throws -> [Double] {
      let numbers = json[key]?.elements?.compactMap(\.double).filter { $0 > 0 } ?? []
      guard numbers.count == pairs, json[key]?.elements?.count == numbers.count else {
        throw error(key, expected: "an array of \(pairs) numbers above 0")
      }
      return numbers
    }
    let factor = try optionalNumber("factor") ?? Double(decoder.context) / Double(original)
    let usual = factor <= 1 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot()
    return .longRoPE(
      short: try factors("short_factor"), long: try factors("long_factor"), originalMaxPositionEmbeddings: original,
      attentionFactor: try optionalNumber("attention_factor") ?? usual)
  }

  /// A finite number above zero; nil where it is missing or null, and for 0, which means none in the Python code too.
  private func optionalNumber(_ key: String) throws -> Double? {
    isNone(key) || json[key]?.double == 0 ? nil : try positiveNumber(key)
  }
}
