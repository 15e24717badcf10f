import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothTestKit

@testable import ZerothDiagnostics

/// Singular values against numpy's, and what low-rank directions see.
@Suite struct SpectrumTests {
  private struct Expected: Decodable {
    let matrix: [Float]
    let sigma: [Double]
    let stable_rank, effective_rank: Double
  }

  private func spectrum(_ values: [Float], _ rows: Int, _ columns: Int, rank: Int, seed: UInt64 = 1) throws -> Spectrum
  {
    let layout = ParameterLayout.made([.init("w", rows: rows, columns: columns)])
    var gradient = StoredVector(layout.blocks)
    gradient.forEachPanel { block, panel, target in
      for i in target.indices { target[i] = values[panel.lowerBound * block.columns + i] }
    }
    return try Spectrum(of: layout.blocks[0], in: gradient, rank: rank, key: StreamKey(seed: seed))
  }

  /// The expected values are of Tests/Fixtures/spectrum/make.py.
  @Test func singularValuesAreThoseOfNumpy() throws {
    let data = try #require(FileManager.default.contents(atPath: SharedMaterial.fixture("spectrum/expected.json")))
    let expected = try JSONDecoder().decode(Expected.self, from: data)
    let found = try spectrum(expected.matrix, 7, 5, rank: 2)
    #expect(found.values.count == 5)
    for (a, b) in zip(found.values, expected.sigma) { #expect(abs(a - b) < 1e-12) }
    #expect(abs(found.stableRank - expected.stable_rank) < 1e-12)
    #expect(abs(found.effectiveRank - expected.effective_rank) < 1e-10)
  }

  /// A matrix of rank 1 is seen whole by the best V of rank 1, and to r/n by one that is drawn.
  @Test func aDrawnFactorSeesItsShareWhateverTheRank() throws {
    let (m, n, r) = (6, 40, 4)
    let values = (0..<(m * n)).map { Float(sin(Double($0 / n) + 1) * cos(3 * Double($0 % n))) }
    let found = try (1...20).map { try spectrum(values, m, n, rank: r, seed: $0) }
    #expect(abs(found[0].part(1) - 1) < 1e-9 && found[0].rankOfNineTenths == 1)
    #expect(abs(found[0].stableRank - 1) < 1e-6)
    // The part is beta(r/2, (n - r)/2): mean 0.1, standard deviation 0.066; of 320 draws 0.0037.
    let mean = found.map(\.seen.mean).mean
    #expect(abs(mean - Double(r) / Double(n)) < 4 * 0.0037)
    #expect(found[0].seen.deviation > 0.02)
  }

  /// A factor of all columns sees everything, and a rank above the smaller side is cut to it.
  @Test func afullFactorSeesEverything() throws {
    let found = try spectrum((0..<12).map { Float($0 * $0 % 7) }, 4, 3, rank: 9)
    #expect(found.rank == 3 && abs(found.seen.mean - 1) < 1e-12 && abs(found.part(3) - 1) < 1e-12)
  }

  @Test func valuesThatAreNotFiniteAreRefused() {
    #expect(throws: InputError.self) { try spectrum([1, .nan, 2, 3], 2, 2, rank: 1) }
  }
}
