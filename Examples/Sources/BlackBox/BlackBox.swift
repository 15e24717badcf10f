import Foundation
import Zeroth

/// A black box: what comes of three numbers is simulated, and no formula of a slope is known.
///
///     BlackBox [STEPS]
///
/// A controller pushes a weight on a spring so that it follows a target that jumps. Its three gains are the parameters; the loss is how far
/// the weight is from the target, and how hard it is pushed.
@main struct BlackBox {
  static func main() throws {
    let steps = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 400
    let layout = try ParameterLayout([.init("gains", rows: 3)])
    let objective = FunctionObjective { theta in
      let gains = theta.values(of: layout.blocks[0]).map(Double.init)
      return Controller(proportional: gains[0], integral: gains[1], derivative: gains[2]).cost()
    }
    var theta = ParameterStore(layout)
    // Few parameters: one coordinate after the other is measured, and Adam gives each a step of its own.
    var optimizer = Optimizer(
      estimator: CoordinateEstimator(.all, epsilon: 1e-3), rule: Adam(learningRate: 0.05), seed: 1)
    print("cost without a controller: \(objective.loss(at: theta, on: Batch(step: 0)))")
    for _ in 0..<steps { try optimizer.step(&theta, objective) }
    print("cost after \(steps) steps: \(objective.loss(at: theta, on: Batch(step: 0)))")
    print("gains: \(theta.values(of: layout.blocks[0]))")
  }
}

/// The simulation: a weight of 1 on a spring of 1 with a little friction, for 20 seconds.
private struct Controller {
  let proportional, integral, derivative: Double

  func cost() -> Double {
    var (place, speed, sum, cost) = (0.0, 0.0, 0.0, 0.0)
    let dt = 0.02
    for tick in 0..<1000 {
      let target = tick < 500 ? 1.0 : -0.5
      let error = target - place
      sum += error * dt
      let push = proportional * error + integral * sum - derivative * speed
      speed += (push - place - 0.1 * speed) * dt
      place += speed * dt
      cost += (error * error + 1e-4 * push * push) * dt
    }
    return cost
  }
}
