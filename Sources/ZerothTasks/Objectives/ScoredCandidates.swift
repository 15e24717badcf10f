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
  /// Those in `range`.
  public func part(_ range: Range<Int>) -> (any EncodedExamples)? {
    Self(model, Array(examples[range]))
  }

  /// Prompts with their candidates: those of a single token are read out by their logits, at the prompts' ends.
  public func layOut(_ indices: [Int], in pass: inout ScoredPass) {
    pass.removeAll()
    if areSingleTokens(indices) { layOutTokens(indices, in: &pass) } else { layOutTails(indices, in: &pass) }
  }

  /// The mean log-probabilities of the candidates' tokens, or their logits.
  public func readOut(
    _ pass: inout ScoredPass, from theta: borrowing ParameterStore, at points: Points
  ) throws(InputError) {
    try model.evaluate(pass.batch, readout(of: pass), from: theta, at: points, into: &pass.values)
  }

  /// The same, and its gradient.
  public func addGradient(
    _ pass: inout ScoredPass, at theta: borrowing ParameterStore, to gradient: inout StoredVector,
    adjoints: (inout ScoredPass) throws(InputError) -> [Double]
  ) throws(InputError) {
    try model.addGradient(of: readout(of: pass), pass.batch, at: theta, to: &gradient) { values throws(InputError) in
      pass.values = values
      return try adjoints(&pass)
    }
  }

  /// Each row has a target of its own only where tokens are scored by their log-probabilities.
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
        // The last prompt token predicts the first of the candidate, whose last token predicts nothing.
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
