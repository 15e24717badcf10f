import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// The answers of a model to the examples of a split, each as a JSON object on a line.
///
///     {"index":0,"file":"test.txt","line":1,"fields":{"sentence":"..."},"candidates":["terrible","great"],
///      "scores":[-0.2,-1.7],"prediction":0,"label":0}
///
/// `scores` are log-probabilities among the candidates. Where they are not finite, `prediction` is null. For a
/// generated answer, `prediction` is a text, and the row has the gold `answers`, `f1` and `exact_match`; an answer that
/// is rewarded has its `reward`. For a known text the row has the `loss`, which is minus its log-probability in nats,
/// and the number of its `tokens`.
public struct Predictions: Sendable {
  /// The rows, in the order of the examples.
  public let rows: [JSON]

  /// The answers in `result` to `examples`.
  public init(_ result: TaskResult, _ examples: [Example]) {
    rows = examples.enumerated().map { index, example in
      .object(Self.place(index, example) + Self.answer(result, index, example))
    }
  }

  private static func answer(_ result: TaskResult, _ index: Int, _ example: Example) -> [JSON.Member] {
    switch result.answers {
    case .candidates(let found):
      [
        .init("candidates", .array(result.task.candidates(of: example).map { .string($0) })),
        .init("scores", .array(found.scores[index].map { .double($0) })),
        .init("prediction", found.predictions[index].map { .int($0) } ?? .null),
        .init("label", .int(found.labels[index])),
      ]
    case .generated(let found):
      [
        .init("prediction", .string(found.answers[index])),
        .init("answers", .array(example.answers.map { .string($0) })),
        .init("f1", .double(found.scores[index].f1)), .init("exact_match", .bool(found.scores[index].exactMatch)),
      ]
    case .rewarded(let found):
      [.init("prediction", .string(found.answers[index]))]
        + (found.rewards.map { [.init("reward", .double($0[index]))] } ?? [])
    case .texts(let found):
      [.init("loss", .double(found.losses[index])), .init("tokens", .int(found.tokens[index]))]
        + (found.answers.map { answer(TaskResult(result.task, .generated($0)), index, example) } ?? [])
    }
  }

  /// The answers in `result` to `examples` whose labels are not known. `prediction` is the name of the class in data
  /// files, the chosen text, or the generated text.
  public init(unlabelled result: TaskResult, _ examples: [Example]) {
    let answers = result.answerTexts(examples)
    rows = examples.enumerated().map { index, example in
      var members = Self.place(index, example)
      if case .candidates(let found) = result.answers {
        members.append(.init("candidates", .array(result.task.candidates(of: example).map { .string($0) })))
        members.append(.init("scores", .array(found.scores[index].map { .double($0) })))
      }
      members.append(.init("prediction", answers[index].map { .string($0) } ?? .null))
      return .object(members)
    }
  }

  private static func place(_ index: Int, _ example: Example) -> [JSON.Member] {
    let fields = example.fields.sorted { $0.key < $1.key }.map { JSON.Member($0.key, .string($0.value)) }
    let messages = example.messages.map { message -> JSON in
      ["role": .string(message.role.rawValue), "content": .string(message.content)]
    }
    return [
      .init("index", .int(index)), .init("file", .string(example.source.file)),
      .init("line", .int(example.source.line)), .init("fields", .object(fields)),
    ] + (messages.isEmpty ? [] : [.init("messages", .array(messages))])
  }

  /// Writes the rows to `path`. A reader sees either the old file or the complete new one.
  public func write(to path: String) throws(InputError) {
    try AtomicFile.write(rows.map { $0.description + "\n" }.joined(), to: path)
  }

  /// Throws `InputError` when `path` cannot be written, or is one of the files `inputs`, which would be lost. It is called
  /// before the work, so that the work is not lost.
  public static func requirePlace(_ path: String, besides inputs: [String?] = []) throws(InputError) {
    for input in inputs.compactMap(\.self) where input.isSameFile(as: path) {
      throw InputError(path, found: "the file '\(input.excerpt)' that is read", expected: "another file")
    }
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard folder.isFolder, FileManager.default.isWritableFile(atPath: folder) else {
      throw InputError(path, found: "no folder to write to", expected: "a file in a folder that is there")
    }
    guard !path.isFolder else {
      throw InputError(path, found: "a folder", expected: "a file to write to")
    }
  }
}
