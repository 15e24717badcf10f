import Foundation
import Zeroth
import ZerothSupport

/// How close an average over q directions comes to the gradient of its mini-batch.
///
/// With independent directions of d normal numbers, the relative error is sqrt((d + 1) / q). Directions that share a
/// factor V cannot do better than the part of the gradient that is outside the span of V.
public struct QueryCurve: Sendable {
  /// The quality of an average over some directions.
  public struct Point: Sendable, Hashable {
    /// The number q of directions.
    public let queries: Int
    /// The mean cosine with the gradient.
    public let cosine: Double
    /// The relative error sqrt(E||e - g||^2) / ||g||.
    public let error: Double
  }

  /// The curve for q = 1, 2, 4 and so on.
  public let points: [Point]
  /// The number of estimates over which each point is averaged.
  public let estimates: Int
  /// The number of trainable parameters.
  public let parameters: Int

  /// Averages over up to `most` directions of `optimizer`. Where an estimate has fewer directions, several estimates
  /// are joined.
  ///
  /// Cost: the forward passes of `estimates` times `most` directions, and 2 d floats.
  public init(
    at place: Place, _ theta: borrowing ParameterStore, on objective: some Objective, most: Int, estimates: Int = 4,
    optimizer: any OptimizerProtocol
  ) throws {
    try place.requireComparable(objective)
    let blocks = theta.layout.trainable
    let sums = BlockSums(blocks)
    var gradient = StoredVector(blocks)
    _ = try objective.requiredGradient(at: theta, on: Batch(step: place.step), into: &gradient)
    let square = sums.squares(of: gradient).reduce(0, +)
    var cosines: [Int: [Double]] = [:]
    var errors: [Int: [Double]] = [:]
    var number = 0
    for _ in 0..<estimates {
      var total = StoredVector(blocks)
      var count = 0
      while count < most {
        let estimate = try optimizer.estimate(
          at: theta, context: place.context(number, theta.layout), objective: objective)
        number += 1
        for (slope, term) in zip(estimate.slopes, estimate.terms) where count < most {
          total.add(term.direction, weight: Float(slope))
          count += 1
          guard count & (count - 1) == 0 else { continue }
          let products = sums.products(of: total, with: gradient)
          let q = Double(count)
          let dot = products.reduce(0) { $0 + $1.dot } / q
          let norm = products.reduce(0) { $0 + $1.square } / (q * q)
          cosines[count, default: []].append(dot / (norm * square).squareRoot())
          errors[count, default: []].append((max(0, norm - 2 * dot + square) / square).squareRoot())
        }
      }
    }
    points = cosines.keys.sorted().map { q in
      Point(queries: q, cosine: (cosines[q] ?? []).mean, error: (errors[q] ?? []).rootMeanSquare)
    }
    self.estimates = estimates
    parameters = theta.layout.trainableCount
  }

  /// The relative error sqrt((d + 1) / q) with independent directions of normal numbers.
  func law(_ queries: Int) -> Double { (Double(parameters + 1) / Double(queries)).squareRoot() }

  /// The curve as JSON.
  public var json: JSON {
    [
      "estimates": .int(estimates), "parameters": .int(parameters),
      "points": .array(
        points.map {
          [
            "queries": .int($0.queries), "cosine": .double($0.cosine), "error": .double($0.error),
            "law": .double(law($0.queries)),
          ]
        }),
    ]
  }

  /// The curve as a table.
  public var text: String {
    var table = Table([.right("q"), .right("cosine"), .right("error / gradient"), .right("sqrt((d + 1) / q)")])
    for point in points {
      table.rows.append([
        "\(point.queries)", Human.fixed(point.cosine, 5), Human.fixed(point.error, 1),
        Human.fixed(law(point.queries), 1),
      ])
    }
    return
      "an average over q directions against the gradient of its mini-batch, the mean of \(estimates)\n\n\(table.text)"
  }
}
