import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// A model set to a task, and the examples encoded for it.
public final class Workbench {
  /// A set of examples.
  public enum Split: String, Sendable, CaseIterable {
    /// What is trained on.
    case train
    /// What checkpoints are chosen by.
    case dev
    /// What is measured at the end, and never used to choose anything.
    case test
  }

  /// The model and how it is asked about the task.
  public let model: any TaskModel
  /// What training minimises.
  public let objective: TaskObjective
  /// The examples in text.
  public let splits: Splits
  /// Where the examples come from and what was left out of their prompts, in words.
  public let notes: [String]
  private let train, dev, test: any EncodedExamples

  /// The task.
  public var task: TextTask { model.task }

  /// Reads the model in `modelPath` (or the embedded one, by its name) and the examples at `data` (or the task's own),
  /// draws train, dev and test by `seed`, and encodes them.
  ///
  /// - Parameters:
  ///   - objective: what training minimises; by default what the papers train the task by.
  ///   - testData: a file or folder whose test examples take the place of those at `data`.
  ///   - size: examples for train and dev; the task's own sizes by default.
  ///   - testCount: the most test examples; the task's own size by default.
  ///   - demonstrations: training examples, drawn by the seed, in front of each prompt of dev and test.
  /// - Throws: `InputError` for anything that cannot be used.
  public init(
    modelPath: String, task: TextTask, objective: TaskObjective? = nil, data: String? = nil, testData: String? = nil,
    size: SplitSize? = nil, testCount: Int? = nil, seed: UInt64, demonstrations count: Int = 0
  ) throws {
    guard !task.metrics.isEmpty, task.metrics.allSatisfy(task.kind.metrics.contains) else {
      throw InputError(
        "task \(task.name): metrics", found: task.metrics.map(\.rawValue).joined(separator: ", "),
        expected: "some of \(task.kind.metrics.map(\.rawValue).joined(separator: ", "))")
    }
    model = try loadTaskModel(directory: Self.modelDirectory(modelPath), task: task)
    self.objective = try model.objective(objective)
    splits = try task.load(data ?? Embedded.data(of: task.name), testData: testData)
      .split(size, test: testCount, seed: seed)
    guard count >= 0, count <= splits.train.count else {
      throw InputError(
        "demonstrations", found: "\(count)", expected: "0 to \(splits.train.count), the training examples there are")
    }
    let demonstrations = Array(splits.train.prefix(count))
    train = try model.encode(splits.train, demonstrations: [])
    dev = try model.encode(splits.dev, demonstrations: demonstrations)
    test = try model.encode(splits.test, demonstrations: demonstrations)
    notes =
      splits.notes
      + [(Split.train, splits.train, train), (.dev, splits.dev, dev), (.test, splits.test, test)].flatMap {
        [length = model.maximalLength] in Self.cutNotes($0, $1, $2.cuts, length)
      }
  }

  /// The examples of `split` in text.
  public func examples(_ split: Split) -> [Example] {
    switch split {
    case .train: splits.train
    case .dev: splits.dev
    case .test: splits.test
    }
  }

  /// The model's answers on `split` at theta.
  public func evaluate(_ split: Split, at theta: borrowing ParameterStore) throws(InputError) -> TaskResult {
    let examples =
      switch split {
      case .train: train
      case .dev: dev
      case .test: test
      }
    return TaskResult(task, try examples.answers(at: theta))
  }

  /// What training minimises, on mini-batches of the training examples that `sampler` draws.
  public func makeObjective(_ sampler: BatchSampler) throws(InputError) -> any Objective {
    try model.makeObjective(objective, on: splits.train, sampler)
  }

  /// What was left out of the prompts of `split`, in words; nothing where all of them fit.
  private static func cutNotes(_ split: Split, _ examples: [Example], _ cuts: [PromptCut], _ length: Int) -> [String] {
    var notes: [String] = []
    let cut = zip(examples, cuts).filter { $0.1.tokens > 0 }
    if let first = cut.first {
      notes.append(
        "\(split): \(cut.count) of \(cuts.count) prompts cut to \(length) tokens, the first of them \(first.0.source)")
    }
    let fewer = cuts.count { $0.demonstrations > 0 }
    if fewer > 0 { notes.append("\(split): \(fewer) of \(cuts.count) prompts have no room for all demonstrations") }
    return notes
  }

  /// The folder that `path` means: itself, or the embedded model when it is called by its name.
  public static func modelDirectory(_ path: String) throws(InputError) -> String {
    if path == Embedded.modelName, !FileManager.default.fileExists(atPath: path) { return try Embedded.model() }
    return path
  }
}

extension RunConfiguration {
  /// The model, tokenizer and examples that the configuration names.
  public func workbench() throws -> Workbench {
    let size: SplitSize =
      switch sample {
      case .perClass(let k): .perClass(k)
      case .total(let train, let dev): .total(train: train, dev: dev)
      }
    return try Workbench(
      modelPath: modelPath, task: task, objective: objective, data: data, testData: testData, size: size,
      testCount: testCount ?? .max, seed: UInt64(splitSeed))
  }
}
