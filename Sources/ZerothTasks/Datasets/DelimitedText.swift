import Zeroth
import ZerothSupport

/// Rows of cells from comma- and tab-separated text.
enum DelimitedText {
  /// The cells of a row, and the line on which it starts.
  typealias Row = (line: Int, cells: [String])

  /// Rows of tab-separated text in the form of the GLUE files: without quoting, one row in each line.
  static func tabRows(_ file: TextFile) -> [Row] {
    file.lines.map { line in
      (line.number, line.text.split(separator: "\t", omittingEmptySubsequences: false).map(String.init))
    }
  }

  /// Rows of comma-separated text (RFC 4180): cells in quotes may hold commas, line ends and doubled quotes.
  static func commaRows(_ file: TextFile) throws(InputError) -> [Row] {
    let (quote, comma, newline, carriageReturn) =
      (UInt8(ascii: "\""), UInt8(ascii: ","), UInt8(ascii: "\n"), UInt8(ascii: "\r"))
    let bytes = file.bytes
    var rows: [Row] = []
    var cells: [String] = []
    var at = 0
    var line = 1
    var rowLine = 1
    while at < bytes.count {
      var cell: [UInt8] = []
      if bytes[at] == quote {
        let opened = line
        at += 1
        while true {
          guard at < bytes.count else {
            throw InputError(
              "\(file.path) line \(opened)", found: "a quote that is not closed", expected: "a closing \"")
          }
          if bytes[at] == quote {
            guard at + 1 < bytes.count, bytes[at + 1] == quote else { break }
            at += 1
          } else if bytes[at] == newline {
            line += 1
          }
          cell.append(bytes[at])
          at += 1
        }
        at += 1
        if at < bytes.count, ![comma, newline, carriageReturn].contains(bytes[at]) {
          throw InputError("\(file.path) line \(line)", found: "text after a closing quote", expected: "a comma")
        }
      }
      while at < bytes.count, bytes[at] != comma, bytes[at] != newline {
        cell.append(bytes[at])
        at += 1
      }
      let endsRow = at >= bytes.count || bytes[at] == newline
      if endsRow, cell.last == carriageReturn { cell.removeLast() }
      cells.append(String(decoding: cell, as: UTF8.self))
      at += 1
      // A comma at the very end of the file is followed by an empty last cell.
      if !endsRow, at == bytes.count { cells.append("") }
      guard endsRow || at == bytes.count else { continue }
      if cells.count > 1 || !cells[0].trimmed.isEmpty { rows.append((rowLine, cells)) }
      cells = []
      line += 1
      rowLine = line
    }
    return rows
  }

  /// Records from rows. A row that contains one of `names` is a header; without a header there are two columns,
  /// `label, text`.
  static func records(
    _ rows: [Row], in file: TextFile, names: Set<String>, needsHeader: Bool = false
  ) throws(InputError) -> [Record] {
    guard let first = rows.first else { return [] }
    var header = first.cells.map { $0.trimmed }
    var rows = rows[...]
    if isHeader(header, names: names) {
      rows = rows.dropFirst()
    } else {
      guard header.count == 2, !needsHeader else {
        throw InputError(
          "\(file.path) line \(first.line)",
          found: "no column of the task in the first line: \(header.joined(separator: ", ").excerpt)",
          expected: "a header with one of \(names.sorted().joined(separator: ", "))"
            + (needsHeader ? "" : ", or the two columns label, text"))
      }
      header = ["label", "text"]
    }
    if let twice = header.first(where: { name in header.count { $0 == name } > 1 }) {
      throw InputError("\(file.path) line \(first.line)", found: "two columns '\(twice)'", expected: "one")
    }
    // Files of SNLI have the labels of up to five annotators, but the header may name only the first.
    let hidesAnnotators = header.suffix(2) == ["label1", "gold_label"]
    var records: [Record] = []
    for var row in rows {
      if hidesAnnotators, row.cells.count > header.count {
        row.cells.removeSubrange(header.count - 1..<row.cells.count - 1)
      }
      guard row.cells.count == header.count else {
        throw InputError(
          "\(file.path) line \(row.line)", found: "\(row.cells.count) columns", expected: "\(header.count)")
      }
      let fields = zip(header, row.cells).map { ($0, JSON.string($1)) }
      records.append(
        Record(Dictionary(uniqueKeysWithValues: fields), source: Source(file: file.path, line: row.line)))
    }
    return records
  }

  static func isHeader(_ cells: [String], names: Set<String>) -> Bool {
    cells.contains { names.contains($0.trimmed) }
  }
}
