import Zeroth
import ZerothModels

/// Minus the F1 of greedily generated answers against the gold ones, averaged over a mini-batch: -1 to 0.
///
/// F1 is ``AnswerScore/f1``, the best over the gold answers; an answer ends as
/// ``EncodedQuestion/end`` says. It has no gradient, and its values are all that is asked for (MeZO, Malladi et al. 2023, section 3.3).
///
/// A token depends on those generated before it, so the points are visited one after another, on a
/// moved copy of theta: this objective takes d floats more than the others.
public final class F1Objective: Objective {
  /// A token outside the vocabulary or a prompt longer than the model's context.
  public typealias Failure = InputError

  private let model: CausalModel
  private let tokenizer: any Tokenizer
  private let questions: [EncodedQuestion]
  private var sampler: BatchSampler
  /// The mini-batch that was asked for last, and its questions.
  private var current: (batch: Batch, questions: [EncodedQuestion])?

  /// The objective on mini-batches that `sampler` draws from `questions`; `tokenizer` spells the answers.
  public init(
    _ model: CausalModel, _ tokenizer: any Tokenizer, _ questions: [EncodedQuestion], _ sampler: BatchSampler
  ) {
    self.model = model
    self.tokenizer = tokenizer
    self.questions = questions
    self.sampler = sampler
  }

  /// Minus the mean F1 at theta on `batch`; NaN where the model's logits are not finite.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    let questions = questions(of: batch)
    let found = try model.answer(questions, at: theta, tokenizer: tokenizer)
    return found.unanswered > 0 ? .nan : -found.f1
  }

  /// Minus the F1 of each question of `batch`; NaN where the model's logits are not finite.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Few<Double> {
    let questions = questions(of: batch)
    let found = try model.answer(questions, at: theta, tokenizer: tokenizer)
    return Few(found.scores.map { found.unanswered > 0 ? .nan : -$0.f1 })
  }

  /// The questions that the sampler gives for this step and draw.
  private func questions(of batch: Batch) -> [EncodedQuestion] {
    if let current, current.batch == batch { return current.questions }
    let drawn = sampler.draw(step: batch.step, draw: batch.draw).map { questions[$0] }
    current = (batch, drawn)
    return drawn
  }
}
