import Foundation

/// eta over the steps: a base value, a warm-up, and how it falls.
///
///     warm-up:   eta_t = eta (t + 1) / w                                  for t < w
///     constant:  eta_t = eta
///     linear:    eta_t = eta (f + (1 - f) (1 - s))                        s = (t - w) / (T - w), at most 1
///     cosine:    eta_t = eta (f + (1 - f) (1 + cos(pi s)) / 2)
public struct LearningRate: Sendable, Hashable, ExpressibleByFloatLiteral {
  /// How eta falls after the warm-up.
  public enum Schedule: String, CaseIterable, Sendable {
    case constant, linear, cosine
  }

  /// eta >= 0 at its highest.
  public let base: Double
  /// How it falls.
  public let schedule: Schedule
  /// T, the step at which a falling rate reaches its end; unused by a constant one.
  public let steps: Int
  /// w, steps of linear warm-up.
  public let warmup: Int
  /// f, the part of eta that is left at the end.
  public let final: Double

  /// A constant rate, after a warm-up if one is asked for.
  public init(_ base: Double, warmup: Int = 0) {
    self.init(base, schedule: .constant, steps: 0, warmup: warmup, final: 0)
  }

  /// A rate that falls to `final` times `base` at step `steps`.
  public init(_ base: Double, schedule: Schedule, steps: Int, warmup: Int = 0, final: Double = 0) {
    self.base = base
    self.schedule = schedule
    self.steps = steps
    self.warmup = warmup
    self.final = final
  }

  /// A constant rate.
  public init(floatLiteral value: Double) { self.init(value) }

  /// eta_t.
  public func callAsFunction(at step: Int) -> Double {
    if step < warmup { return base * Double(step + 1) / Double(warmup) }
    guard schedule != .constant else { return base }
    let s = min(1, Double(step - warmup) / Double(max(1, steps - warmup)))
    let shape = schedule == .linear ? 1 - s : (1 + cos(.pi * s)) / 2
    return base * (final + (1 - final) * shape)
  }

  /// Throws when a number is out of range: a rule with options of its own calls it in its `validate`.
  public func validate() throws(InputError) {
    try require("rule.learning-rate", base, "a number of at least 0") { $0 >= 0 && $0.isFinite }
    try require("rule.warmup", warmup, "at least 0") { $0 >= 0 }
    try require("rule.final", final, "0 to 1") { (0...1).contains($0) }
    guard schedule == .constant || steps > warmup else {
      throw InputError(
        "rule.schedule", found: "\(schedule.rawValue) over \(steps) steps with \(warmup) of warm-up",
        expected: "more steps than warm-up")
    }
  }
}
