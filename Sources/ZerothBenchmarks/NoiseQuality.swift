import Zeroth
import ZerothModels
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// Tests whether the noise of dense directions has the right distribution, on many numbers. The tests are moments up to
/// the fourth, the tails beyond 4 sigma, the Kolmogorov-Smirnov distance, and correlations of values and of squares.
/// Correlations are taken at many distances within a stream, and between the streams of neighbouring seeds, steps,
/// queries, blocks and factors.
///
/// The Box-Muller method on 32-bit words reaches sqrt(-2 ln 2^-32) = 6.66 sigma and no further. Right noise goes beyond
/// that only once in 4e10 numbers.
public struct NoiseQuality: Sendable {
  /// The number of values taken from each stream.
  public let samples: Int
  /// The seed of the run whose streams are tested.
  public let seed: UInt64
  /// The instruction set that made the noise.
  public let instructionSet = Backend.instructionSet
  /// The nanoseconds that one thread takes per number, in the fastest of a few fills of 2^18 numbers.
  public let nanosecondsPerNumber: Double
  /// The seconds that the tests took.
  public let seconds: Double
  private let checks: [NoiseCheck]

  /// The p-value below which the noise counts as wrong.
  public static let threshold = 1e-3

  /// Runs all tests. 10^8 numbers take about half a minute and 20 MB. Throws an `InputError` if `samples` is below
  /// 10^5.
  public init(samples: Int = 100_000_000, seed: UInt64 = 1) throws {
    try require("--samples", samples, "100000 to 2000000000") { (100_000...2_000_000_000).contains($0) }
    self.samples = samples
    self.seed = seed
    nanosecondsPerNumber = Self.fillTime()
    var checks: [NoiseCheck] = []
    seconds = ZerothBenchmarks.seconds { checks = NoiseSurvey.checks(count: samples, seed: seed) }
    self.checks = checks
  }

  private static func fillTime() -> Double {
    let count = 1 << 18
    var least = Double.infinity
    withScratch(count) { values in
      for step in 0..<30 {
        least = min(
          least, ZerothBenchmarks.seconds { NoiseSurvey.noise(StreamKey(seed: 1).child(.step, step), 0, values) })
      }
    }
    return least * 1e9 / Double(count)
  }

  /// The probability that right noise gives a test at least as bad as the worst one here: the smallest p-value times
  /// the number of tests (Bonferroni), at most 1.
  public var pValue: Double { NoiseSurvey.pValue(checks) }
  /// Whether the noise passes: `pValue` is at least `threshold`.
  public var passes: Bool { pValue >= Self.threshold }

  /// The tests of the distribution. The tests of correlation are listed apart: `worstCorrelation` sums them up.
  private var distribution: [NoiseCheck] { checks.filter { !Self.isCorrelation($0) } }
  private var correlations: [NoiseCheck] { checks.filter(Self.isCorrelation) }
  private var worstCorrelation: NoiseCheck? { correlations.min { $0.pValue < $1.pValue } }
  private static func isCorrelation(_ check: NoiseCheck) -> Bool { check.name.hasPrefix("correlation") }

  /// The result as JSON.
  public var json: JSON {
    [
      "samples": .int(samples), "seed": .string("\(seed)"), "instruction_set": .string(instructionSet),
      "ns_per_number": .double(nanosecondsPerNumber), "seconds": .double(seconds), "passes": .bool(passes),
      "p_value": .double(pValue),
      "tests": .array(
        checks.map { check in
          [
            "name": .string(check.name), "found": .double(check.found), "expected": .double(check.expected),
            "p_value": .double(check.pValue),
          ]
        }),
    ]
  }

  /// The result as a table.
  public var text: String {
    var table = Table([.left("test"), .right("found"), .right("expected"), .right("p-value")])
    for check in distribution {
      let digits = check.name.hasPrefix("beyond") ? 0 : 5
      table.rows.append([
        check.name, Human.fixed(check.found, digits), Human.fixed(check.expected, digits),
        Human.fixed(check.pValue, 4),
      ])
    }
    if let worst = worstCorrelation {
      table.rows.append([
        worst.name, Human.fixed(worst.found, 6), "0",
        "\(Human.fixed(worst.pValue, 4)), the least of \(correlations.count)",
      ])
    }
    return "\(Human.count(samples)) numbers of each stream on \(instructionSet), "
      + "\(Human.fixed(nanosecondsPerNumber, 2)) ns per number on one thread\n\n" + table.text
      + "\n\(passes ? "Nothing speaks against the noise" : "THE NOISE IS WRONG"): "
      + "p = \(Human.fixed(pValue, 4)) over all \(checks.count) tests.\n"
  }
}
