import Foundation
import Zeroth
import ZerothModels
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// The setting of a benchmark of whole steps: a shape and one mini-batch of generated tokens.
public struct BenchmarkSetting: Sendable {
  /// The kinds of loss.
  public enum Loss: String, CaseIterable, Sendable {
    /// The next-token loss over all tokens of sequences that have `tokens` tokens each.
    case languageModel = "language-model"
    /// The loss of a choice between two candidates of one token each. The prompts have `tokens` / 2 to `tokens` tokens.
    case classification
  }

  /// The shape of the model.
  public let shape: BenchmarkShape
  /// The number of sequences in the mini-batch.
  public let batch: Int
  /// The number of tokens of the longest sequence.
  public let tokens: Int
  /// The kind of loss.
  public let loss: Loss
  /// The trained blocks beside the weights, such as LoRA; nil where the model's own blocks are trained.
  public private(set) var tuning: TuningMethod?
  /// The format of frozen matrices, which have random codes; nil for fp32.
  let storage: ElementFormat?
  /// Nil where the matrices are written at every step. Otherwise the matrices are never written, and this is the number
  /// of the window that is measured, counted from 1.
  public private(set) var window: Int?
  /// Whether gradients recompute activations instead of storing them.
  let recomputesActivations: Bool
  /// The options that the estimators of all methods get.
  let estimatorOptions: [String: OptionValue]

  /// Throws an `InputError` that names the option for an unknown shape or a size out of range. `queries`, `rank` and
  /// `distribution` are options of the estimators. They replace the values that the methods have.
  public init(
    shape: String = "opt-125m", batch: Int = 16, tokens: Int = 64, loss: String = Loss.languageModel.rawValue,
    queries: Int? = nil, rank: Int? = nil, distribution: String? = nil, tuning: String? = nil, storage: String? = nil,
    checkpointing: Bool = false, frozen: Bool = false, window: Int? = nil
  ) throws(InputError) {
    recomputesActivations = checkpointing
    switch tuning {
    case nil, "full"?: self.tuning = nil
    case "lora"?: self.tuning = .lora(LoRAConfiguration())
    case "prefix"?: self.tuning = .prefix(tokens: 5)
    case "bitfit"?: self.tuning = .bitfit
    case let other?:
      throw InputError("--tuning", found: "'\(other.excerpt)'", expected: "full, lora, bitfit or prefix")
    }
    guard storage == nil || self.tuning != nil || frozen else {
      throw InputError(
        "--storage", found: "'\(storage ?? "")' without --tuning",
        expected: "it with lora, bitfit or prefix, or with --frozen: quantised matrices are not written")
    }
    guard self.tuning == nil || !frozen else {
      throw InputError(
        "--frozen", found: "it with --tuning", expected: "it alone: what is trained are the model's own blocks")
    }
    guard window == nil || frozen else {
      throw InputError("--window", found: "\(window ?? 0) without --frozen", expected: "--frozen, whose windows add up")
    }
    if let window { try require("--window", window, "1 to 1000") { (1...1000).contains($0) } }
    self.window = frozen ? window ?? 1 : nil
    self.storage = try storage.map { name throws(InputError) in try RandomCodes.format(name) }

    estimatorOptions = [
      "queries": queries.map { .int($0) }, "rank": rank.map { .int($0) },
      "distribution": distribution.map { .string($0) },
    ]
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

  /// The same setting without trained blocks beside the weights, for plain forward passes.
  var untuned: BenchmarkSetting {
    var setting = self
    setting.tuning = nil
    setting.window = nil
    return setting
  }

  /// The same setting with matrices in fp32 that are written at every step; nil where they are quantised.
  var written: BenchmarkSetting? {
    guard storage == nil else { return nil }
    return untuned
  }

  /// The tokens of each sequence.
  var sequences: [[Int]] {
    (0..<batch).map { row in
      let length = loss == .languageModel ? tokens : tokens - row * (tokens / 2) / max(1, batch - 1)
      return (0..<length).map { (row * 104_729 + $0 * 7919 + 11) % shape.vocabulary }
    }
  }

  /// The sequences as prompts. All have the same two candidates.
  var examples: [EncodedExample] {
    sequences.enumerated().map { EncodedExample(prompt: $1, candidates: [[5], [9]], label: $0 % 2) }
  }

  var json: JSON {
    .object(
      [
        .init("shape", .string(shape.name)), .init("batch", .int(batch)), .init("tokens", .int(tokens)),
        .init("loss", .string(loss.rawValue)),
      ]
        + (tuning.map { [.init("tuning", .string($0.name))] } ?? [])
        + (storage.map { [.init("storage", .string($0.rawValue))] } ?? [])
        + (window.map { [.init("window", .int($0))] } ?? [])
        + (recomputesActivations ? [.init("checkpointing", true)] : [])
        + estimatorOptions.sorted { $0.key < $1.key }.map { .init($0.key, JSON($0.value)) })
  }

  /// The setting in words: `opt-125m, 16 x 64 tokens, language-model loss, 2 threads`.
  var text: String {
    let options = estimatorOptions.sorted { $0.key < $1.key }.map { ", \($0.key) \($0.value)" }.joined()
    let kind =
      (tuning.map { ", \($0.name)" } ?? "") + (storage.map { ", \($0.rawValue)" } ?? "")
      + (window.map { ", matrices never written, window \($0)" } ?? "")
      + (recomputesActivations ? ", checkpointing" : "")
    return
      "\(shape.name)\(kind), \(batch) x \(tokens) tokens, \(loss.rawValue) loss\(options), \(Parallel.threads) threads"
  }
}

/// A model with random weights, and the objective of a setting.
public final class BenchmarkTask {
  let model: CausalModel
  let objective: any Objective
  var theta: ParameterStore
  private let setting: BenchmarkSetting

  /// Generates the weights from a fixed key.
  public init(_ setting: BenchmarkSetting) throws {
    self.setting = setting
    model = try setting.shape.model()
    model.recomputesActivations = setting.recomputesActivations
    if let tuning = setting.tuning { try model.attach(.fresh(tuning, StreamKey(seed: 2))) }
    let sampler = try BatchSampler(count: setting.batch, size: setting.batch, seed: 0)
    switch setting.loss {
    case .languageModel:
      objective = LanguageModelingObjective(model, setting.sequences.map { .init($0) }, sampler)
    case .classification:
      objective = ClassificationObjective(ScoredCandidates(model, setting.examples), sampler)
    }
    if let window = setting.window {
      theta = try RandomCodes.base(of: model, setting.storage)
      theta.joinWindows(window - 1, of: StreamKey(seed: 3))
    } else if let storage = setting.storage {
      let tuned = model.folder.tunedLayout
      let isTuned = setting.tuning != nil
      theta = try RandomCodes.parameters(of: model.folder, storage) { isTuned && tuned.blocks[$0.index].isTrainable }
    } else {
      theta = model.randomParameters(StreamKey(seed: 1))
    }
  }

  /// The tokens of each sequence.
  var sequences: [[Int]] { setting.sequences }

  /// The loss of a plain forward pass on the only mini-batch.
  func loss() throws -> Double { try objective.loss(at: theta, on: Batch(step: 0)) }

  /// Writes files from which another program can compute the same loss: the model as a folder, and the mini-batch with
  /// its loss as `batch.json`. An adapter beside the model goes to the folder `adapter` inside, in PEFT's format.
  public func save(to directory: String) throws {
    if model.folder.savesAdapter {
      try BenchmarkTask(setting.untuned).save(to: directory)
      return try model.save(theta, to: directory + "/adapter")
    }
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

extension ParameterStore {
  /// Adds the updates of `count` windows of LGE with rank 2, with one step in each window.
  fileprivate mutating func joinWindows(_ count: Int, of key: StreamKey) {
    for window in 0..<count {
      let probe = LowRankProbe(
        rank: 2, leftKey: key.child(.left, window), rightKey: key.child(.right, window), matrixScale: 0.5)
      add(probe, scale: 1e-7)
    }
  }
}

extension JSON {
  fileprivate static func integers(_ values: [Int]) -> JSON { .array(values.map { .int($0) }) }
}
