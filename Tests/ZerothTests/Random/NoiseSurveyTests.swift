import Foundation
import Testing
import Zeroth
import ZerothTestKit

/// The tests of the noise find what is wrong with noise that is made wrong.
@Suite struct NoiseSurveyTests {
  typealias Values = UnsafeMutableBufferPointer<Float>

  struct Flaw: CustomTestStringConvertible {
    let testDescription: String
    /// How the name of a test begins and ends that has to find it.
    let prefix: String
    var suffix = ""
    let spoil: @Sendable (StreamKey, Int, Values) -> Void
  }

  static let flaws = [
    Flaw(testDescription: "a mean", prefix: "moment 1") { _, _, z in for i in z.indices { z[i] += 0.02 } },
    Flaw(testDescription: "a scale", prefix: "moment 2") { _, _, z in for i in z.indices { z[i] *= 1.01 } },
    Flaw(testDescription: "a skew", prefix: "moment 3") { _, _, z in
      for i in z.indices { z[i] += 0.02 * (z[i] * z[i] - 1) }
    },
    Flaw(testDescription: "thick tails", prefix: "moment 4") { _, _, z in
      for i in z.indices { z[i] *= 0.97 + 0.01 * z[i] * z[i] }
    },
    Flaw(testDescription: "cut tails", prefix: "beyond 4.0") { _, _, z in
      for i in z.indices { z[i] = max(-3.99, min(3.99, z[i])) }
    },
    Flaw(testDescription: "few digits", prefix: "Kolmogorov") { _, _, z in
      for i in z.indices { z[i] = (z[i] * 20).rounded() / 20 }
    },
    Flaw(testDescription: "a neighbour", prefix: "correlation of places at a distance of 1") { _, _, z in
      for i in z.indices.dropFirst().reversed() { z[i] += 0.02 * z[i - 1] }
    },
    Flaw(testDescription: "a period", prefix: "correlation of places at a distance of 1024") { key, first, z in
      for i in stride(from: 0, to: z.count, by: 1024) {
        NoiseSurvey.noise(key, (first + i) % 1024, Values(rebasing: z[i..<min(i + 1024, z.count)]))
      }
    },
    Flaw(testDescription: "common noise", prefix: "correlation of blocks") { _, first, z in
      let common = noise(first, z.count)
      for i in z.indices { z[i] = (z[i] + 0.15 * common[i]) / (1 + 0.15 * 0.15 as Float).squareRoot() }
    },
    Flaw(testDescription: "common size", prefix: "correlation of steps", suffix: "squares") { _, first, z in
      let common = noise(first, z.count)
      for i in z.indices { z[i] *= 1 + 0.2 * common[i] }
    },
    Flaw(testDescription: "one stream for all", prefix: "correlation of seeds") { _, first, z in
      for (i, value) in noise(first, z.count).enumerated() { z[i] = value }
    },
    Flaw(testDescription: "not a number", prefix: "moment 1") { _, first, z in if first == 0 { z[0] = .nan } },
  ]

  private static func noise(_ first: Int, _ count: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      NoiseSurvey.noise(StreamKey(seed: 99), first, Values(rebasing: buffer[..<count]))
      initialized = count
    }
  }

  @Test(arguments: flaws) func findsWhatIsWrong(_ flaw: Flaw) {
    let checks = NoiseSurvey.checks(count: 300_000, seed: 1) { key, first, z in
      NoiseSurvey.noise(key, first, z)
      flaw.spoil(key, first, z)
    }
    let found = checks.filter { $0.name.hasPrefix(flaw.prefix) && $0.name.hasSuffix(flaw.suffix) }
    #expect(!found.isEmpty)
    #expect((found.map(\.pValue).min() ?? 1) * Double(checks.count) < 1e-3)
    #expect(NoiseSurvey.pValue(checks) < 1e-3)
  }

  /// Against tables of the distributions.
  @Test func probabilities() {
    func close(_ check: NoiseCheck, _ p: Double) -> Bool { abs(check.pValue - p) < 2e-4 }
    #expect(close(NoiseCheck("normal", found: 5.96, expected: 4, deviation: 1), 0.05))
    #expect(close(NoiseCheck("Kolmogorov", kolmogorov: 1.3581), 0.05))
    #expect(close(NoiseCheck("Kolmogorov", kolmogorov: 1.6276), 0.01))
    #expect(NoiseCheck("Kolmogorov", kolmogorov: 0).pValue == 1)
    // P(X <= 2) and P(X >= 10) of a Poisson distribution with mean 5.
    #expect(close(NoiseCheck("few", count: 2, expected: 5), 2 * 0.12465))
    #expect(close(NoiseCheck("many", count: 10, expected: 5), 2 * 0.03183))
  }
}
