import Foundation
import Zeroth
import ZerothModels
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// What a benchmark of whole steps runs on: a shape and one mini-batch of made tokens.
public struct BenchmarkSetting: Sendable {
  /// What the losses are.
  public enum Loss: String, CaseIterable, Sendable {
    /// The next-token loss over all tokens of `tokens` each.
    case languageModel = "language-model"
    /// Two candidates of one token each after prompts of `tokens` / 2 to `tokens`.
    case classification
  }

  /// The model's shape.
  public let shape: BenchmarkShape
  /// Sequences in the mini-batch.
  public let batch: Int
  /// Tokens of the longest of them.
  public let tokens: Int
  /// What the losses are.
  public let loss: Loss
  /// Options that the estimators of all methods get.
  let estimatorOptions: [String: OptionValue]

  /// Throws `InputError`, which names the option, for an unknown shape or a size out of range. `queries` and `distribution`
  /// are options of the methods' estimators, in place of those that the methods have.
  public init(
    shape: String = "opt-125m", batch: Int = 16, tokens: Int = 64, loss: String = Loss.languageModel.rawValue,
    queries: Int? = nil, distribution: String? = nil
  ) throws(InputError) {
    estimatorOptions = ["queries": queries.map { .int($0) }, "distribution": distribution.map { .string($0) }]
      .compactMapValues { $0 }
    self.shape = try BenchmarkShape.named(shape)
    try require("--batch", batch, "1 to 65536") { (1...65536).contains($0) }
    let context = self.shape.context
    try require("--tokens", tokens, "2 to \(context), the context of \(shape)") { (2...context).contains($0) }
    guard let loss = Loss(rawValue: loss) else {
      throw InputError(
        "--loss", found: "'\(loss)'", expected: Loss.allCases.map(\.rawValue).joined(separator: " or "))
    }
    self.batch = batch
    self.tokens = tokens
    self.loss = loss
  }

  /// The tokens of each sequence.
  var sequences: [[Int]] {
    (0..<batch).map { row in
      let length = loss == .languageModel ? tokens : tokens - row * (tokens / 2) / max(1, batch - 1)
      return (0..<length).map { (row * 104_729 + $0 * 7919 + 11) % shape.vocabulary }
    }
  }

  /// The sequences as prompts, each with the same two candidates.
  var examples: [EncodedExample] {
    sequences.enumerated().map { EncodedExample(prompt: $1, candidates: [[5], [9]], label: $0 % 2) }
  }

  var json: JSON {
    .object(
      [
        .init("shape", .string(shape.name)), .init("batch", .int(batch)), .init("tokens", .int(tokens)),
        .init("loss", .string(loss.rawValue)),
      ]
        + estimatorOptions.sorted { $0.key < $1.key }.map { .init($0.key, JSON($0.value)) })
  }

  /// `opt-125m, 16 x 64 tokens, language-model loss, 2 threads`.
  var text: String {
    let options = estimatorOptions.sorted { $0.key < $1.key }.map { ", \($0.key) \($0.value)" }.joined()
    return "\(shape.name), \(batch) x \(tokens) tokens, \(loss.rawValue) loss\(options), \(Parallel.threads) threads"
  }
}

/// A model with random weights and the objective of a setting.
public final class BenchmarkTask {
  let model: CausalModel
  let objective: any Objective
  var theta: ParameterStore
  private let setting: BenchmarkSetting

  /// Makes the weights from a fixed key.
  public init(_ setting: BenchmarkSetting) throws {
    self.setting = setting
    model = try setting.shape.model()
    let sampler = try BatchSampler(count: setting.batch, size: setting.batch, seed: 0)
    switch setting.loss {
    case .languageModel:
      objective = LanguageModelingObjective(model, setting.sequences.map { .init($0) }, sampler)
    case .classification:
      objective = ClassificationObjective(ScoredCandidates(model, setting.examples), sampler)
    }
    theta = model.randomParameters(StreamKey(seed: 1))
  }

  /// A plain forward pass on the one mini-batch that there is.
  func loss() throws -> Double { try objective.loss(at: theta, on: Batch(step: 0)) }

  /// Writes the model as a folder and the mini-batch with its loss as `batch.json`, for other programs to compute.
  public func save(to directory: String) throws {
    try model.save(theta, to: directory)
    let examples: JSON =
      switch setting.loss {
      case .languageModel: .array(setting.sequences.map { ["tokens": .integers($0)] })
      case .classification:
        .array(
          setting.examples.map { example in
            [
              "tokens": .integers(example.prompt), "candidates": .array(example.candidates.map(JSON.integers)),
              "label": .int(example.label),
            ]
          })
      }
    let file: JSON = [
      "setting": setting.json, "loss_at_theta": .double(try loss()), "examples": examples,
    ]
    try AtomicFile.write(file.pretty, to: directory + "/batch.json")
  }
}

extension JSON {
  fileprivate static func integers(_ values: [Int]) -> JSON { .array(values.map { .int($0) }) }
}
