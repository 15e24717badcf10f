import Foundation
import Zeroth

/// A loop of one's own that can be killed at any moment. Started again, it goes on from its last checkpoint, and ends at the
/// same parameters, bit for bit.
///
///     CheckpointedLoop FILE STEPS        FILE is the checkpoint; it need not exist
///
/// It fits a linear map to made-up data, y = A x, by LOZO-M with a cosine schedule, on a mini-batch of eight rows a step.
@main struct CheckpointedLoop {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 3, let steps = Int(arguments[2]), steps > 0 else {
      throw InputError("arguments", found: "\(arguments.dropFirst())", expected: "FILE STEPS")
    }
    let checkpoint = arguments[1]

    let objective = try LinearFit()
    var theta = ParameterStore(objective.layout)
    var optimizer = Optimizer(
      estimator: LowRankEstimator(rank: 2, interval: 20, epsilon: 1e-3),
      rule: LowRankMomentum(learningRate: Schedule(5e-4, .cosine, steps: steps, final: 0.1)), seed: 42)
    // Numbers of the loop itself go into the checkpoint too.
    var best = Double.infinity

    if FileManager.default.fileExists(atPath: checkpoint) {
      try optimizer.restore(&theta, from: checkpoint) { (state) throws(InputError) in try state.code("best", &best) }
      print("goes on after \(optimizer.nextStep) steps")
    }
    while optimizer.nextStep < steps {
      let report = try optimizer.step(&theta, objective)
      best = min(best, report.meanLoss)
      if optimizer.nextStep.isMultiple(of: 50) || optimizer.nextStep == steps {
        try optimizer.save(theta, to: checkpoint) { (state) throws(InputError) in try state.code("best", &best) }
      }
    }
    print("lowest loss \(best), parameters \(theta.contentHash())")
  }
}

/// The mean of ||A x - y||^2 over a mini-batch of rows, with A the parameters.
struct LinearFit: Objective {
  /// Nothing can go wrong.
  typealias Failure = Never

  let layout: ParameterLayout
  private let inputs, targets: [[Double]]

  init() throws {
    layout = try ParameterLayout([.init("a", rows: 16, columns: 24)])
    var stream = RandomStream(StreamKey(seed: 7))
    let truth = (0..<16).map { _ in (0..<24).map { _ in stream.gaussian() / 5 } }
    let inputs = (0..<64).map { _ in (0..<24).map { _ in stream.gaussian() } }
    self.inputs = inputs
    targets = inputs.map { x in truth.map { row in zip(row, x).reduce(0) { $0 + $1.0 * $1.1 } } }
  }

  func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double {
    let a = theta.values(of: layout.blocks[0])
    // The mini-batch follows from the step alone, so it is the same one after a restart.
    let rows = (0..<8).map { (batch.step * 8 + $0) % inputs.count }
    var sum = 0.0
    for row in rows {
      for (i, y) in targets[row].enumerated() {
        var found = 0.0
        for (j, x) in inputs[row].enumerated() { found += Double(a[i * 24 + j]) * x }
        sum += (found - y) * (found - y)
      }
    }
    return sum / 8
  }
}
