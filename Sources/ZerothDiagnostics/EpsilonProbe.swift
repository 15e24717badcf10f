import Foundation
import Zeroth
import ZerothSupport

/// The largest epsilon at which finite differences are still slopes, from losses alone.
///
/// A difference is off by truncation, T eps^2, and by the rounding of the losses, R / eps. Neighbours on a grid of a factor sqrt(10) differ by
/// most of the truncation of the larger and most of the rounding of the smaller. Of the epsilons that differ little from the next smaller
/// one the largest is taken: rounding is least there, and a step may go farther (``RateProbe``). ``EpsilonCurve`` compares with exact slopes
/// where there is a gradient.
public struct EpsilonProbe: Sendable {
  /// How far the differences at an epsilon are from those at the next smaller one.
  public struct Point: Sendable, Hashable {
    /// eps, in units of the parameters.
    public let epsilon: Double
    /// The root mean square of what they differ by, over that of the differences at eps.
    public let change: Double

    /// A point of the curve.
    public init(epsilon: Double, change: Double) {
      self.epsilon = epsilon
      self.change = change
    }
  }

  /// The curve, epsilon ascending.
  public let points: [Point]
  /// Forward passes.
  public let forwards: Int

  /// The change up to which differences count as slopes.
  public static let limit = 0.05
  /// From 1e-4 to 0.1, two to a decade.
  public static let grid = (-8 ... -2).map { pow(10, Double($0) / 2) }

  /// A curve.
  public init(points: [Point], forwards: Int) {
    self.points = points
    self.forwards = forwards
  }

  /// Measures at theta on the mini-batch of `step`, along `directions` directions at least.
  ///
  /// `optimizer(eps)` is the run's with another epsilon. Throws whatever it and the objective throw.
  public init(
    at theta: borrowing ParameterStore, on objective: some Objective, step: Int, key: StreamKey, directions: Int = 16,
    optimizer: (Double) throws -> any OptimizerProtocol
  ) throws {
    let layout = theta.layout
    var forwards = 0
    let slopes = try Self.grid.map { epsilon in
      let optimizer = try optimizer(epsilon)
      return try optimizer.slopes(directions, at: theta, on: objective) { number in
        forwards += optimizer.forwards(at: step, in: layout)
        return StepContext(step: step, runKey: key.child(.query, number), layout: layout)
      }
    }
    let points = (1..<slopes.count).map { i in
      Point(
        epsilon: Self.grid[i],
        change: zip(slopes[i], slopes[i - 1]).map(-).rootMeanSquare / slopes[i].rootMeanSquare)
    }
    self.init(points: points, forwards: forwards)
  }

  /// The proposal; nil where every difference is another.
  public var epsilon: Double? {
    points.last { $0.change <= Self.limit }.flatMap { Double(String(format: "%.0e", $0.epsilon)) }
  }

  /// Why, in a sentence.
  public var words: String {
    guard let epsilon, let found = points.last(where: { $0.change <= Self.limit }) else {
      let least = points.map(\.change).filter(\.isFinite).min()
      return least.map { "differences change by \(Human.percent($0)) or more from one epsilon to the next" }
        ?? "no epsilon from \(Float(Self.grid[0])) to 0.1 gives finite losses"
    }
    return "epsilon \(Float(epsilon)): the largest at which differences still are slopes, as they change by "
      + "\(Human.percent(found.change)) from the next smaller one (\(forwards) forward passes)"
  }

  /// The measurement as JSON.
  public var json: JSON {
    [
      "epsilon": epsilon.map { .double($0) } ?? .null, "forwards": .int(forwards),
      "points": .array(points.map { ["epsilon": .double($0.epsilon), "change": .double($0.change)] }),
    ]
  }
}
