import Zeroth
import ZerothModels

/// Prompts of a causal model, each with the candidates that may follow it. The score of a candidate is the mean
/// log-probability of its tokens after the prompt (classification and multiple choice as in MeZO's experiments).
///
/// A prompt is computed once for all of its candidates. Where every candidate is a single token, its logit is used in
/// place of its log-probability. For all candidates of an example these two differ by the same constant, which changes
/// neither the softmax over the candidates nor the prediction. The logits of the rest of the vocabulary are then not
/// computed.
public struct ScoredCandidates: ScoredExamples {
  private let model: CausalModel
  private let examples: [EncodedExample]

  /// The examples `examples` for `model`.
  public init(_ model: CausalModel, _ examples: [EncodedExample]) {
    self.model = model
    self.examples = examples
  }

  /// The right candidate of each example.
  public var labels: [Int] { examples.map(\.label) }
  /// The tokens of the prompt and of its candidates, without the last token of each candidate, which predicts nothing.
  public var tokenCounts: [Int] {
    examples.map { $0.prompt.count + $0.candidates.reduce(0) { $0 + $1.count - 1 } }
  }
  /// What was left out of each prompt so that it fits.
  public var cuts: [PromptCut] { examples.map(\.cut) }
  /// The examples in `range`.
  public func part(_ range: Range<Int>) -> (any EncodedExamples)? {
    Self(model, Array(examples[range]))
  }

  /// Lays out prompts with their candidates. Candidates of a single token are scored by their logits at the end of the
  /// prompt.
  public func layOut(_ indices: [Int], in pass: inout ScoredPass) {
    pass.removeAll()
    if areSingleTokens(indices) { layOutTokens(indices, in: &pass) } else { layOutTails(indices, in: &pass) }
  }

  /// Computes the mean log-probabilities of the candidates' tokens, or their logits.
  public func readOut(
    _ pass: inout ScoredPass, from theta: borrowing ParameterStore, at points: Points
  ) throws(InputError) {
    try model.evaluate(pass.batch, readout(of: pass), from: theta, at: points, into: &pass.values)
  }

  /// Computes the scores at theta, and adds their gradient.
  public func addGradient(
    _ pass: inout ScoredPass, at theta: borrowing ParameterStore, to gradient: inout StoredVector,
    adjoints: (inout ScoredPass) throws(InputError) -> [Double]
  ) throws(InputError) {
    try model.addGradient(of: readout(of: pass), pass.batch, at: theta, to: &gradient) { values throws(InputError) in
      pass.values = values
      return try adjoints(&pass)
    }
  }

  /// A row has its own target only where tokens are scored by their log-probabilities.
  private func readout(of pass: ScoredPass) -> Readout {
    pass.areLogits
      ? .logits(rows: pass.rows, ids: pass.targets) : .logProbabilities(rows: pass.rows, targets: pass.targets)
  }

  private func areSingleTokens(_ indices: [Int]) -> Bool {
    for index in indices { for candidate in examples[index].candidates where candidate.count != 1 { return false } }
    return true
  }

  private func layOutTokens(_ indices: [Int], in pass: inout ScoredPass) {
    pass.areLogits = true
    for index in indices {
      for candidate in examples[index].candidates where !pass.targets.contains(candidate[0]) {
        pass.targets.append(candidate[0])
      }
    }
    pass.targets.sort()
    for index in indices {
      let first = pass.rows.count * pass.targets.count
      pass.rows.append(pass.batch.append(examples[index].prompt).rows.upperBound - 1)
      pass.appendExample()
      for candidate in examples[index].candidates {
        let place = first + (pass.targets.firstIndex(of: candidate[0]) ?? 0)
        pass.appendCandidate(at: place..<(place + 1))
      }
    }
  }

  private func layOutTails(_ indices: [Int], in pass: inout ScoredPass) {
    pass.areLogits = false
    for index in indices {
      let prompt = pass.batch.append(examples[index].prompt)
      pass.appendExample()
      for candidate in examples[index].candidates {
        // The last token of the prompt predicts the first of the candidate. The last token of the candidate predicts
        // nothing.
        pass.appendCandidate(at: pass.rows.count..<(pass.rows.count + candidate.count))
        pass.rows.append(prompt.rows.upperBound - 1)
        if candidate.count > 1 {
          pass.rows += pass.batch.append(candidate.dropLast(), after: prompt.segment).rows
        }
        pass.targets += candidate
      }
    }
  }
}
