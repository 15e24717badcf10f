import Foundation
import Zeroth
import ZerothSupport

/// The learning rate at which the first steps go a known part of epsilon.
///
/// An estimator measures losses at the distance epsilon from theta, where a difference of losses is still the slope times the way. A step
/// that goes much farther leaves what was measured, and one that goes much less is slower than it need be. So the rate is
///
///     eta = part eps / rms(u)
///
/// with u the updates of a step at the learning rate 1, over several mini-batches, and rms the root mean square over updates and the elements
/// of trainable matrices (of vectors, where nothing else is trained: some rules have another rate for these). Estimator, rule, queries
/// and mini-batches are those of the run, so that it is their rate; an adapter and weight decay are left aside.
///
/// `part` is an empirical number: docs/results.md compares the rates with those of a grid.
public struct RateProbe: Sendable {
  /// The part of epsilon that a step goes.
  public static let part = 0.7

  /// eps, in units of the parameters.
  public let epsilon: Double
  /// rms(u) at the learning rate 1.
  public let updateSize: Double
  /// How many updates were finite.
  public let updates: Int
  /// Forward passes of all.
  public let forwards: Int

  /// What was measured.
  public init(epsilon: Double, updateSize: Double, updates: Int, forwards: Int) {
    self.epsilon = epsilon
    self.updateSize = updateSize
    self.updates = updates
    self.forwards = forwards
  }

  /// Makes `count` updates at theta, on the mini-batches from `step` on; theta does not move.
  ///
  /// - Parameters:
  ///   - epsilon: that of the estimator, in units of the parameters.
  ///   - trialRate: the learning rate of the optimisers that `optimizer` makes, which is constant.
  ///   - key: keys the directions.
  /// - Throws: whatever the objective and the estimator throw.
  public init(
    at theta: borrowing ParameterStore, on objective: some Objective, epsilon: Double, trialRate: Double, step: Int,
    key: StreamKey, count: Int = 32, optimizer: () throws -> any OptimizerProtocol
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
      epsilon: epsilon, updateSize: (sum / Double(max(1, updates))).squareRoot() / trialRate, updates: updates,
      forwards: forwards)
  }

  /// The proposal, in two digits; nil where no update is finite, or all are zero.
  public var learningRate: Double? {
    let rate = Self.part * epsilon / updateSize
    return updates > 0 && rate.isFinite && rate > 0 ? Double(String(format: "%.1e", rate)) : nil
  }

  /// Why, in a sentence.
  public var words: String {
    guard let learningRate else {
      return updates == 0 ? "no update is finite at this epsilon" : "no loss differs at this epsilon"
    }
    return "learning rate \(Float(learningRate)): there a first step goes \(Float(Self.part)) of epsilon, "
      + "\(Float(epsilon)); \(updates) updates were measured (\(forwards) forward passes)"
  }

  /// The measurement as JSON.
  public var json: JSON {
    [
      "learning_rate": learningRate.map { .double($0) } ?? .null, "part": .double(Self.part),
      "epsilon": .double(epsilon), "update_size": .double(updateSize), "updates": .int(updates),
      "forwards": .int(forwards),
    ]
  }
}
