import Zeroth
import ZerothModels
import ZerothSupport

/// What a run on a task minimises. Configurations name it: `objective = "cross-entropy"`.
///
/// Your own objective is a function of the scores of the candidates, or any `Objective` that is made from the encoded
/// examples:
///
///     let margin = TaskObjective("margin", "how far the right candidate is behind the best") { scores, label in
///       (scores.max() ?? 0) - scores[scores.startIndex + label]
///     }
///     try toolbox.tasks.add(margin)
public struct TaskObjective: Sendable {
  /// The name, in kebab-case.
  public let name: String
  /// What it is, in words.
  public let summary: String
  /// The kinds of tasks for which it can be used.
  public let kinds: Set<TextTask.Kind>
  let source: Source

  /// What an objective is computed from.
  enum Source: Sendable {
    /// Candidates that are scored by any kind of model.
    case candidates(@Sendable (any ScoredExamples, BatchSampler) -> any Objective)
    /// Sequences for a causal model: right candidates, first gold answers, or whole texts.
    case texts(@Sendable (CausalModel, [LanguageModelingObjective.Sequence], BatchSampler) -> any Objective)
    /// Questions that a causal model answers.
    case questions(@Sendable (CausalModel, any Tokenizer, [EncodedQuestion], BatchSampler) -> any Objective)
    /// Questions whose answers are scored by a reward, and notes of the rewards.
    case rewards(@Sendable (RewardedQuestions, BatchSampler, RewardNotes) -> any Objective)
  }

  init(_ name: String, _ summary: String, _ kinds: Set<TextTask.Kind>, _ source: Source) {
    self.name = name
    self.summary = summary
    self.kinds = kinds
    self.source = source
  }

  /// The mean over a mini-batch of `loss(scores, label)`, for any model that scores candidates. `scores` are those of
  /// an example's candidates, whose softmax gives the probabilities; `label` is the index of the right candidate,
  /// counted from the first.
  ///
  /// `loss` may be any function. Where it is NaN, the step is skipped. An optimiser that uses derivatives accepts the
  /// objective if `slopes` gives those of the loss by the scores.
  public init(
    _ name: String, _ summary: String, loss: @escaping @Sendable (ArraySlice<Double>, Int) -> Double,
    slopes: (@Sendable (ArraySlice<Double>, Int) -> [Double])? = nil
  ) {
    self.init(name, summary) { CandidateObjective($0, $1, loss: loss, slopes: slopes) }
  }

  /// The objective that `make` makes from candidates that a model scores, on the mini-batches of a sampler.
  public init(
    _ name: String, _ summary: String,
    candidates make: @escaping @Sendable (any ScoredExamples, BatchSampler) -> any Objective
  ) {
    self.init(name, summary, [.classification, .multipleChoice], .candidates(make))
  }

  /// The objective that `make` makes from questions that a causal model answers, on the mini-batches of a sampler.
  public init(
    _ name: String, _ summary: String,
    questions make: @escaping @Sendable (CausalModel, any Tokenizer, [EncodedQuestion], BatchSampler) -> any Objective
  ) {
    self.init(name, summary, [.generation, .chat], .questions(make))
  }
}

extension TaskObjective: Hashable {
  /// Whether both have the same name.
  public static func == (a: Self, b: Self) -> Bool { a.name == b.name }
  /// Hashes the name.
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension TaskObjective: CustomStringConvertible {
  /// The name.
  public var description: String { name }
}

extension TaskObjective {
  /// The cross-entropy of the right candidate under the softmax of the candidates' scores: ``ClassificationObjective``.
  public static let crossEntropy = TaskObjective(
    "cross-entropy", "the cross-entropy of the right candidate over the candidates' scores",
    candidates: { ClassificationObjective($0, $1) })
  /// The mean next-token loss of the right candidate, the first gold answer, the assistant's turns or a whole text:
  /// ``LanguageModelingObjective``.
  public static let languageModeling = TaskObjective(
    "language-modeling",
    "the mean next-token loss of the right candidate, the first gold answer, the assistant's turns, or a whole text",
    Set(TextTask.Kind.allCases).subtracting([.reward]), .texts { LanguageModelingObjective($0, $1, $2) })
  /// Minus the share of right predictions, which has no gradient: ``AccuracyObjective``.
  public static let accuracy = TaskObjective(
    "accuracy", "minus the share of right predictions, which has no gradient",
    candidates: { AccuracyObjective($0, $1) })
  /// Minus the F1 of greedily generated answers, which has no gradient: ``F1Objective``.
  public static let f1 = TaskObjective(
    "f1", "minus the F1 of greedily generated answers, which has no gradient",
    questions: { F1Objective($0, $1, $2, $3) })

  /// Minus the mean reward of generated answers, which has no gradient: ``RewardObjective``.
  public static let reward = TaskObjective(
    "reward", "minus the mean reward of generated answers, which has no gradient", [.reward],
    .rewards { RewardObjective($0, $1, $2) })

  /// The objectives of this package.
  public static let standard: [TaskObjective] = [.crossEntropy, .languageModeling, .accuracy, .f1, .reward]
}

extension TextTask {
  /// The objective with which the papers train the task.
  public var defaultObjective: TaskObjective {
    switch kind {
    case .classification: .crossEntropy
    case .reward: .reward
    default: .languageModeling
    }
  }

  /// The objectives of this package that can be used for the task, the default first.
  public var objectives: [TaskObjective] { objectives(among: TaskObjective.standard) }

  /// The objectives of `all` that can be used for the task, the default first.
  public func objectives(among all: [TaskObjective]) -> [TaskObjective] {
    [defaultObjective] + all.filter { $0.kinds.contains(kind) && $0 != defaultObjective }
  }

  /// `wanted`, or by default the objective with which the papers train the task. Throws `InputError` when it does not
  /// fit the task.
  public func objective(_ wanted: TaskObjective?) throws(InputError) -> TaskObjective {
    guard let wanted else { return defaultObjective }
    guard wanted.kinds.contains(kind) else { throw misfit(wanted.name, among: TaskObjective.standard) }
    return wanted
  }

  func misfit(_ name: String, among all: [TaskObjective]) -> InputError {
    InputError(
      "task \(self.name): objective", found: "'\(name)'",
      expected: "\(objectives(among: all).map { "'\($0.name)'" }.joined(separator: ", ")) for \(kind.displayName)")
  }
}

extension TextTask.Kind {
  /// The name of the kind in messages: `a classification`.
  public var displayName: String {
    switch self {
    case .classification: "a classification"
    case .multipleChoice: "a multiple choice"
    case .generation: "a task with generated answers"
    case .chat: "a task of conversations"
    case .text: "a task of plain texts"
    case .reward: "a task with a reward"
    }
  }
}
