import Zeroth
import ZerothSupport

/// How a file of plain text is divided into rows.
public enum PlainRows: String, Sendable, CaseIterable {
  /// At blank lines.
  case paragraphs
  /// At line ends.
  case lines
  /// Not at all: the file is one row.
  case file
}

/// The examples of a file, and notes about the rows that were left out.
public struct FileExamples: Sendable {
  /// The examples in the order of the file.
  public let examples: [Example]
  /// Whether no row has a label or a gold answer. There are then no examples.
  public let isUnlabelled: Bool
  /// Sentences that tell a user about the rows.
  public let notes: [String]
}

extension TextTask {
  /// The examples of the file at `path`. Throws an `InputError` that names the file, the line and the field of a row
  /// that cannot be read, and one for a file without labels.
  public func examples(at path: String) throws -> [Example] { try labelled(at: path).examples }

  /// The same, with notes about the rows that were left out.
  public func labelled(at path: String) throws -> FileExamples {
    let found = try rows(at: path)
    guard !found.isUnlabelled else {
      // Where the column of the label does not exist at all, the error lists the columns of the first row.
      let records = try DataFile.records(
        path, names: columnNames, encoding: encoding, plain: plainRows, needsHeader: needsHeader)
      if let first = records.first, !labelColumns.contains(where: { first.fields[$0] != nil }) { _ = try read(first) }
      let what = labelColumns.isEmpty ? "labels or answers" : "labels in \(labelColumns.joined(separator: " or "))"
      throw InputError(path, found: "no \(what) in any row", expected: "rows with one, or the command predict")
    }
    return found
  }

  /// The rows of the file at `path` as examples. Where no row has a label, there are no examples, and the result says
  /// so.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - isAsked: whether labels are ignored, because a model is asked for the answers.
  public func rows(at path: String, isAsked: Bool = false) throws -> FileExamples {
    var records = try DataFile.records(
      path, names: columnNames, encoding: encoding, plain: plainRows, needsHeader: needsHeader)
    if isAsked {
      records = records.map(\.withoutLabels)
    } else if !records.contains(where: isLabelled) {
      return FileExamples(examples: [], isUnlabelled: true, notes: [])
    }
    var examples: [Example] = []
    var skipped: [Source] = []
    for record in records {
      let found = try read(record)
      if found.isEmpty { skipped.append(record.source) }
      examples += found
    }
    guard !examples.isEmpty else { throw InputError(path, found: "no examples of \(name)", expected: "at least one") }
    let note = skipped.first.map {
      "\(skipped.count) of \(records.count) rows of \(path) left out, as they are empty or have no label; the first is line "
        + "\($0.line)"
    }
    return FileExamples(examples: examples, isUnlabelled: false, notes: [note].compactMap(\.self))
  }

  /// The examples at `path`, which is a folder of train, dev and test files, or one file. The examples at `testData`
  /// replace the test examples where it is given. See ``DataFolder``.
  ///
  /// A test file without any label is left out. Benchmarks often publish such files.
  public func load(_ path: String, testData: String? = nil) throws -> TaskData {
    var folder = try DataFolder(path, testData: testData)
    var test = try folder.test.map { try rows(at: $0) }
    var notes: [String] = []
    if test?.isUnlabelled == true, let file = folder.test {
      guard testData == nil else { _ = try labelled(at: file); preconditionFailure("a file without labels is refused") }
      folder = folder.withoutTest
      notes.append(
        "\(file) has no labels and is left out: test comes from \(folder.test ?? folder.train)")
      test = try folder.test.map { try labelled(at: $0) }
    }
    let train = try labelled(at: folder.train)
    let dev = try folder.dev.map { try labelled(at: $0) }
    return TaskData(
      task: self, folder: folder, train: train.examples, dev: dev?.examples, test: test?.examples,
      notes: notes + [train, dev, test].flatMap { $0?.notes ?? [] })
  }
}

extension Record {
  /// The texts of `columns`, each under the first of its names.
  public func texts(_ columns: [[String]]) throws(InputError) -> [String: String] {
    var texts: [String: String] = [:]
    for names in columns { if let name = names.first { texts[name] = try text(names) } }
    return texts
  }
}
