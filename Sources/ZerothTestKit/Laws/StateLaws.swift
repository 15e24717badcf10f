import Foundation
import Zeroth

/// Throws `LawViolation` unless an optimiser that was saved and restored goes on as if there had been no interruption,
/// bit for bit.
///
///     try checkStateLaws(of: Optimizer(estimator: LowRankEstimator(interval: 3), rule: LowRankMomentum(learningRate: 0.1), seed: 1))
///
/// The optimiser runs `steps` steps on `layout`. It is saved after some of them, and also before the first, and
/// restored into an optimiser and parameters that have made no step. The intervals of its parts should be below
/// `steps`, so that an interruption falls inside a window.
public func checkStateLaws<E: GradientEstimator, R: StepRule, A: LayerAdapter>(
  of optimizer: Optimizer<E, R, A>, in layout: ParameterLayout = .small, steps: Int = 8
) throws {
  let quadratic = Quadratic(layout)
  let expected = try Run(optimizer, quadratic).go(on: quadratic, steps)
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-\(UUID().uuidString).state").path
  defer { try? FileManager.default.removeItem(atPath: path) }
  for cut in Set([0, 1, steps / 2, steps - 2]).sorted() where (0..<steps).contains(cut) {
    let saved = try Run(optimizer, quadratic)
    _ = try saved.go(on: quadratic, cut)
    let restored = try Run(optimizer, quadratic)
    do {
      try saved.optimizer.save(saved.theta, to: path)
      try restored.optimizer.restore(&restored.theta, from: path)
    } catch {
      throw LawViolation(.stateGoesOn, found: "\(error)", expected: "a state that is saved and restored")
    }
    for (run, name) in [(saved, "saved"), (restored, "restored")] {
      let found = try run.go(on: quadratic, steps - cut)
      for (i, (a, b)) in zip(found, expected[cut...]).enumerated() {
        let place = "at step \(cut + i), \(name) after step \(cut)"
        try demand(
          .stateGoesOn, a.losses.map(\.bitPattern) == b.losses.map(\.bitPattern), found: "losses \(a.losses) \(place)",
          expected: "\(b.losses)")
        try demandSameBits(.stateGoesOn, a.theta, b.theta, place)
      }
    }
  }
}

/// An optimiser and its parameters.
private final class Run<E: GradientEstimator, R: StepRule, A: LayerAdapter> where E.Direction == R.Direction {
  var optimizer: Optimizer<E, R, A>
  var theta: ParameterStore

  init(_ optimizer: Optimizer<E, R, A>, _ quadratic: Quadratic) throws {
    self.optimizer = optimizer
    theta = quadratic.start()
  }

  /// The losses that each of `count` steps measured, and theta after the step.
  func go(on quadratic: Quadratic, _ count: Int) throws -> [(losses: [Double], theta: [Float])] {
    try (0..<count).map { _ in
      let report = try optimizer.takeStep(&theta, quadratic)
      return (Array(report.losses), theta.flattened())
    }
  }
}
