import Zeroth
import ZerothModels
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// The median of some measurements, and how far they spread.
public struct Spread: Sendable, Hashable {
  /// The median: half of the values lie below it.
  public let median: Double
  /// The lower and the upper quartile: a quarter and three quarters of the values lie below them.
  public let lower, upper: Double

  /// The quartiles of `values`, interpolated between neighbours where necessary; NaN if there are no values.
  public init(_ values: [Double]) {
    let sorted = values.sorted()
    func quantile(_ fraction: Double) -> Double {
      guard let last = sorted.last else { return .nan }
      let place = fraction * Double(sorted.count - 1)
      let below = Int(place)
      guard below + 1 < sorted.count else { return last }
      return sorted[below] + (place - Double(below)) * (sorted[below + 1] - sorted[below])
    }
    median = quantile(0.5)
    lower = quantile(0.25)
    upper = quantile(0.75)
  }

  private init(median: Double, lower: Double, upper: Double) {
    self.median = median
    self.lower = lower
    self.upper = upper
  }

  /// The same spread in another unit.
  func scaled(by factor: Double) -> Spread {
    Spread(median: factor * median, lower: factor * lower, upper: factor * upper)
  }

  /// Members of a JSON object: the median as `key`, the quartiles as `key_lower` and `key_upper`.
  func members(_ key: String) -> [JSON.Member] {
    [.init(key, .double(median)), .init(key + "_lower", .double(lower)), .init(key + "_upper", .double(upper))]
  }

  /// Reads the members that `members` wrote; nil if they are missing.
  init?(_ json: JSON, _ key: String) {
    guard let median = json[key]?.double, let lower = json[key + "_lower"]?.double,
      let upper = json[key + "_upper"]?.double
    else { return nil }
    self.init(median: median, lower: lower, upper: upper)
  }

  /// The spread as text: `1.062 (1.05-1.08)`.
  func text(_ digits: Int) -> String {
    "\(Human.fixed(median, digits)) (\(Human.fixed(lower, digits))-\(Human.fixed(upper, digits)))"
  }
}

/// The seconds that `body` takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = ContinuousClock.now
  try body()
  return (ContinuousClock.now - start) / .seconds(1)
}

/// The seconds that `body` takes. It is repeated for at least `least` seconds, because one call may be too short for
/// the clock.
func seconds(repeatedFor least: Double, _ body: () throws -> Void) rethrows -> Double {
  var count = 0.0
  let start = ContinuousClock.now
  var elapsed = 0.0
  repeat {
    try body()
    count += 1
    elapsed = (ContinuousClock.now - start) / .seconds(1)
  } while elapsed < least
  return elapsed / count
}

/// Times several things in turn, so that a change in the machine's speed affects all alike. One round warms up; then
/// `rounds` rounds count.
func interleaved(_ rounds: Int, _ bodies: [() throws -> Void], least: Double = 0.02) throws -> [Spread] {
  try interleavedTimes(rounds, bodies, least: least).map(Spread.init)
}

/// Does the same and returns the seconds of every round.
func interleavedTimes(_ rounds: Int, _ bodies: [() throws -> Void], least: Double = 0.02) throws -> [[Double]] {
  var all = [[Double]](repeating: [], count: bodies.count)
  for round in 0...rounds {
    for (i, body) in bodies.enumerated() {
      let time = try seconds(repeatedFor: round == 0 ? 0 : least, body)
      if round > 0 { all[i].append(time) }
    }
  }
  return all
}
