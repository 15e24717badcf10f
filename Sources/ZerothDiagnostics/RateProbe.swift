import Foundation
import Zeroth
import ZerothSupport

/// Finds the learning rate at which the first steps have a given length relative to epsilon.
///
/// An estimator measures losses at the distance epsilon from theta. Up to this distance, a difference of losses is the
/// slope times the distance. A much longer step leaves the region that was measured, and a much shorter one is slower
/// than necessary. So the rate is
///
///     eta = part eps / rms(u)
///
/// where u are the updates of a step at the learning rate 1, over several mini-batches, times the gain of a momentum
/// that sums estimates. rms is the root mean square over the updates and the elements of trainable matrices. (Where only
/// vectors are trained it is taken over these; otherwise they are left out, because some rules have another rate for
/// them.) Estimator, rule, queries and mini-batches are those of the run, so the rate fits them. An adapter and weight
/// decay are not considered.
///
/// `part` is an empirical number: docs/results.md compares the rates with those of a grid.
public struct RateProbe: Sendable {
  /// The length of a first step as a part of epsilon.
  public static let part = 0.7
  /// The same with LoRA. There slopes grow as the factors do, while they become smaller within the first steps where the
  /// model's own matrices are trained (docs/results.md).
  public static let partWithLoRA = 0.2

  /// The length of a first step as a part of epsilon, of this measurement.
  public let part: Double
  /// eps, in units of the parameters.
  public let epsilon: Double
  /// The root mean square rms(u) at the learning rate 1.
  public let updateSize: Double
  /// The number of updates that were finite.
  public let updates: Int
  /// The number of forward passes of all updates.
  public let forwards: Int

  /// A measurement with these numbers.
  public init(part: Double = Self.part, epsilon: Double, updateSize: Double, updates: Int, forwards: Int) {
    self.part = part
    self.epsilon = epsilon
    self.updateSize = updateSize
    self.updates = updates
    self.forwards = forwards
  }

  /// Makes `count` updates at theta, on the mini-batches from `step` on. theta is not moved.
  ///
  /// - Parameters:
  ///   - part: the length of a first step as a part of epsilon.
  ///   - epsilon: the epsilon of the estimator, in units of the parameters.
  ///   - trialRate: the constant learning rate of the optimisers that `optimizer` makes.
  ///   - gain: how much longer the run's steps along a steady gradient are than the updates of these optimisers.
  ///   - key: the key of the directions.
  /// - Throws: the errors of the objective and of the estimator.
  public init(
    at theta: borrowing ParameterStore, on objective: some Objective, part: Double = Self.part, epsilon: Double,
    trialRate: Double, gain: Double = 1, step: Int, key: StreamKey, count: Int = 32,
    optimizer: () throws -> any OptimizerProtocol
  ) throws {
    let layout = theta.layout
    let matrices = layout.trainable.filter(\.isMatrix)
    let blocks = matrices.isEmpty ? layout.trainable : matrices
    let elements = Double(blocks.reduce(0) { $0 + $1.count })
    var (sum, updates, forwards) = (0.0, 0, 0)
    for number in 0..<count {
      let optimizer = try optimizer()
      let context = StepContext(step: step + number, runKey: key.child(.diagnosis, number), layout: layout)
      let update = try optimizer.update(at: theta, context: context, objective: objective)
      forwards += optimizer.forwards(at: context.step, in: layout)
      let square = update.sumOfSquares(on: blocks) / elements
      guard square.isFinite else { continue }
      sum += square
      updates += 1
    }
    self.init(
      part: part, epsilon: epsilon, updateSize: gain * (sum / Double(max(1, updates))).squareRoot() / trialRate,
      updates: updates, forwards: forwards)
  }

  /// The learning rate that is proposed, with two digits; nil where no update is finite, or all are zero.
  public var learningRate: Double? {
    let rate = part * epsilon / updateSize
    return updates > 0 && rate.isFinite && rate > 0 ? Double(String(format: "%.1e", rate)) : nil
  }

  /// The reason, in a sentence.
  public var words: String {
    guard let learningRate else {
      return updates == 0 ? "no update is finite at this epsilon" : "no loss differs at this epsilon"
    }
    return "learning rate \(Float(learningRate)): there a first step goes \(Float(part)) of epsilon, "
      + "\(Float(epsilon)); \(updates) updates were measured (\(forwards) forward passes)"
  }

  /// The measurement as JSON.
  public var json: JSON {
    [
      "learning_rate": learningRate.map { .double($0) } ?? .null, "part": .double(part),
      "epsilon": .double(epsilon), "update_size": .double(updateSize), "updates": .int(updates),
      "forwards": .int(forwards),
    ]
  }
}
