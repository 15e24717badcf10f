import ZerothRecords
import ZerothSupport

/// A run's `metrics.jsonl`. A row is written as it was read, and a run goes on after any of its steps.
let readMetrics = Reader { input in
  let path = Scratch.file("metrics.jsonl", input)
  let rows = try Metrics.read(path)
  guard !rows.isEmpty else { return }  // Foundation leaks a page with each empty file that it reads
  let copy = Scratch.file("copy.jsonl", Array(rows.map { $0.json.description + "\n" }.joined().utf8))
  let again = mustRead { try Metrics.read(copy) }
  precondition(again.map(\.json) == rows.map(\.json), "other rows are read back")
  let writer = try MetricsWriter(resuming: path, at: rows.count / 2)
  try writer.append(rows[rows.count - 1])
  precondition(mustRead { try Metrics.read(path) }.count == writer.kept.count + 1, "rows are lost")
}
