import Zeroth
import ZerothSupport

/// How a file of plain text is cut into rows.
public enum PlainRows: String, Sendable, CaseIterable {
  /// Between blank lines.
  case paragraphs
  /// At line ends.
  case lines
  /// The file is one row.
  case file
}

/// The examples of a file, and what was left out of it.
public struct FileExamples: Sendable {
  /// The examples in the order of the file.
  public let examples: [Example]
  /// Whether no row has a label or a gold answer; there are no examples then.
  public let isUnlabelled: Bool
  /// What a user should know of the rows, in words.
  public let notes: [String]
}

extension TextTask {
  /// The examples of the file at `path`. Throws `InputError` naming the file, the line and the field of a bad row, and for a file
  /// without labels.
  public func examples(at path: String) throws -> [Example] { try labelled(at: path).examples }

  /// The same with what was left out.
  public func labelled(at path: String) throws -> FileExamples {
    let found = try rows(at: path)
    guard !found.isUnlabelled else {
      // Where rows have no such column at all, the first of them says which there are.
      let records = try DataFile.records(
        path, names: columnNames, encoding: encoding, plain: plainRows, needsHeader: needsHeader)
      if let first = records.first, !labelColumns.contains(where: { first.fields[$0] != nil }) { _ = try read(first) }
      let what = labelColumns.isEmpty ? "labels or answers" : "labels in \(labelColumns.joined(separator: " or "))"
      throw InputError(path, found: "no \(what) in any row", expected: "rows with one, or the command predict")
    }
    return found
  }

  /// The rows of the file at `path` as examples, or that none of them has a label.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - isAsked: whether labels are left aside, as they are where answers are asked for.
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

  /// The examples at `path`: a folder of train, dev and test files, or one file; those at `testData`, if it is given, take
  /// the place of the test examples there. See ``DataFolder``.
  ///
  /// A test file in which no row has a label, as those of benchmarks are handed around, is left out.
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
