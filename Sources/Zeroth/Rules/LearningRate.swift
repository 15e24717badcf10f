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

  /// What `base` takes.
  public static let baseRange = NumericRange.nonNegative
  /// What `steps` takes where the rate falls; more than `warmup`.
  public static let stepsRange = NumericRange.atLeast(1)
  /// What `warmup` takes.
  public static let warmupRange = NumericRange.nonNegative
  /// What `final` takes.
  public static let finalRange = NumericRange.fraction

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
    try Self.baseRange.require("learning-rate", base)
    try Self.warmupRange.require("warmup", warmup)
    try Self.finalRange.require("final", final)
    guard schedule != .constant else { return }
    try Self.stepsRange.require("schedule-steps", steps)
    guard steps > warmup else {
      throw InputError(
        "schedule", found: "\(schedule.rawValue) over \(steps) steps with \(warmup) of warm-up",
        expected: "more steps than warm-up")
    }
  }
}
