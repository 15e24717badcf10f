import Zeroth
import ZerothModels
import ZerothSupport

/// Questions that a causal model answers, and the reward that scores the answers.
public struct RewardedQuestions {
  private let model: CausalModel
  private let tokenizer: any Tokenizer
  private let reward: Reward
  private let sampling: AnswerSampling
  private let questions: [EncodedQuestion]
  /// What a reward is given for each question, besides the answer.
  private let about: [RewardedAnswer]

  init(
    _ model: CausalModel, _ tokenizer: any Tokenizer, _ reward: Reward, _ sampling: AnswerSampling,
    _ questions: [EncodedQuestion], about: [RewardedAnswer]
  ) {
    self.model = model
    self.tokenizer = tokenizer
    self.reward = reward
    self.sampling = sampling
    self.questions = questions
    self.about = about
  }

  /// The number of questions.
  public var count: Int { questions.count }
  /// What was left out of each prompt so that it fits.
  var cuts: [PromptCut] { questions.map(\.cut) }

  /// The answers of the model to the questions `indices` at each of `points`, point after point; nil where its logits
  /// are not finite. Random choices depend on the seed of the sampling, on `purpose` and on the question, and not on
  /// the point.
  func answers(
    to indices: [Int], at points: Points, from theta: borrowing ParameterStore, for purpose: SamplingPurpose
  ) throws(InputError) -> [[String?]] {
    let end = questions.first?.end ?? AnswerEnd()
    let ends = model.endTokens.union(end.tokens)
    let key = purpose.key(sampling.seed)
    let generated = try model.generate(
      indices.map { questions[$0].prompt }, count: end.length, at: points, from: theta, choosing: sampling.choice,
      keys: indices.map { key.child(.sampling, $0) }
    ) { generated in
      generated.last.map(ends.contains) ?? false
        || (!end.texts.isEmpty && end.cut(tokenizer.decode(generated)) != nil)
    }
    return generated.map { answers in
      answers.map { tokens in
        guard let tokens = tokens?.prefix(while: { !ends.contains($0) }) else { return nil }
        let text = tokenizer.decode(Array(tokens))
        return end.cut(text) ?? text
      }
    }
  }

  /// The reward of each of `answers` to the questions `indices`, point after point; NaN where there is no answer. All
  /// answers are scored at once.
  func rewards(of answers: [[String?]], to indices: [Int]) throws(InputError) -> [[Double]] {
    var asked: [RewardedAnswer] = []
    for point in answers {
      for (index, answer) in zip(indices, point) {
        guard let answer else { continue }
        let about = about[index]
        asked.append(RewardedAnswer(prompt: about.prompt, answer: answer, row: about.row, gold: about.gold))
      }
    }
    var rewards = try reward.rewards(of: asked)[...]
    return answers.map { $0.map { $0 == nil ? .nan : rewards.popFirst() ?? .nan } }
  }
}

/// What answers are sampled for. Each mini-batch has its own random numbers; evaluations always use the same ones.
enum SamplingPurpose {
  case step(Batch)
  case evaluation

  func key(_ seed: UInt64) -> StreamKey {
    let key = StreamKey(seed: seed)
    switch self {
    case .step(let batch): return key.child(.step, batch.step).child(.batch, batch.draw)
    case .evaluation: return key.child(.split)
    }
  }
}

extension AnswerSampling {
  /// How tokens are chosen, in words.
  var words: String {
    guard choice.temperature > 0 else { return "the most likely token each time" }
    let part = choice.topP < 1 ? ", top p \(choice.topP)" : ""
    return "tokens drawn at temperature \(choice.temperature)\(part), seed \(seed)"
  }
}

/// The answers of a model to a set of questions, and their rewards.
public struct RewardResult: Sendable {
  /// The generated answers, without the text or token that ended them; empty where there is none.
  public let answers: [String]
  /// The reward of each answer; NaN where there is no answer. Nil where rewards were not asked for.
  public let rewards: [Double]?
  /// The number of questions without an answer, because the model's logits are not finite.
  public let unanswered: Int

  /// The mean reward of the existing answers; nil where rewards were not asked for.
  public var mean: Double? {
    guard let given = rewards?.filter(\.isFinite) else { return nil }
    return given.isEmpty ? .nan : given.reduce(0, +) / Double(given.count)
  }
}

/// Questions whose generated answers are scored by a reward, all at once.
struct RewardedAnswers: EncodedExamples {
  private let questions: RewardedQuestions
  private let isScored: Bool
  /// The questions that are answered. They keep their numbers, because random choices depend on these.
  private let range: Range<Int>

  /// The answers to the questions of `questions` in `range`, or to all of them; with rewards where `isScored` is true.
  init(_ questions: RewardedQuestions, isScored: Bool, _ range: Range<Int>? = nil) {
    self.questions = questions
    self.isScored = isScored
    self.range = range ?? 0..<questions.count
  }

  var cuts: [PromptCut] { Array(questions.cuts[range]) }

  func part(_ range: Range<Int>) -> (any EncodedExamples)? {
    let first = self.range.lowerBound
    return Self(questions, isScored: isScored, (first + range.lowerBound)..<(first + range.upperBound))
  }

  func answers(at theta: borrowing ParameterStore) throws(InputError) -> TaskResult.Answers {
    let all = Array(range)
    let answers = try questions.answers(to: all, at: .theta, from: theta, for: .evaluation)
    let rewards = isScored ? try questions.rewards(of: answers, to: all)[0] : nil
    return .rewarded(
      RewardResult(answers: answers[0].map { $0 ?? "" }, rewards: rewards, unanswered: answers[0].count { $0 == nil }))
  }
}
