import Foundation
import Testing
import Zeroth
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTraining

@testable import ZerothBenchmarks

@Suite struct NoiseQualityTests {
  @Test func report() throws {
    let quality = try NoiseQuality(samples: 200_000, seed: 3)
    #expect(quality.passes)
    #expect(quality.text.contains("Kolmogorov-Smirnov"))
    #expect(quality.text.contains("Nothing speaks against the noise"))
    #expect(quality.json["samples"]?.integer == 200_000)
    #expect((quality.json["tests"]?.elements?.count ?? 0) > 400)
    #expect(throws: InputError.self) { try NoiseQuality(samples: 99_999) }
  }

  /// What the noise was accepted by. About half a minute.
  @Test func aHundredMillionNumbers() throws {
    let quality = try NoiseQuality()
    print(quality.text)
    #expect(quality.passes)
  }
}
