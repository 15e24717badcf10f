import Foundation

/// A rotary embedding of positions (Su et al. 2021). At position p it turns elements j and j + `pairs` of a head by the
/// angle p f_j, where f_j = theta^(-2j / width), changed by `scaling`.
public struct RotaryEmbedding: Hashable, Sendable {
  /// theta, the base of the wavelengths.
  public var theta: Double
  /// The number of elements of each head that turn, from its first on. Where it is odd, one more element turns, as in
  /// transformers.
  public var width: Int
  /// How the frequencies are changed for long sequences.
  public var scaling: RopeScaling

  /// An embedding of `width` elements of each head.
  public init(theta: Double, width: Int, scaling: RopeScaling = .none) {
    self.theta = theta
    self.width = width
    self.scaling = scaling
  }

  /// The number of pairs of elements that turn.
  public var pairs: Int { (width + 1) / 2 }
}

/// How the frequencies of a rotary embedding are changed for sequences longer than those of the first training.
///
/// The formulas are those of `modeling_rope_utils` in transformers 5. As there, the frequencies of `dynamic` and
/// `longRoPE` depend on the longest sequence of a batch.
public enum RopeScaling: Hashable, Sendable {
  /// No change.
  case none
  /// Every frequency is divided by `factor`.
  case linear(factor: Double)
  /// Llama 3: wavelengths above `originalMaxPositionEmbeddings / lowFreqFactor` are stretched by `factor`, those
  /// below `originalMaxPositionEmbeddings / highFreqFactor` stay, those between are interpolated.
  case llama3(factor: Double, lowFreqFactor: Double, highFreqFactor: Double, originalMaxPositionEmbeddings: Int)
  /// Where the longest sequence of a batch has n > `maxPositionEmbeddings` tokens, theta is multiplied by
  /// (factor n / maxPositionEmbeddings - (factor - 1))^(width / (width - 2)).
  case dynamic(factor: Double, maxPositionEmbeddings: Int)
  /// YaRN (Peng et al. 2023). Elements that turn less than `betaSlow` times over the original context are stretched by
  /// `factor`. Elements that turn more than `betaFast` times stay the same. Those between are interpolated by their
  /// index; the ends of this range are rounded to whole numbers if `truncates` is true. Cosines and sines are
  /// multiplied by `attentionFactor`.
  case yarn(
    factor: Double, originalMaxPositionEmbeddings: Int, betaFast: Double, betaSlow: Double, truncates: Bool,
    attentionFactor: Double)
  /// LongRoPE (Ding et al. 2024): frequency j is divided by `short[j]`, or by `long[j]` where the longest sequence of a batch
  /// exceeds `originalMaxPositionEmbeddings`. Cosines and sines are multiplied by `attentionFactor`.
  case longRoPE(short: [Double], long: [Double], originalMaxPositionEmbeddings: Int, attentionFactor: Double)
}

extension RotaryEmbedding {
  /// The factor of cosines and sines.
  var attentionFactor: Double {
    switch scaling {
    case .yarn(_, _, _, _, _, let factor), .longRoPE(_, _, _, let factor): factor
    case .none, .linear, .llama3, .dynamic: 1
    }
  }

  /// A number that differs between lengths of the longest sequence for which the frequencies differ.
  func key(longest: Int) -> Int {
    switch scaling {
    case .dynamic(_, let original): longest > original ? longest : 0
    case .longRoPE(_, _, let original, _): longest > original ? 1 : 0
    case .none, .linear, .llama3, .yarn: 0
    }
  }

  /// The frequencies for batches whose longest sequence has `longest` tokens, one for each pair.
  func frequencies(longest: Int) -> [Double] {
    let plain = frequencies(theta: theta)
    switch scaling {
    case .none:
      return plain
    case .linear(let factor):
      return plain.map { $0 / factor }
    case .llama3(let factor, let low, let high, let original):
      return plain.map { frequency in
        let wavelength = 2 * Double.pi / frequency
        if wavelength < Double(original) / high { return frequency }
        if wavelength > Double(original) / low { return frequency / factor }
        let smooth = (Double(original) / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    case .dynamic(let factor, let original):
      guard longest > original, width > 2 else { return plain }
      let growth = factor * Double(longest) / Double(original) - (factor - 1)
      return frequencies(theta: theta * pow(growth, Double(width) / Double(width - 2)))
    case .yarn(let factor, let original, let fast, let slow, let truncates, _):
      var low = place(ofTurns: fast, over: original)
      var high = place(ofTurns: slow, over: original)
      if truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
      low = max(low, 0)
      high = min(high, Double(width - 1))
      if low == high { high += 0.001 }
      return plain.enumerated().map { j, frequency in
        let stretched = min(max((Double(j) - low) / (high - low), 0), 1)
        return frequency / factor * stretched + frequency * (1 - stretched)
      }
    case .longRoPE(let short, let long, let original, _):
      return zip(plain, longest > original ? long : short).map { $0 / $1 }
    }
  }

  private func frequencies(theta: Double) -> [Double] {
    (0..<pairs).map { pow(theta, -2 * Double($0) / Double(width)) }
  }

  /// The index, in general not a whole number, of the pair that turns `turns` times over `length` positions.
  private func place(ofTurns turns: Double, over length: Int) -> Double {
    Double(width) * log(Double(length) / (turns * 2 * Double.pi)) / (2 * log(theta))
  }
}
