import Foundation

/// A number that may change over the steps of a run: a learning rate eta, an epsilon, a number of queries. It is a
/// constant, a named shape, or any function of the step.
///
///     warm-up:       x_t = x (t + 1) / w                                  for t < w
///     constant:      x_t = x
///     linear:        x_t = x (f + (1 - f) (1 - s))                        s = (t - w) / (T - w), at most 1
///     cosine:        x_t = x (f + (1 - f) (1 + cos(pi s)) / 2)
///     inverse-sqrt:  x_t = x sqrt(max(1, w) / (t + 1))                    (Vaswani et al. 2017)
///     steps:         x_t = x f_1 ... f_k                                  for the k drops up to step t
///
/// Steps are counted from 0. A schedule is a value: between two steps a part of the optimiser may be given another one.
public struct Schedule: Sendable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  /// How x changes after the warm-up.
  public enum Shape: String, CaseIterable, Sendable {
    case constant, linear, cosine
    case inverseSquareRoot = "inverse-sqrt"
    case steps

    /// Whether the shape reaches its end at a step, after which x stays the same.
    public var hasLength: Bool { self == .linear || self == .cosine }
  }

  /// A step at which x is multiplied by a factor.
  public struct Drop: Sendable, Hashable {
    /// The first step to which the factor applies.
    public let step: Int
    /// The factor.
    public let factor: Double

    /// The drop by `factor` at step `step`.
    public init(at step: Int, by factor: Double) {
      self.step = step
      self.factor = factor
    }
  }

  /// The highest value of x, unless a drop has a factor above 1.
  public let base: Double
  /// How x changes after the warm-up.
  public let shape: Shape
  /// T: the step at which the shapes `linear` and `cosine` reach their end. The other shapes do not use it.
  public let steps: Int
  /// w: the number of steps of linear warm-up.
  public let warmup: Int
  /// f: the part of x that is left at the end of the shapes `linear` and `cosine`.
  public let final: Double
  /// The drops of the shape `steps`, in their order.
  public let drops: [Drop]
  private let function: (@Sendable (Int) -> Double)?

  /// The range of `base` for a learning rate.
  public static let baseRange = NumericRange.nonNegative
  /// The range of `steps` where the shape uses it. It also has to be more than `warmup`.
  public static let stepsRange = NumericRange.atLeast(1)
  /// The range of `warmup`.
  public static let warmupRange = NumericRange.nonNegative
  /// The range of `final`.
  public static let finalRange = NumericRange.fraction

  /// A constant, after an optional warm-up.
  public init(_ base: Double, warmup: Int = 0) {
    self.init(base, .constant, steps: 0, warmup: warmup, final: 0, drops: [])
  }

  /// A shape with the highest value `base`: it falls to `final` times `base` at step `steps`, or is multiplied at each
  /// of `drops`.
  public init(
    _ base: Double, _ shape: Shape, steps: Int = 0, warmup: Int = 0, final: Double = 0, drops: [Drop] = []
  ) {
    self.base = base
    self.shape = shape
    self.steps = steps
    self.warmup = warmup
    self.final = final
    self.drops = drops
    function = nil
  }

  /// A constant count, such as a number of queries.
  public init(_ count: Int) { self.init(Double(count)) }

  /// The value of `function` at each step. It must give the same value each time, because a run can be made again from
  /// its record.
  public init(_ function: @escaping @Sendable (_ step: Int) -> Double) {
    base = function(0)
    shape = .constant
    (steps, warmup, final, drops) = (0, 0, 0, [])
    self.function = function
  }

  /// A constant.
  public init(floatLiteral value: Double) { self.init(value) }
  /// A constant.
  public init(integerLiteral value: Int) { self.init(Double(value)) }

  /// x_t: the value at step t.
  public func callAsFunction(at step: Int) -> Double {
    if let function { return function(step) }
    if step < warmup { return base * Double(step + 1) / Double(warmup) }
    switch shape {
    case .constant: return base
    case .linear: return base * (final + (1 - final) * (1 - progress(at: step)))
    case .cosine: return base * (final + (1 - final) * (1 + cos(.pi * progress(at: step))) / 2)
    case .inverseSquareRoot: return base * (Double(max(1, warmup)) / Double(step + 1)).squareRoot()
    case .steps: return drops.reduce(base) { $1.step <= step ? $0 * $1.factor : $0 }
    }
  }

  /// x_t as a count, such as a number of queries: rounded to the nearest integer, and at least 1.
  public func count(at step: Int) -> Int { Int(max(1, min(self(at: step).rounded(), 1e9))) }

  /// The smallest count of a run that is long enough to reach the end of the schedule. Of a function only the value at
  /// step 0 is known, and that is returned.
  public var fewest: Int {
    guard function == nil else { return count(at: 0) }
    let ends = [0, warmup] + drops.map(\.step) + (shape.hasLength ? [steps] : [])
    return shape == .inverseSquareRoot ? 1 : ends.reduce(count(at: 0)) { min($0, count(at: $1)) }
  }

  /// Whether x is the same at every step.
  public var isConstant: Bool { function == nil && shape == .constant && warmup == 0 }

  /// s: the part of the shape that is done, 0 to 1.
  private func progress(at step: Int) -> Double { min(1, Double(step - warmup) / Double(max(1, steps - warmup))) }

  /// Throws `InputError` when a number is out of range for a learning rate. A rule that has its own `validate` calls
  /// this from there.
  public func validate() throws(InputError) { try validate("learning-rate", Self.baseRange) }

  /// Throws an `InputError` about the option `name` when x leaves `range`, when x is a count but not an integer, or
  /// when the numbers of the shape do not fit together. Of a function only the value at step 0 is checked.
  public func validate(_ name: String, _ range: NumericRange, isCount: Bool = false) throws(InputError) {
    if isCount, let count = Int(exactly: base) {
      try range.require(name, count)
    } else {
      try range.require(name, base)
      try Zeroth.require(name, base, "an integer") { _ in !isCount }
    }
    try Self.warmupRange.require("warmup", warmup)
    try Self.finalRange.require("final", final)
    for drop in drops {
      try NumericRange.nonNegative.require("drop", drop.factor)
      try range.require("\(name) from step \(drop.step) on", self(at: drop.step))
    }
    guard shape.hasLength else { return }
    try Self.stepsRange.require("schedule-steps", steps)
    guard steps > warmup else {
      throw InputError(
        "schedule", found: "\(shape.rawValue) over \(steps) steps with \(warmup) of warm-up",
        expected: "more steps than warm-up")
    }
    try range.require("\(name) from step \(steps) on", self(at: steps))
  }
}

extension Schedule: CustomStringConvertible {
  /// The schedule in the spelling of options, such as `cosine(0.001, final=0.1, steps=1000)`; a number alone for a
  /// constant.
  public var description: String {
    guard function == nil else { return "a function, \(base) at step 0" }
    guard !isConstant else { return "\(base)" }
    var words = ["\(base)"]
    if shape.hasLength, final != 0 { words.append("final=\(final)") }
    if shape.hasLength, steps > 0 { words.append("steps=\(steps)") }
    if warmup > 0 { words.append("warmup=\(warmup)") }
    words += drops.map { "\($0.step)=\($0.factor)" }
    return "\(shape.rawValue)(\(words.joined(separator: ", ")))"
  }

  /// Reads a schedule from `text`: a number, or a shape with its numbers in brackets. Where the shape needs a number of
  /// steps and the text has none, it is `length`. Nil for a text that is not a schedule.
  public init?(parsing text: String, length: Int? = nil) {
    if let number = Double(text) {
      self.init(number)
      return
    }
    guard let open = text.firstIndex(of: "("), text.hasSuffix(")"),
      let shape = Shape(rawValue: String(text[..<open]))
    else { return nil }
    let words = text[text.index(after: open)...].dropLast().split(separator: ",", omittingEmptySubsequences: false)
      .map { $0.filter { $0 != " " } }
    guard let first = words.first, let base = Double(first) else { return nil }
    var (steps, warmup, final, drops) = (shape.hasLength ? length ?? 0 : 0, 0, 0.0, [Drop]())
    var known: Set<String> = []
    for word in words.dropFirst() {
      let parts = word.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, known.insert(parts[0]).inserted else { return nil }
      switch (parts[0], Int(parts[0])) {
      case ("steps", _) where shape.hasLength:
        guard let value = Int(parts[1]) else { return nil }
        steps = value
      case ("warmup", _):
        guard let value = Int(parts[1]) else { return nil }
        warmup = value
      case ("final", _) where shape.hasLength:
        guard let value = Double(parts[1]) else { return nil }
        final = value
      case (_, let step?) where shape == .steps && step >= 0:
        guard let factor = Double(parts[1]), drops.last.map({ $0.step < step }) ?? true else { return nil }
        drops.append(Drop(at: step, by: factor))
      default: return nil
      }
    }
    guard shape != .steps || !drops.isEmpty else { return nil }
    self.init(base, shape, steps: steps, warmup: warmup, final: final, drops: drops)
  }
}
