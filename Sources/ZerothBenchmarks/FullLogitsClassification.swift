import Foundation
import Zeroth
import ZerothModels
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// Classification as other trainers compute it, for comparison. Each candidate is a sequence of its own that repeats
/// the prompt, and has a forward pass of its own. Log-probabilities over the whole vocabulary are computed at every
/// position, although the loss needs only those of the candidate's tokens. The loss is the same as that of
/// `ClassificationObjective`. There is one mini-batch, which holds all examples.
struct FullLogitsClassification: Objective {
  typealias Failure = InputError

  private struct Pass {
    var batch = TokenBatch()
    var rows: [Int] = []
    var targets: [Int] = []
    /// The log-probabilities that belong to the candidate, for each example.
    var scored: [Range<Int>] = []
  }

  private let model: CausalModel
  private let passes: [Pass]
  private let labels: [Int]

  init(_ model: CausalModel, _ examples: [EncodedExample]) {
    self.model = model
    labels = examples.map(\.label)
    passes = (0..<(examples.first?.candidates.count ?? 0)).map { candidate in
      var pass = Pass()
      for example in examples {
        let tokens = example.prompt + example.candidates[candidate]
        pass.rows += pass.batch.append(tokens).rows.dropLast()
        pass.targets += tokens.dropFirst()
        pass.scored.append((pass.targets.count - example.candidates[candidate].count)..<pass.targets.count)
      }
      return pass
    }
  }

  func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    try losses(at: .theta, from: theta, on: batch)[0]
  }

  func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(InputError) -> Few<Double> {
    /// The scores, indexed by candidate, point and example.
    var scores: [[[Double]]] = []
    for pass in passes {
      let logs = try model.evaluate(
        pass.batch, .logProbabilities(rows: pass.rows, targets: pass.targets), from: theta, at: points)
      scores.append(logs.map { logs in pass.scored.map { logs[$0].reduce(0, +) / Double($0.count) } })
    }
    return points.indices.reduce(into: []) { all, v in
      let losses = labels.indices.map { example in
        let ofExample = scores.map { $0[v][example] }
        let top = ofExample.max() ?? 0
        return top + log(ofExample.reduce(0) { $0 + exp($1 - top) }) - ofExample[labels[example]]
      }
      all += grain == .example ? losses : [losses.reduce(0, +) / Double(losses.count)]
    }
  }
}
