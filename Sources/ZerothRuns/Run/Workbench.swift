import Foundation
import Zeroth
import ZerothModels
import ZerothTasks

/// A model with its tokenizer, and the examples of a task encoded for it.
public final class Workbench {
  /// The model.
  public let model: CausalModel
  /// Its tokenizer.
  public let tokenizer: any Tokenizer
  /// The task.
  public let task: TextTask
  /// The examples in text.
  public let splits: Splits
  /// What is trained on.
  public let train: [EncodedExample]
  /// What checkpoints are chosen by.
  public let dev: [EncodedExample]
  /// What is measured at the end.
  public let test: [EncodedExample]

  /// Reads the model in `modelPath` (or the embedded one, by its name) and the examples at `data` (or the task's own),
  /// draws train, dev and test by `seed`, and encodes them with `shots` training examples as demonstrations in front.
  ///
  /// Throws `InputError` for anything that cannot be used.
  public init(
    modelPath: String, task name: String, data: String?, size: SplitSize?, testCount: Int?, seed: UInt64,
    shots: Int = 0
  ) throws {
    task = try TaskRegistry.standard.task(named: name)
    guard task.kind == .classification else {
      throw InputError("task '\(name)'", found: "\(task.kind.rawValue)", expected: "a classification task")
    }
    let directory = try Self.modelDirectory(modelPath)
    model = try CausalModel(directory: directory)
    let tokenizer = try loadTokenizer(directory: directory)
    self.tokenizer = tokenizer
    splits = try task.load(data ?? Embedded.data(of: task.name)).split(size, test: testCount, seed: seed)
    let encoder = try PromptEncoder(task: task, contextLength: model.context) { text, special in
      tokenizer.encode(text, addSpecialTokens: special)
    }
    guard shots >= 0, shots <= splits.train.count else {
      throw InputError(
        "shots", found: "\(shots)", expected: "0 to \(splits.train.count), the training examples there are")
    }
    let demonstrations = Array(splits.train.prefix(shots))
    train = try splits.train.map { try encoder.encode($0) }
    dev = try splits.dev.map { try encoder.encode($0, demonstrations: demonstrations) }
    test = try splits.test.map { try encoder.encode($0, demonstrations: demonstrations) }
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
      modelPath: modelPath, task: task, data: data, size: size, testCount: testCount ?? .max,
      seed: UInt64(splitSeed))
  }
}
