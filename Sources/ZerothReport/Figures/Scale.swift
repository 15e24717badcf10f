import Foundation

/// How numbers become places along an axis.
public enum ScaleKind: String, CaseIterable, Sendable {
  case linear
  case log = "logarithmic"
}

/// An axis: the numbers that it spans, and where it has ticks.
struct Scale {
  let kind: ScaleKind
  let low, high: Double
  let ticks: [Double]
  /// The distance of two ticks on a linear axis.
  private let step: Double

  /// An axis for `values`; those that have no place on it (not finite, or not above 0 on a logarithmic axis) count for nothing.
  ///
  /// With `isWhole` ticks stand at whole numbers alone; with `isPadded` no value lies at an end.
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
      // The smallest of 1, 2, 5 times a power of ten that gives at most six steps.
      let power = pow(10, floor(log10((high - low) / 6)))
      let wanted = [1.0, 2, 5, 10].map { $0 * power }.first { (high - low) / $0 <= 6 } ?? power * 10
      let step = isWhole ? max(1, wanted) : wanted
      let first = floor(low / step + 1e-9)
      let last = ceil(high / step - 1e-9)
      // Lines begin and end at the axis, or at the next tick where that is near.
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
      // As many as there is room for; within a part of a decade as on a linear axis.
      let candidates = [[1.0], [1, 3], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]].map(ticks)
      let best = candidates.last { $0.count <= 8 } ?? candidates[0]
      self.ticks = best.count >= 3 ? best : Scale(.linear, [low, high]).ticks.filter { $0 > 0 }
    }
  }

  /// The place of `value` between 0 and 1; nil where it has none.
  func place(_ value: Double) -> Double? {
    switch kind {
    case .linear: value.isFinite ? (value - low) / (high - low) : nil
    case .log: value.isFinite && value > 0 ? log(value / low) / log(high / low) : nil
    }
  }

  /// A number at a tick, with the digits that tell it from the next: `0.05`, `2k`, `5e-05`, `1.0002`.
  func label(_ value: Double) -> String {
    if value == 0 || abs(value) < 1e-9 * step { return "0" }
    let size = abs(value)
    if size >= 1e6 { return String(format: "%gM", value / 1e6) }
    if size >= 1e4 { return String(format: "%gk", value / 1e3) }
    let digits = step > 0 ? max(0, Int(-floor(log10(step) + 1e-9))) : 0
    return digits > 2 && digits < 8 ? String(format: "%.\(digits)f", value) : String(format: "%.4g", value)
  }
}
