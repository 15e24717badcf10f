import Foundation
import Testing
import Zeroth
import ZerothStrategies
import ZerothTestKit

@testable import ZerothDiagnostics

/// Curves over epsilon and directions, against their laws.
@Suite struct CurveTests {
  /// Truncation grows with eps^2 and rounding with 1/eps.
  @Test func theErrorOfADifferenceIsRoundingAndTruncation() throws {
    let curve = try EpsilonCurve(
      at: place(optimizer("rge", ["epsilon": 0.01])), point(), on: NoisyQuadratic(cubic: 1), directions: 64
    ) { epsilon in try optimizer("rge", ["epsilon": .double(epsilon)]) }
    #expect(curve.own == 0.01 && curve.directions == 64 && curve.points.count == EpsilonCurve.grid.count)
    let errors = Dictionary(
      uniqueKeysWithValues: curve.points.map { (Int((2 * log10($0.epsilon)).rounded()), $0.error) })
    let truncation = try #require(errors[-2]) / (try #require(errors[-4]))
    #expect(abs(truncation - 100) < 5)
    // Theta is rounded to fp32 where it is moved: the loss is then off by about 1e-7 of the gradient times theta.
    let rounding = try #require(errors[-12]) / (try #require(errors[-10]))
    #expect(rounding > 3 && rounding < 30)
    let best = try #require(curve.best)
    #expect(best.epsilon > 1e-5 && best.epsilon < 1e-1)
    #expect(try #require(curve.verdict).contains("the run's epsilon, 0.01"))
  }

  /// Independent normal directions leave sqrt((d + 1) / q).
  @Test func averagesOfNormalDirectionsKeepTheLaw() throws {
    let curve = try QueryCurve(
      at: place(optimizer("rge")), point(), on: NoisyQuadratic(), most: 64, estimates: 200,
      optimizer: optimizer("rge", ["queries": 64]))
    #expect(curve.points.map(\.queries) == [1, 2, 4, 8, 16, 32, 64])
    for point in curve.points { #expect(abs(point.error / curve.law(point.queries) - 1) < 0.15, "\(point)") }
    // The cosine of the mean is 1 / sqrt(1 + (d + 1) / q) where q is large.
    let last = try #require(curve.points.last)
    #expect(abs(last.cosine - 1 / (1 + pow(curve.law(64), 2)).squareRoot()) < 0.05)
  }

  /// Directions with one V see G V V^T / r of a matrix: sqrt((n + 1) / r) of its gradient is left, however many there are.
  @Test func directionsWithOneRightFactorLeaveWhatItDoesNotSee() throws {
    let layout = ParameterLayout.made([.init("w", rows: 4, columns: 8, role: "query", layer: 0)])
    var theta = ParameterStore(layout)
    theta.fill(layout.blocks[0], with: (0..<32).map { Float(cos(Double($0))) })
    let curve = try QueryCurve(
      at: place(optimizer("lge", ["rank": 2])), theta, on: NoisyQuadratic(), most: 2048, estimates: 100,
      optimizer: optimizer("lge", ["rank": 2, "queries": 2048]))
    let left = try #require(curve.points.last).error
    #expect(abs(left / (9.0 / 2).squareRoot() - 1) < 0.15)
    #expect(left > 5 * curve.law(2048))
  }

  /// An estimator without several directions is averaged over several estimates.
  @Test func estimatesAreAveraged() throws {
    let curve = try QueryCurve(
      at: place(optimizer("cge", ["coordinates": 4])), point(), on: NoisyQuadratic(), most: 8, estimates: 1,
      optimizer: optimizer("cge", ["coordinates": 4]))
    #expect(curve.points.map(\.queries) == [1, 2, 4, 8])
  }
}
