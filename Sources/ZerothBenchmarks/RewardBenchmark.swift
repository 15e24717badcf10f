import Zeroth
import ZerothModels
import ZerothSupport
import ZerothTasks

/// The time of a step on a reward. It is compared with the time of the same generations made point by point. The part
/// of the program that scores the answers is measured too.
///
/// A step of LGE with q queries measures 2 q points, and at each point every prompt is answered. When all points are
/// decoded together, the weights are read only once for a token of all of them. For the comparison, 2 q generations
/// follow each other. Each answers the prompts of one point together, at theta.
public final class RewardBenchmark {
  /// The size of the measured step.
  public struct Setting: Sendable {
    /// The number of prompts, the tokens of each prompt, the new tokens behind it, and the directions of a step.
    public let prompts, promptTokens, tokens, queries: Int

    /// A step with `prompts` prompts of `promptTokens` tokens. Each prompt is continued by `tokens` tokens, at two
    /// points along each of `queries` directions.
    public init(prompts: Int = 4, promptTokens: Int = 8, tokens: Int = 16, queries: Int = 8) {
      self.prompts = prompts
      self.promptTokens = promptTokens
      self.tokens = tokens
      self.queries = queries
    }
  }

  private let name: String
  private let setting: Setting
  private let estimator: String
  /// The seconds of the estimate of a step, without its update; of the generations point by point, and of the program within a step.
  public let step, single, program: Spread

  /// Measures the model at `path`, a folder or a GGUF file. The weights are as stored, or in fp32 if `isWidened`.
  /// `estimator` is `lge` or `rge`. The program is in Python and prints the length of each line.
  public init(
    path: String, isWidened: Bool, _ setting: Setting, estimator: String, repeats: Int, families: ModelFamilies
  ) throws {
    guard let model = try loadModel(directory: path, families: families) as? CausalModel else {
      throw InputError("--model", found: "an encoder", expected: "a causal model")
    }
    try require("--repeats", repeats, "1 to 100000") { (1...100_000).contains($0) }
    try require("--prompts", setting.prompts, "at least 1") { $0 >= 1 }
    try require("--prompt-tokens", setting.promptTokens, "at least 1") { $0 >= 1 }
    try require("--queries", setting.queries, "1 to 1024") { (1...1024).contains($0) }
    try require("--tokens", setting.tokens, "1 to \(model.context - setting.promptTokens), what the context leaves") {
      $0 >= 1 && $0 <= model.context - setting.promptTokens
    }
    guard ["lge", "rge"].contains(estimator) else {
      throw InputError("--estimator", found: "'\(estimator)'", expected: "lge or rge")
    }
    name = path
    self.setting = setting
    self.estimator = estimator
    let weights: Held
    if isWidened {
      weights = Held(try model.loadParameters())
    } else {
      weights = Held(try model.loadParameters(storage: .frozen))
    }
    let prompts = (0..<setting.prompts).map { p in
      (0..<setting.promptTokens).map { ($0 * 7919 + p * 104_729 + 11) % model.vocabulary }
    }
    let objective = DecodedReward(
      model: model, tokenizer: try loadTokenizer(directory: path, for: model), prompts: prompts, count: setting.tokens,
      program: RewardProgram(
        ["python3", "-c", "import sys\nfor line in sys.stdin: print(len(line))"], in: "/", limit: 60, subject: "python3"
      ))
    let layout = weights.theta.layout
    let key = StreamKey(seed: 1)
    func measure(_ step: Int) throws {
      var low = LowRankEstimator(queries: Schedule(Double(setting.queries)))
      var dense = RandomizedEstimator(queries: Schedule(Double(setting.queries)))
      let context = StepContext(step: step, runKey: key, layout: layout)
      if estimator == "lge" {
        _ = try low.estimate(at: weights.theta, context: context, objective: objective)
      } else {
        _ = try dense.estimate(at: weights.theta, context: context, objective: objective)
      }
    }
    // This first step starts the program, so it is not counted.
    try measure(0)
    objective.scoring = []
    var steps = 0
    let times = try interleavedTimes(
      repeats,
      [
        {
          steps += 1
          try measure(steps)
        },
        {
          for _ in 0..<(2 * setting.queries) {
            _ = try model.generateGreedily(prompts, count: setting.tokens, at: weights.theta)
          }
        },
      ])
    step = Spread(times[0])
    single = Spread(times[1])
    program = Spread(objective.scoring)
  }

  /// The time of a step over that of its generations point by point.
  public var ratio: Double { step.median / single.median }
  /// The program's share of the time of a step.
  public var share: Double { program.median / step.median }

  /// The result as JSON.
  public var json: JSON {
    .object(
      [
        .init("model", .string(name)), .init("estimator", .string(estimator)), .init("prompts", .int(setting.prompts)),
        .init("prompt_tokens", .int(setting.promptTokens)), .init("tokens", .int(setting.tokens)),
        .init("queries", .int(setting.queries)), .init("threads", .int(Parallel.threads)),
        .init("over_single", .double(ratio)), .init("program_share", .double(share)),
      ] + step.members("step_seconds") + single.members("single_seconds") + program.members("program_seconds"))
  }

  /// The result as a table.
  public var text: String {
    var table = Table([.left(""), .right("seconds")])
    table.rows.append(["a step", step.text(3)])
    table.rows.append(["\(2 * setting.queries) generations one after the other", single.text(3)])
    table.rows.append(["the program in a step", program.text(4)])
    return """
      \(name), \(estimator) with \(setting.queries) queries, \(setting.prompts) prompts of \(setting.promptTokens) tokens, \
      \(setting.tokens) new ones, \(Parallel.threads) threads

      \(table.text)
      a step over the generations one after the other: \(Human.fixed(ratio, 3))
      the program's share of a step: \(Human.percent(share))

      """
  }
}

/// Minus the mean reward that a program gives to the generated answers. All answers have the same number of tokens.
private final class DecodedReward: Objective {
  typealias Failure = InputError
  let model: CausalModel
  let tokenizer: any Tokenizer
  let prompts: [[Int]]
  let count: Int
  let program: RewardProgram
  /// The seconds that the program took, for each request.
  var scoring: [Double] = []

  init(model: CausalModel, tokenizer: any Tokenizer, prompts: [[Int]], count: Int, program: RewardProgram) {
    self.model = model
    self.tokenizer = tokenizer
    self.prompts = prompts
    self.count = count
    self.program = program
  }

  func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    try losses(at: .theta, from: theta, on: batch)[0]
  }

  func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(InputError) -> Few<Double> {
    let generated = try model.generate(prompts, count: count, at: points, from: theta)
    let start = ContinuousClock.now
    let answers = generated.joined().map { RewardedAnswer(prompt: "", answer: tokenizer.decode($0 ?? [])) }
    let rewards = try program.rewards(of: answers)
    scoring.append((ContinuousClock.now - start) / .seconds(1))
    return Few(
      points.indices.map { v in
        -rewards[(v * prompts.count)..<((v + 1) * prompts.count)].reduce(0, +) / Double(prompts.count)
      })
  }
}
