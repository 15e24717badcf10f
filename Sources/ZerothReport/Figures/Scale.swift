import Foundation

/// How numbers are mapped to positions along an axis.
public enum ScaleKind: String, CaseIterable, Sendable {
  case linear
  case log = "logarithmic"
}

/// An axis: the range of its numbers, and the positions of its ticks.
struct Scale {
  let kind: ScaleKind
  let low, high: Double
  let ticks: [Double]
  /// The distance between two ticks on a linear axis.
  private let step: Double

  /// An axis for `values`. Values that have no position on it are ignored: those that are not finite, and on a
  /// logarithmic axis those that are not above 0.
  ///
  /// With `isWhole`, ticks are at whole numbers only. With `isPadded`, no value lies at an end of the axis.
  init(_ kind: ScaleKind, _ values: [Double], isWhole: Bool = false, isPadded: Bool = false) {
    self.kind = kind
    let usable = values.filter { $0.isFinite && (kind == .linear || $0 > 0) }
    var (low, high) = (usable.min() ?? (kind == .log ? 1 : 0), usable.max() ?? 1)
    switch kind {
    case .linear:
      if high - low <= 1e-9 * max(abs(high), abs(low)) {
        let margin = isWhole ? 1 : high == 0 ? 1 : abs(high) * 0.1
        (low, high) = (low - margin, high + margin)
      }
      // The smallest of 1, 2 and 5 times a power of ten with which there are at most six steps.
      let power = pow(10, floor(log10((high - low) / 6)))
      let wanted = [1.0, 2, 5, 10].map { $0 * power }.first { (high - low) / $0 <= 6 } ?? power * 10
      let step = isWhole ? max(1, wanted) : wanted
      let first = floor(low / step + 1e-9)
      let last = ceil(high / step - 1e-9)
      // The axis ends at the outermost values, or at the next tick where that is close.
      let margin = 0.03 * (high - low)
      self.low = isPadded ? low - margin : max(first * step, low - margin)
      self.high = isPadded ? high + margin : min(last * step, high + margin)
      self.step = step
      let bounds = (self.low - 1e-9 * step)...(self.high + 1e-9 * step)
      ticks = stride(from: first, through: last, by: 1).map { $0 * step }.filter(bounds.contains)
    case .log:
      if high <= low * (1 + 1e-9) { (low, high) = (low / 1.5, high * 1.5) }
      let margin = pow(high / low, 0.03)
      self.low = low / margin
      self.high = high * margin
      step = 0
      let bounds = self.low...self.high
      let decades = Int(floor(log10(self.low)))...Int(ceil(log10(self.high)))
      func ticks(_ parts: [Double]) -> [Double] {
        decades.flatMap { power in parts.map { $0 * pow(10, Double(power)) } }.filter(bounds.contains)
      }
      // As many ticks as there is room for. Within a part of a decade they are those of a linear axis.
      let candidates = [[1.0], [1, 3], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]].map(ticks)
      let best = candidates.last { $0.count <= 8 } ?? candidates[0]
      self.ticks = best.count >= 3 ? best : Scale(.linear, [low, high]).ticks.filter { $0 > 0 }
    }
  }

  /// The position of `value` between 0 and 1; nil where it has none.
  func place(_ value: Double) -> Double? {
    switch kind {
    case .linear: value.isFinite ? (value - low) / (high - low) : nil
    case .log: value.isFinite && value > 0 ? log(value / low) / log(high / low) : nil
    }
  }

  /// A number at a tick, with as many digits as distinguish it from the next: `0.05`, `2k`, `5e-05`, `1.0002`.
  func label(_ value: Double) -> String {
    if value == 0 || abs(value) < 1e-9 * step { return "0" }
    let size = abs(value)
    if size >= 1e6 { return String(format: "%gM", value / 1e6) }
    if size >= 1e4 { return String(format: "%gk", value / 1e3) }
    let digits = step > 0 ? max(0, Int(-floor(log10(step) + 1e-9))) : 0
    return digits > 2 && digits < 8 ? String(format: "%.\(digits)f", value) : String(format: "%.4g", value)
  }
}
