import Zeroth
import ZerothTasks

/// A data file of any form, behind a line `=== NAME`, read by every task; and the sets drawn from it.
let readData = Reader { input in
  let names = ["txt", "tsv", "csv", "json", "jsonl", "txt.gz", "csv.gz", "data"].map { "examples.\($0)" }
  _ = Scratch.unpack(input, names)
  for name in names where input.dropFirst(4).starts(with: Array((name + "\n").utf8)) {
    var failures = 0
    var last: InputError?
    for task in TaskRegistry.standard.tasks {
      do {
        let data = try task.load(Scratch.path + "/" + name)
        _ = try data.split(seed: 1)
        for example in data.train {
          _ = task.prompt?(example)
          _ = task.candidates(of: example)
        }
      } catch let error as InputError {
        (failures, last) = (failures + 1, error)
      }
    }
    if failures == TaskRegistry.standard.tasks.count, let last { throw last }
  }
}
