import ZerothTasks
import ZerothTraining

/// A task in a TOML file with what `explain` shows of it, and a row of a file that it reads: behind `=== rows.jsonl`.
let readTaskFile = Reader { input in
  let task = try TaskRegistry.standard.task(Scratch.file("task.toml", Scratch.unpack(input, ["rows.jsonl"])))
  _ = try task.text()
  _ = try task.json()
  let rows = Scratch.path + "/rows.jsonl"
  _ = try task.rows(at: rows, isAsked: true)
  for example in try task.examples(at: rows) {
    _ = task.prompt?(example)
    _ = task.masked?(example)
    _ = task.candidates(of: example)
  }
}
