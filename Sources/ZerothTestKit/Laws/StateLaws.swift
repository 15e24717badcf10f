import Foundation
import Zeroth

/// Throws `LawViolation` unless an optimiser that was saved and restored goes on as if it had not been, bit for bit.
///
///     try checkStateLaws(of: Optimizer(estimator: LowRankEstimator(interval: 3), rule: LowRankMomentum(learningRate: 0.1), seed: 1))
///
/// It runs `steps` steps on `layout`, is saved after some of them, before the first too, and restored in an optimiser and
/// parameters that have done nothing. So intervals of the parts belong below `steps`, for a window to be cut in two.
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

/// An optimiser with its parameters.
private final class Run<E: GradientEstimator, R: StepRule, A: LayerAdapter> where E.Direction == R.Direction {
  var optimizer: Optimizer<E, R, A>
  var theta: ParameterStore

  init(_ optimizer: Optimizer<E, R, A>, _ quadratic: Quadratic) throws {
    self.optimizer = optimizer
    theta = quadratic.start()
  }

  /// What each of `count` steps measured, and where it led.
  func go(on quadratic: Quadratic, _ count: Int) throws -> [(losses: [Double], theta: [Float])] {
    try (0..<count).map { _ in
      let report = try optimizer.takeStep(&theta, quadratic)
      return (Array(report.losses), theta.flattened())
    }
  }
}
