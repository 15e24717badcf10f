import Foundation
import Zeroth
import ZerothModels

/// The scores of the candidates of some examples under a model: the mean log-probability of a candidate's tokens after
/// the prompt (TASKS: classification and multiple choice as in MeZO's experiments).
///
/// The prompt is computed once for all of its candidates. Where every candidate is a single token, its logit takes the
/// place of its log-probability: they differ by the same constant for all candidates of an example, which neither the
/// softmax over candidates nor the prediction sees, and the rest of the vocabulary is never computed.
struct CandidateScores {
  private var batch = TokenBatch()
  private let readout: Readout
  /// For each example, for each candidate: the read-outs whose mean is its score.
  private var places: [[[Int]]] = []

  init(_ examples: [EncodedExample]) {
    let areSingle = examples.allSatisfy { $0.candidates.allSatisfy { $0.count == 1 } }
    if areSingle {
      let ids = Array(Set(examples.flatMap { $0.candidates.map { $0[0] } })).sorted()
      let columns = Dictionary(uniqueKeysWithValues: zip(ids, ids.indices))
      var rows: [Int] = []
      for (i, example) in examples.enumerated() {
        rows.append(batch.append(example.prompt).rows.upperBound - 1)
        places.append(example.candidates.map { [i * ids.count + (columns[$0[0]] ?? 0)] })
      }
      readout = .logits(rows: rows, ids: ids)
    } else {
      var rows: [Int] = []
      var targets: [Int] = []
      for example in examples {
        let prompt = batch.append(example.prompt)
        var ofExample: [[Int]] = []
        for candidate in example.candidates {
          // The last prompt token predicts the first of the candidate, whose last token predicts nothing.
          let tail = candidate.dropLast()
          let tailRows = tail.isEmpty ? 0..<0 : batch.append(Array(tail), after: prompt.segment).rows
          ofExample.append(Array(rows.count..<(rows.count + candidate.count)))
          rows.append(prompt.rows.upperBound - 1)
          rows += tailRows
          targets += candidate
        }
        places.append(ofExample)
      }
      readout = .logProbabilities(rows: rows, targets: targets)
    }
  }

  /// The scores at theta + offsets[v] `direction`: for each offset, for each example, for each candidate.
  func evaluate(
    _ model: CausalModel, at theta: borrowing ParameterStore, along direction: (any Direction)? = nil,
    offsets: [Float] = [0]
  ) throws(InputError) -> [[[Double]]] {
    try model.evaluate(batch, readout, at: theta, along: direction, offsets: offsets).map { values in
      places.map { candidates in
        candidates.map { places in places.reduce(0) { $0 + values[$1] } / Double(places.count) }
      }
    }
  }

  /// -log softmax(scores)[label], in double; NaN where a score is.
  static func crossEntropy(_ scores: [Double], label: Int) -> Double {
    let top = scores.max() ?? 0
    guard top.isFinite else { return .nan }
    return log(scores.reduce(0) { $0 + exp($1 - top) }) - (scores[label] - top)
  }

  /// The candidate with the highest score, the first of equals.
  static func prediction(_ scores: [Double]) -> Int {
    scores.indices.dropFirst().reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
  }
}
