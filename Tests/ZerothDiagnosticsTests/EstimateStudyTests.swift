import Foundation
import Testing
import Zeroth
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTestKit

@testable import ZerothDiagnostics

/// What is said of estimates, against formulas.
@Suite struct EstimateStudyTests {
  private func diagnosis(
    _ optimizer: any OptimizerProtocol, _ objective: NoisyQuadratic, batches: Int = 8, directions: Int = 2000
  ) throws -> MetricsRow.Diagnosis {
    try MetricsRow.Diagnosis(
      at: place(optimizer), point(), on: objective, effort: Effort(batches: batches, directions: directions))
  }

  /// d, the square of the norm of the gradient without a shift, and theta as numbers.
  private var numbers: (d: Double, square: Double) {
    let values = point().flattened().map(Double.init)
    return (Double(values.count), values.reduce(0) { $0 + $1 * $1 })
  }

  /// Of normal directions: E||e - g||^2 = (d + 1) ||g||^2, E c^2 = ||g||^2 + the spread of the mini-batches' gradients. The spread of a
  /// gradient that is off by s to either side in half of 8 mini-batches is 8/7 s^2 d.
  @Test func partsOfASlopeAreThoseOfTheFormulas() throws {
    let (d, square) = numbers
    let shift = 0.4
    let row = try diagnosis(optimizer("rge", ["epsilon": 1e-3]), NoisyQuadratic(shift: shift))
    let spread = 8.0 / 7 * shift * shift * d
    #expect(abs(row.all.noise - spread.squareRoot()) < 1e-5 * spread)
    #expect(abs(row.all.gradient - square.squareRoot()) < 1e-5 * square)
    // Squares of 2000 slopes have a mean that is off by sqrt(2/2000) of itself, 3%; the square of a gradient without its spread is taken.
    #expect(abs(row.slope.gradient + spread / 8 - square) < 5 * 0.032 * square)
    #expect(abs(row.slope.batch - spread) < 5 * 0.032 * spread)
    // A quadratic has no truncation: what is left is the rounding of fp32, of losses of 50 over epsilon.
    #expect(row.slope.epsilon < 1e-4 * row.slope.total)
    let first = try #require(row.all.error)
    #expect(abs(first - (d + 1).squareRoot()) < 0.15 * first)
    #expect(row.estimates == 2000 && row.queries == 1 && row.epsilon == 1e-3)
    // The mean cosine of z and g, c's sign in it, is sqrt(2 / (pi d)), to the first order in 1/d.
    let cosine = try #require(row.all.cosine)
    #expect(abs(cosine - (2 / (Double.pi * d)).squareRoot()) < 0.01)
    #expect(abs(row.changes[0].noise - 0.5) < 1e-12)
    let larger = (row.slope.gradient + row.slope.batch / 2 + row.slope.epsilon) / row.slope.total
    #expect(row.changes[1].noise == larger && row.changes[1].cost == 2)
  }

  /// The error of a central difference on a sum of cubes is eps^2 a/6 sum z^3: what epsilon adds is its square.
  @Test func epsilonAddsWhatTheThirdDerivativeSays() throws {
    let d = numbers.d
    for epsilon in [0.1, 0.3] {
      let row = try diagnosis(optimizer("rge", ["epsilon": .double(epsilon)]), NoisyQuadratic(cubic: 2))
      // E (sum z^3)^2 = 15 d.
      let expected = pow(epsilon * epsilon / 3, 2) * 15 * d
      #expect(abs(row.slope.epsilon - expected) < 0.25 * expected, "\(epsilon)")
      #expect(row.slope.batch < 1e-9)
    }
  }

  @Test func groupsAddUp() throws {
    let row = try diagnosis(optimizer("rge"), NoisyQuadratic(shift: 0.2), directions: 16)
    for group in MetricsRow.Diagnosis.Group.allCases {
      let qualities = try #require(row.groups[group]).map(\.quality)
      for path in [\MetricsRow.Diagnosis.Quality.gradient, \.noise, \.estimate] {
        let sum = qualities.reduce(0) { $0 + $1[keyPath: path] * $1[keyPath: path] }
        #expect(abs(sum.squareRoot() - row.all[keyPath: path]) < 1e-9 * sum, "\(group)")
      }
      #expect(qualities.reduce(0) { $0 + $1.parameters } == row.all.parameters)
    }
    #expect(row.groups[.roles]?.map(\.name) == ["query", "bias"])
    #expect(row.groups[.layers]?.map(\.name) == ["0", "1"])
  }

  @Test func theGradientIsItself() throws {
    let row = try diagnosis(optimizer("gradient"), NoisyQuadratic(shift: 0.4))
    let (d, square) = numbers
    #expect(row.estimates == 1 && row.all.error == 0 && abs((row.all.cosine ?? 0) - 1) < 1e-12 && row.isExact)
    let spread = 8.0 / 7 * 0.16 * d
    #expect(abs(row.slope.batch - spread) < 1e-5 * spread && row.slope.epsilon == 0)
    #expect(abs(row.slope.gradient - (square - spread / 8)) < 1e-5 * square)
  }

  /// A gradient of zeros has no cosine, and nothing is divided by it.
  @Test func zerosHaveNoCosine() throws {
    let theta = ParameterStore(twoLayers)
    let row = try MetricsRow.Diagnosis(
      at: place(optimizer("rge")), theta, on: NoisyQuadratic(), effort: Effort(batches: 2, directions: 4))
    #expect(row.all.cosine == nil && row.all.error == nil && row.all.gradient == 0)
    #expect(MetricsRow.diagnosis(row).json["non_finite"] == nil)
  }

  @Test func lookingChangesNothing() throws {
    let theta = point()
    let optimizer = try optimizer("lge", ["queries": 2])
    let before = theta.flattened()
    let rows = try [1, 2].map { threads in
      try withThreads(threads) {
        try MetricsRow.Diagnosis(
          at: place(optimizer), theta, on: NoisyQuadratic(shift: 1), effort: Effort(batches: 3, directions: 8))
      }
    }
    #expect(theta.flattened() == before && optimizer.nextStep == 0)
    #expect(rows[0] == rows[1] && rows[0].estimates == 4)
  }

  @Test func rowsAreReadAsTheyAreWritten() throws {
    let row = try diagnosis(optimizer("rge"), NoisyQuadratic(shift: 0.2), directions: 4)
    let json = MetricsRow.diagnosis(row).json
    guard
      case .diagnosis(let read) = try MetricsRow(JSON(parsing: Data("\(json)".utf8), subject: "row"), subject: "row")
    else {
      Issue.record("another kind of row")
      return
    }
    #expect(read == row)
    var damaged = json
    damaged["slope"] = ["gradient": 1]
    let error = #expect(throws: InputError.self) { try MetricsRow(damaged, subject: "row") }
    #expect("\(error.map { "\($0)" } ?? "")".contains("row: slope: batch"))
  }

  @Test func objectivesWithoutAGradientAreRefused() throws {
    let flat = FunctionObjective { _ in 1 }
    #expect(throws: InputError.self) {
      try MetricsRow.Diagnosis(at: place(optimizer("rge")), point(), on: flat, effort: Effort())
    }
  }
}
