import Zeroth
import ZerothModels

/// Minus the F1 of greedily generated answers against the gold ones, averaged over a mini-batch: -1 to 0.
///
/// F1 is ``AnswerScore/f1``, the best value over the gold answers. An answer ends as ``EncodedQuestion/end`` says. The
/// objective has no useful gradient; zeroth-order methods need only its values (MeZO, Malladi et al. 2023, section
/// 3.3).
///
/// Each token depends on those generated before it. So the points are visited one after another, with a copy of theta
/// that is moved. This objective therefore takes d floats more than the others.
public final class F1Objective: Objective {
  /// The error for a token outside the vocabulary and for a prompt longer than the model's context.
  public typealias Failure = InputError

  private let model: CausalModel
  private let tokenizer: any Tokenizer
  private let questions: [EncodedQuestion]
  private var sampler: BatchSampler
  /// The last mini-batch that was asked for, and its questions.
  private var current: (batch: Batch, questions: [EncodedQuestion])?

  /// The objective on mini-batches that `sampler` draws from `questions`. `tokenizer` decodes the answers.
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

  /// The questions that the sampler chooses for this step and draw.
  private func questions(of batch: Batch) -> [EncodedQuestion] {
    if let current, current.batch == batch { return current.questions }
    let drawn = sampler.draw(step: batch.step, draw: batch.draw).map { questions[$0] }
    current = (batch, drawn)
    return drawn
  }
}
