import Foundation
import Zeroth
import ZerothSupport

/// The error of a finite difference, compared with the exact slope, as a function of epsilon.
///
/// A two-sided difference has two errors: truncation, which grows with eps^2, and the rounding of the losses, which
/// grows with 1/eps. The lowest point of the curve is the epsilon at which they balance.
public struct EpsilonCurve: Sendable {
  /// The error at one epsilon.
  public struct Point: Sendable, Hashable {
    /// eps, in units of the parameters.
    public let epsilon: Double
    /// sqrt(E(c - s)^2) / sqrt(E s^2), where c is the difference and s is the slope.
    public let error: Double
  }

  /// The curve, in ascending order of epsilon.
  public let points: [Point]
  /// The epsilon of the run; nil where it has no single number.
  public let own: Double?
  /// The number of directions that were measured.
  public let directions: Int

  /// The epsilons from 1e-6 to 0.1, two in each decade.
  public static let grid = (-12 ... -2).map { pow(10, Double($0) / 2) }

  /// Measures at theta on the next step's mini-batch. `optimizer(eps)` is the optimiser of the place with another
  /// epsilon.
  ///
  /// Cost: for each epsilon the forward passes for `directions` directions.
  public init(
    at place: Place, _ theta: borrowing ParameterStore, on objective: some Objective, directions: Int,
    optimizer: (Double) throws -> any OptimizerProtocol
  ) throws {
    try place.requireComparable(objective)
    var gradient = StoredVector(theta.layout.trainable)
    let loss = try objective.requiredGradient(at: theta, on: Batch(step: place.step), into: &gradient)
    let tangent = Linearization(loss: loss, gradient: gradient)
    let layout = theta.layout
    let exact = try place.optimizer.slopes(directions, at: theta, on: tangent) { place.context($0, layout) }
    points = try Self.grid.map { epsilon in
      let measured = try optimizer(epsilon).slopes(directions, at: theta, on: objective) { place.context($0, layout) }
      return Point(epsilon: epsilon, error: zip(measured, exact).map(-).rootMeanSquare / exact.rootMeanSquare)
    }
    self.directions = exact.count
    own = try place.optimizer.estimate(at: theta, context: place.context(0, theta.layout), objective: tangent).epsilon
  }

  /// The point with the lowest error; nil where no error is finite.
  public var best: Point? { points.filter(\.error.isFinite).min { $0.error < $1.error } }

  /// The curve as JSON.
  public var json: JSON {
    [
      "directions": .int(directions), "own": own.map { .double($0) } ?? .null,
      "best": best.map { .double($0.epsilon) } ?? .null,
      "points": .array(points.map { ["epsilon": .double($0.epsilon), "error": .double($0.error)] }),
    ]
  }

  /// The curve as a table, with what it says about the run's epsilon.
  public var text: String {
    var table = Table([.right("epsilon"), .right("error / slope"), .left("")])
    for point in points {
      let isBest = point == best
      table.rows.append([
        "\(Float(point.epsilon))", "\(Float(point.error))", isBest ? "lowest" : "",
      ])
    }
    return "a finite difference against the exact slope, by epsilon, over \(directions) directions\n\n\(table.text)"
      + (verdict.map { "\n\($0)\n" } ?? "")
  }

  /// Which of the two errors limits the run's epsilon, in a sentence.
  var verdict: String? {
    guard let own, let best, let nearest = points.min(by: { abs(log($0.epsilon / own)) < abs(log($1.epsilon / own)) })
    else { return nil }
    // Neighbouring points are half a decade apart.
    let factor = own / best.epsilon
    let cause = factor > 3.2 ? "by truncation" : factor < 1 / 3.2 ? "by rounding" : "as little as any"
    return "the run's epsilon, \(Float(own)), is off by \(Float(nearest.error)) of the slope, \(cause); the lowest is "
      + "\(Float(best.error)) at \(Float(best.epsilon))"
  }
}

extension OptimizerProtocol {
  /// The slopes along at least `count` directions. They are those of estimates at theta in the contexts number 0, 1 and
  /// so on.
  func slopes(
    _ count: Int, at theta: borrowing ParameterStore, on objective: some Objective, _ context: (Int) -> StepContext
  ) throws -> [Double] {
    var slopes: [Double] = []
    var number = 0
    while slopes.count < count {
      slopes += try estimate(at: theta, context: context(number), objective: objective).comparableSlopes
      number += 1
    }
    return slopes
  }
}
