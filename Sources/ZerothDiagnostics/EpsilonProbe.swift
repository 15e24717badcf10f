import Foundation
import Zeroth
import ZerothSupport

/// Finds the largest epsilon at which finite differences still are slopes, using losses alone.
///
/// A difference has two errors: truncation, T eps^2, and the rounding of the losses, R / eps. The epsilons form a grid
/// with a factor of sqrt(10). The differences at two neighbours differ by most of the truncation of the larger epsilon
/// and most of the rounding of the smaller one. Among the epsilons whose differences are close to those at the next
/// smaller one, the largest is chosen. There the rounding is least, and a step may be longer (``RateProbe``). Where
/// there is a gradient, ``EpsilonCurve`` compares with exact slopes instead.
public struct EpsilonProbe: Sendable {
  /// How much the differences at an epsilon differ from those at the next smaller one.
  public struct Point: Sendable, Hashable {
    /// eps, in units of the parameters.
    public let epsilon: Double
    /// The root mean square of this change, divided by that of the differences at eps.
    public let change: Double

    /// A point of the curve with these numbers.
    public init(epsilon: Double, change: Double) {
      self.epsilon = epsilon
      self.change = change
    }
  }

  /// The curve, in ascending order of epsilon.
  public let points: [Point]
  /// The number of forward passes.
  public let forwards: Int

  /// The largest change at which differences still count as slopes.
  public static let limit = 0.05
  /// The epsilons from 1e-4 to 0.1, two in each decade.
  public static let grid = (-8 ... -2).map { pow(10, Double($0) / 2) }

  /// A curve with these points.
  public init(points: [Point], forwards: Int) {
    self.points = points
    self.forwards = forwards
  }

  /// Measures at theta on the mini-batch of `step`, along at least `directions` directions.
  ///
  /// `optimizer(eps)` is the run's optimiser with another epsilon. Throws the errors of `optimizer` and of the
  /// objective.
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

  /// The epsilon that is proposed; nil where no epsilon has a small enough change.
  public var epsilon: Double? {
    points.last { $0.change <= Self.limit }.flatMap { Double(String(format: "%.0e", $0.epsilon)) }
  }

  /// The reason, in a sentence.
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
