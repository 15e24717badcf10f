import Zeroth
import ZerothModels
import ZerothSupport

/// An answer to be scored by a reward.
public struct RewardedAnswer: Sendable, Hashable {
  /// What the model was asked.
  public let prompt: String
  /// The answer of the model, without the text or token that ended it.
  public let answer: String
  /// The row of the data, as an object of its columns.
  public let row: JSON
  /// The right answers in the row; none where the task names no column for them.
  public let gold: [String]

  /// The answer `answer` to `prompt`, which was made from `row`.
  public init(prompt: String, answer: String, row: JSON = .null, gold: [String] = []) {
    self.prompt = prompt
    self.answer = answer
    self.row = row
    self.gold = gold
  }
}

/// A reward: any function that scores the answers of a model, where more is better. It needs no gradient.
///
///     let short = Reward("short") { $0.answer.count < 20 ? 1 : 0 }
public struct Reward: Sendable {
  /// The name.
  public let name: String
  /// What it computes, in words.
  public let summary: String
  /// The program that it starts, in words; nil where it starts none.
  public let program: String?
  private let score: @Sendable ([RewardedAnswer]) throws -> [Double]

  /// A reward that scores one answer at a time with `score`.
  public init(
    _ name: String, summary: String = "a function of one's own",
    _ score: @escaping @Sendable (RewardedAnswer) throws -> Double
  ) {
    self.init(name, summary: summary, ofMany: { try $0.map(score) })
  }

  /// A reward that scores many answers at once: `score` gives a number for each, in their order.
  public init(
    _ name: String, summary: String = "a function of one's own",
    ofMany score: @escaping @Sendable ([RewardedAnswer]) throws -> [Double]
  ) {
    self.init(name, summary: summary, program: nil, ofMany: score)
  }

  init(
    _ name: String, summary: String, program: String?,
    ofMany score: @escaping @Sendable ([RewardedAnswer]) throws -> [Double]
  ) {
    self.name = name
    self.summary = summary
    self.program = program
    self.score = score
  }

  /// The rewards of `answers`. Throws `InputError` where their number is not that of the answers, where one is not
  /// finite, and for every error of the function.
  public func rewards(of answers: [RewardedAnswer]) throws(InputError) -> [Double] {
    guard !answers.isEmpty else { return [] }
    let rewards: [Double]
    do {
      rewards = try score(answers)
    } catch let error as InputError {
      throw error
    } catch {
      throw InputError("reward '\(name)'", found: "the error \(error)", expected: "a number for each answer")
    }
    guard rewards.count == answers.count else {
      throw InputError(
        "reward '\(name)'", found: "\(rewards.count) rewards", expected: "\(answers.count), one for each answer")
    }
    guard let place = rewards.firstIndex(where: { !$0.isFinite }) else { return rewards }
    throw InputError(
      "reward '\(name)'", found: "\(rewards[place]) for the answer '\(answers[place].answer.excerpt)'",
      expected: "a finite number")
  }
}

/// How the answers are generated that a reward scores.
public struct AnswerSampling: Sendable, Hashable {
  /// How a token is chosen.
  public var choice: TokenChoice
  /// The seed of the random choices. They are the same at all points of a step, so the answers differ only because of
  /// the parameters.
  public var seed: UInt64

  /// Tokens chosen by `choice`, greedily by default.
  public init(_ choice: TokenChoice = .greedy, seed: UInt64 = 0) {
    self.choice = choice
    self.seed = seed
  }
}
