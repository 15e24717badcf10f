import Zeroth
import ZerothModels
import ZerothSupport

/// An answer that a reward is asked for.
public struct RewardedAnswer: Sendable, Hashable {
  /// What the model was asked.
  public let prompt: String
  /// What it said, without what ended it.
  public let answer: String
  /// The row of the data, an object of its columns.
  public let row: JSON
  /// The right answers that the row has; none where the task names no column for them.
  public let gold: [String]

  /// The `answer` to `prompt`, which `row` asks.
  public init(prompt: String, answer: String, row: JSON = .null, gold: [String] = []) {
    self.prompt = prompt
    self.answer = answer
    self.row = row
    self.gold = gold
  }
}

/// What scores the answers of a model: any function of an answer, of which more is better. It needs no gradient.
///
///     let short = Reward("short") { $0.answer.count < 20 ? 1 : 0 }
public struct Reward: Sendable {
  /// What it is called.
  public let name: String
  /// What it computes, in words.
  public let summary: String
  /// The program that it starts, in words; nil where it starts none.
  public let program: String?
  private let score: @Sendable ([RewardedAnswer]) throws -> [Double]

  /// `score` of one answer after another.
  public init(
    _ name: String, summary: String = "a function of one's own",
    _ score: @escaping @Sendable (RewardedAnswer) throws -> Double
  ) {
    self.init(name, summary: summary, ofMany: { try $0.map(score) })
  }

  /// `score` of many answers at once: a number for each, in their order.
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

  /// The rewards of `answers`. Throws `InputError` where they are not as many as the answers, where one is not finite, and for
  /// whatever the function throws.
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

/// How answers are generated whose reward is asked for.
public struct AnswerSampling: Sendable, Hashable {
  /// How a token is chosen.
  public var choice: TokenChoice
  /// The seed of what is drawn. It is the same at every point of a step, so that points differ by their parameters alone.
  public var seed: UInt64

  /// Tokens by `choice`, of which greedy is the default.
  public init(_ choice: TokenChoice = .greedy, seed: UInt64 = 0) {
    self.choice = choice
    self.seed = seed
  }
}
