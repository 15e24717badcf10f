import Foundation
import Zeroth
import ZerothSupport

/// The formats of data files that can be read.
public enum DataFormat: String, Sendable, CaseIterable {
  /// A label and a text in each line, `label text`, as in the usual files of SST and TREC.
  case labelledLines
  /// Tab-separated columns with a header, without quoting.
  case tsv
  /// Comma-separated columns (RFC 4180).
  case csv
  /// A JSON object in each line.
  case jsonLines
  /// One JSON object, or an array of them.
  case json

  /// The endings of data files, before a possible `.gz`.
  static let extensions: Set<String> = ["txt", "tsv", "csv", "jsonl", "json"]

  /// The format of `file`, by its name, or else by its first line.
  init(of file: TextFile, names: Set<String>) throws(InputError) {
    let first = file.firstLine
    let tabs = first.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    let looksLikeTable = tabs.count > 1 && DelimitedText.isHeader(tabs, names: names)
    let word = first.prefix { !$0.isWhitespace }
    switch Self.stem(of: file.path).ending {
    case "tsv": self = .tsv
    case "csv": self = .csv
    case "jsonl": self = .jsonLines
    case "json": self = file.bytes.count > first.utf8.count + 2 && Self.isWholeObject(first) ? .jsonLines : .json
    case "txt" where !looksLikeTable: self = .labelledLines
    case _ where first.hasPrefix("{") || first.hasPrefix("["):
      self = Self.isWholeObject(first) ? .jsonLines : .json
    case _ where looksLikeTable: self = .tsv
    case _ where DelimitedText.isHeader(first.split(separator: ",").map(String.init), names: names): self = .csv
    case _ where word.count < first.count && (Int(word) != nil || word.contains(":")): self = .labelledLines
    default:
      throw InputError(
        file.path, found: first.isEmpty ? "an empty file" : "a first line '\(first.prefix(40))' of no known form",
        expected: "lines of 'label text', TSV, CSV, JSON or JSONL")
    }
  }

  /// The name of a file without folders, `.gz` and ending, and its ending, both in lower case.
  static func stem(of path: String) -> (name: String, ending: String) {
    var url = URL(fileURLWithPath: path)
    if url.pathExtension.lowercased() == "gz" { url = url.deletingPathExtension() }
    return (url.deletingPathExtension().lastPathComponent.lowercased(), url.pathExtension.lowercased())
  }

  private static func isWholeObject(_ line: String) -> Bool {
    (try? JSON(parsing: line, subject: ""))?.members != nil
  }
}

/// Reads data files of any of these formats into records.
public enum DataFile {
  /// The records of the file at `path`.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - names: the columns that a task reads, by which a table's header is recognised.
  ///   - encoding: what the bytes may be.
  ///   - plain: how a file of plain text (`.txt`) is cut into rows of a column `text`; nil where its lines are a label and a
  ///     text.
  ///   - needsHeader: whether a table without a header that has one of `names` is refused; otherwise its two columns are a label
  ///     and a text.
  /// - Throws: `InputError` naming the file and the line, also when there is no record.
  public static func records(
    _ path: String, names: Set<String>, encoding: TextEncoding = .utf8, plain: PlainRows? = nil,
    needsHeader: Bool = false
  ) throws(InputError) -> [Record] {
    try records(TextFile(path: path, encoding: encoding), names: names, plain: plain, needsHeader: needsHeader)
  }

  static func records(
    _ file: TextFile, names: Set<String>, plain: PlainRows? = nil, needsHeader: Bool = false
  ) throws(InputError) -> [Record] {
    if let plain, DataFormat.stem(of: file.path).ending == "txt" {
      let records = plainRows(file, plain)
      guard !records.isEmpty else { throw InputError(file.path, found: "no text", expected: "at least one line") }
      return records
    }
    let records: [Record] =
      switch try DataFormat(of: file, names: names) {
      case .labelledLines: labelledLines(file)
      case .tsv:
        try DelimitedText.records(DelimitedText.tabRows(file), in: file, names: names, needsHeader: needsHeader)
      case .csv:
        try DelimitedText.records(try DelimitedText.commaRows(file), in: file, names: names, needsHeader: needsHeader)
      case .jsonLines: try jsonLines(file)
      case .json: try json(file)
      }
    guard !records.isEmpty else { throw InputError(file.path, found: "no examples", expected: "at least one") }
    return records
  }

  /// The texts as records with a field `text`, each with the number of its first line.
  private static func plainRows(_ file: TextFile, _ rows: PlainRows) -> [Record] {
    var texts: [(line: Int, text: String)] = []
    switch rows {
    case .file: texts = [(1, String(decoding: file.bytes, as: UTF8.self))]
    case .lines: texts = file.lines.map { ($0.number, $0.text) }
    case .paragraphs:
      var last = 0
      for line in file.lines {
        if line.number == last + 1, !texts.isEmpty {
          texts[texts.count - 1].text += "\n" + line.text
        } else {
          texts.append((line.number, line.text))
        }
        last = line.number
      }
    }
    return texts.filter { !$0.text.trimmed.isEmpty }.map { line, text in
      Record(["text": .string(text)], source: Source(file: file.path, line: line))
    }
  }

  private static func labelledLines(_ file: TextFile) -> [Record] {
    file.lines.map { line in
      let text = line.text.trimmed
      let label = text.prefix { !$0.isWhitespace }
      return Record(
        ["label": .string(String(label)), "text": .string(text.dropFirst(label.count).trimmed)],
        source: Source(file: file.path, line: line.number))
    }
  }

  private static func jsonLines(_ file: TextFile) throws(InputError) -> [Record] {
    var records: [Record] = []
    for line in file.lines {
      let source = Source(file: file.path, line: line.number)
      let value = try JSON(parsing: line.text, subject: "\(source)")
      guard let fields = try value.fields(of: "\(source)") else {
        throw InputError("\(source)", found: "'\(line.text.prefix(40))'", expected: "a JSON object in the line")
      }
      records.append(Record(fields, source: source))
    }
    return records
  }

  private static func json(_ file: TextFile) throws(InputError) -> [Record] {
    let value = try JSON(parsing: Data(file.bytes), subject: file.path)
    // The lines of the values in one JSON document are not known, so all its records are said to be on line 1.
    let top = Record(["": value], source: Source(file: file.path, line: 1))
    if let fields = try value.fields(of: file.path) { return [Record(fields, source: top.source)] }
    return try top.objects("")
  }
}
