import Foundation

/// A number over the steps of a run: a learning rate eta, an epsilon, a number of queries. It is a constant, follows a shape
/// by name, or is any function of the step.
///
///     warm-up:       x_t = x (t + 1) / w                                  for t < w
///     constant:      x_t = x
///     linear:        x_t = x (f + (1 - f) (1 - s))                        s = (t - w) / (T - w), at most 1
///     cosine:        x_t = x (f + (1 - f) (1 + cos(pi s)) / 2)
///     inverse-sqrt:  x_t = x sqrt(max(1, w) / (t + 1))                    (Vaswani et al. 2017)
///     steps:         x_t = x f_1 ... f_k                                  for the k drops up to step t
///
/// A step is counted from 0. What is scheduled is a value: an optimiser's part may be given another one between two steps.
public struct Schedule: Sendable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  /// How x goes on after the warm-up.
  public enum Shape: String, CaseIterable, Sendable {
    case constant, linear, cosine
    case inverseSquareRoot = "inverse-sqrt"
    case steps

    /// Whether it ends at a step, from which on x stays.
    public var hasLength: Bool { self == .linear || self == .cosine }
  }

  /// A step from which on x is multiplied by a factor.
  public struct Drop: Sendable, Hashable {
    /// The first such step.
    public let step: Int
    /// What x is multiplied by.
    public let factor: Double

    /// `factor` from `step` on.
    public init(at step: Int, by factor: Double) {
      self.step = step
      self.factor = factor
    }
  }

  /// x at its highest, unless a drop raises it.
  public let base: Double
  /// How x goes on after the warm-up.
  public let shape: Shape
  /// T, the step at which a shape with a length has reached its end; unused by the others.
  public let steps: Int
  /// w, steps of linear warm-up.
  public let warmup: Int
  /// f, the part of x that is left at the end of a shape with a length.
  public let final: Double
  /// The drops of `steps`, in their order.
  public let drops: [Drop]
  private let function: (@Sendable (Int) -> Double)?

  /// What `base` takes as a learning rate.
  public static let baseRange = NumericRange.nonNegative
  /// What `steps` takes where the shape has a length; more than `warmup`.
  public static let stepsRange = NumericRange.atLeast(1)
  /// What `warmup` takes.
  public static let warmupRange = NumericRange.nonNegative
  /// What `final` takes.
  public static let finalRange = NumericRange.fraction

  /// A constant, after a warm-up if one is asked for.
  public init(_ base: Double, warmup: Int = 0) {
    self.init(base, .constant, steps: 0, warmup: warmup, final: 0, drops: [])
  }

  /// `base` by a shape: falling to `final` times `base` at step `steps`, or multiplied at each of `drops`.
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

  /// A constant count, such as one of queries.
  public init(_ count: Int) { self.init(Double(count)) }

  /// Whatever `function` gives for a step. It must give the same each time: a run is made again from its record.
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

  /// x_t.
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

  /// x_t as a count, such as one of queries: the nearest integer, at least 1.
  public func count(at step: Int) -> Int { Int(max(1, min(self(at: step).rounded(), 1e9))) }

  /// The smallest count of a run that is long enough to see all of the schedule; of a function, x_0 is known alone.
  public var fewest: Int {
    guard function == nil else { return count(at: 0) }
    let ends = [0, warmup] + drops.map(\.step) + (shape.hasLength ? [steps] : [])
    return shape == .inverseSquareRoot ? 1 : ends.reduce(count(at: 0)) { min($0, count(at: $1)) }
  }

  /// Whether x is the same at every step.
  public var isConstant: Bool { function == nil && shape == .constant && warmup == 0 }

  /// s, how much of the shape is done.
  private func progress(at step: Int) -> Double { min(1, Double(step - warmup) / Double(max(1, steps - warmup))) }

  /// Throws when a number is out of range: a rule with options of its own calls it in its `validate` for its learning rate.
  public func validate() throws(InputError) { try validate("learning-rate", Self.baseRange) }

  /// Throws `InputError` about the option `name` when x leaves `range`, is no integer although it is a count, or the
  /// shape's numbers make no sense. Of a function, x_0 is known alone.
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
  /// The schedule as options spell it, such as `cosine(0.001, final=0.1, steps=1000)`, or a number alone for a constant.
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

  /// The schedule that `text` spells: a number, or a shape with its numbers in brackets. A shape with a length whose text has
  /// no steps gets `length`. Nil for a text that spells none.
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
