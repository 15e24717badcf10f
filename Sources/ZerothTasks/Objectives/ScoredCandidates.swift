import Zeroth
import ZerothModels

/// Prompts of a causal model and the candidates that may follow them. A candidate's score is the mean log-probability of
/// its tokens after the prompt (classification and multiple choice as in MeZO's experiments).
///
/// The prompt is computed once for all of its candidates. Where every candidate is a single token, its logit takes the
/// place of its log-probability: they differ by the same constant for all candidates of an example, which neither the
/// softmax over candidates nor the prediction sees, and the rest of the vocabulary is never computed.
public struct ScoredCandidates: ScoredExamples {
  private let model: CausalModel
  private let examples: [EncodedExample]

  /// `examples` for `model`.
  public init(_ model: CausalModel, _ examples: [EncodedExample]) {
    self.model = model
    self.examples = examples
  }

  /// The right candidate of each example.
  public var labels: [Int] { examples.map(\.label) }
  /// Prompt and candidates, whose last tokens predict nothing.
  public var tokenCounts: [Int] {
    examples.map { $0.prompt.count + $0.candidates.reduce(0) { $0 + $1.count - 1 } }
  }
  /// What had to go for each prompt to fit.
  public var cuts: [PromptCut] { examples.map(\.cut) }

  /// The mean log-probabilities of the candidates' tokens.
  public func scores(
    of indices: [Int], at theta: borrowing ParameterStore, along direction: (any Direction)?, offsets: Few<Float>
  ) throws(InputError) -> [[[Double]]] {
    let pass = Pass(indices.map { examples[$0] })
    return try model.evaluate(pass.batch, pass.readout, at: theta, along: direction, offsets: offsets).map { values in
      pass.places.map { candidates in
        candidates.map { places in places.reduce(0) { $0 + values[$1] } / Double(places.count) }
      }
    }
  }

  /// Examples laid out for one pass.
  private struct Pass {
    var batch = TokenBatch()
    let readout: Readout
    /// For each example, for each candidate: the read-outs whose mean is its score.
    var places: [[[Int]]] = []

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
  }
}
