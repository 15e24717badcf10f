import Foundation
import Zeroth

/// Throws `LawViolation` unless five steps of `optimizer` reach the values in `file`, to 2e-5.
///
///     try checkGoldenTrajectory("../Golden/MyRule.json", of: Optimizer(estimator: ..., rule: ..., seed: 1))
///
/// The steps start at theta = 0 and minimise L(theta) = sum_i (i + 1)/16 (theta_i - 1)^2 over eight parameters: a 2 x 3
/// matrix with the role of a query, i = 0 to 5, and a bias of 2. `file` is a path relative to the file of the test. It
/// is JSON whose key "theta" holds the eight numbers after each step. They should be computed independently of the
/// code, since the test proves no more than they do. While they are missing, the violation reports the points that were
/// measured, from which they can be computed, and the values that the code under test reaches.
public func checkGoldenTrajectory(
  _ file: String, of optimizer: some OptimizerProtocol, besides test: String = #filePath
) throws {
  let data = try Data(contentsOf: URL(fileURLWithPath: path(file, test)))
  let golden = try JSONDecoder().decode(Golden.self, from: data)
  let (found, measured) = try fiveSteps(of: optimizer)
  guard !golden.theta.isEmpty else {
    throw LawViolation(
      .goldenTrajectory, found: "FILL IN: no theta in \(file)",
      expected: """
        theta after each of five steps, worked out from the formula for L(theta) = sum_i (i + 1)/16 (theta_i - 1)^2 \
        from theta = 0. Losses were taken at
        \(measured.enumerated().map { "  step \($0): \($1)" }.joined(separator: "\n"))
        The code as it is leads to
        \(found.map { "  \($0)" }.joined(separator: ",\n"))
        """)
  }
  let isWhole = golden.theta.count == 5 && golden.theta.allSatisfy { $0.count == 8 }
  try demand(.goldenTrajectory, isWhole, found: "another number of them in \(file)", expected: "5 steps of 8 numbers")
  for (step, (point, expected)) in zip(found, golden.theta).enumerated() {
    for (i, (value, wanted)) in zip(point, expected).enumerated() {
      try demand(
        .goldenTrajectory, abs(Double(value) - wanted) < 2e-5, found: "\(value) at element \(i) after step \(step)",
        expected: "\(wanted)")
    }
  }
}

private struct Golden: Decodable {
  var theta: [[Double]]
}

/// theta after each of five steps, and the points at which each step measured losses.
private func fiveSteps(of original: some OptimizerProtocol) throws -> (theta: [[Float]], measured: [[[Float]]]) {
  let layout = try ParameterLayout([
    .init("query", rows: 2, columns: 3, role: "query", layer: 0), .init("bias", rows: 2, role: "bias", layer: 0),
  ])
  var theta = ParameterStore(layout)
  var optimizer = original
  var points: [[Float]] = []
  var measured: [[[Float]]] = []
  for _ in 0..<5 {
    let objective = ObservedObjective(
      FunctionObjective { theta in
        theta.flattened().enumerated().reduce(0) { sum, element in
          let distance = Double(element.element) - 1
          return sum + Double(element.offset + 1) / 16 * distance * distance
        }
      })
    try optimizer.step(&theta, objective)
    points.append(theta.flattened())
    measured.append(objective.points)
  }
  return (points, measured)
}

/// Throws `LawViolation`, with the lines, while "FILL IN" stands in one of `files`. A scaffold marks in this way what
/// its author has to write. The paths are relative to the file of the test.
public func checkFilledIn(_ files: String..., besides test: String = #filePath) throws {
  var places: [String] = []
  for file in files {
    let text = try String(contentsOf: URL(fileURLWithPath: path(file, test)), encoding: .utf8)
    for (i, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if line.contains("FILL IN") {
        places.append("\(file):\(i + 1): \(String(line.drop { $0.isWhitespace }))")
      }
    }
  }
  try demand(
    .nothingLeftToFillIn, places.isEmpty, found: "\n\(places.joined(separator: "\n"))\n", expected: "the author's words"
  )
}

/// The full path of `file`, which is relative to the folder of `test`.
private func path(_ file: String, _ test: String) -> String {
  URL(fileURLWithPath: test).deletingLastPathComponent().appendingPathComponent(file).standardizedFileURL.path
}
