import Foundation
import Testing
import Zeroth
import ZerothTestKit

/// The checkers of what an author writes beside the code: the golden steps, and the words.
@Suite struct AuthorsFilesTests {
  /// `body` with the path of a file that holds `text`.
  private func with(_ text: String, _ body: (String) throws -> Void) throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-golden-\(UUID().uuidString)")
    try Data(text.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    try body(file.lastPathComponent)
  }

  private let here = FileManager.default.temporaryDirectory.appendingPathComponent("Test.swift").path

  /// CGE is exact on a quadratic: 1 - theta_i shrinks by 1 - eta (i + 1)/8 in each step.
  private func points(eta: Double) -> String {
    let steps = (1...5).map { step in
      "[" + (0..<8).map { i in "\(1 - pow(1 - eta * Double(i + 1) / 8, Double(step)))" }.joined(separator: ", ") + "]"
    }
    return "{\"how\": \"by hand\", \"theta\": [\(steps.joined(separator: ", "))]}"
  }

  private func check(_ golden: String) throws {
    try with(golden) { file in
      let optimizer = Optimizer(
        estimator: CoordinateEstimator(epsilon: 1e-2), rule: SGD(learningRate: 0.5), seed: 1)
      try checkGoldenTrajectory(file, of: optimizer, besides: here)
    }
  }

  @Test func goldenTrajectory() throws {
    try check(points(eta: 0.5))
    expectViolation(.goldenTrajectory) { try check(points(eta: 0.5002)) }
    expectViolation(.goldenTrajectory) { try check("{\"theta\": [[0]]}") }
    let missing = #expect(throws: LawViolation.self) { try check("{\"theta\": []}") }
    #expect(missing?.found.contains("FILL IN") == true && missing?.expected.contains("step 4: ") == true)
  }

  @Test func filledIn() throws {
    try with("A line.\nAnother.") { file in try checkFilledIn(file, besides: here) }
    try with("A line.\n  // FILL IN: another.") { file in
      let left = #expect(throws: LawViolation.self) { try checkFilledIn(file, besides: here) }
      #expect(left?.found.contains("\(file):2: // FILL IN: another.") == true)
    }
  }
}
