import Foundation
import Zeroth
import ZerothStrategies
import ZerothTraining

/// A configuration in TOML, through all checks.
let readTOML = Reader { input in
  try check(try Settings(file: Scratch.file("run.toml", input)))
}

/// The file of a sweep, without its runs.
let readSweep = Reader { input in
  _ = try SweepFile(Scratch.file("sweep.toml", input))
}

/// A run's `run.json`, from which it is resumed and replayed.
let readRunRecord = Reader { input in
  try check(try Settings(ofRun: Scratch.file("run.json", input)))
}

/// A run that `settings` describe is described by its own words too, and has an optimiser.
private func check(_ settings: Settings) throws {
  let configuration = try RunConfiguration(settings)
  let words = configuration.toml
  let again = mustRead { try RunConfiguration(try Settings(toml: words, name: "effective.toml")) }
  precondition(again.toml == words, "an effective configuration reads back as another one")
  precondition(again.identity == configuration.identity, "a run's own words describe another run")
  precondition(!configuration.shortName.contains { $0 == "/" || $0.isNewline }, "a name that is no file's")
  let optimizer = try configuration.makeOptimizer()
  let layout = try ParameterLayout([.init("q", rows: 4, columns: 3, role: "query", layer: 0), .init("b", rows: 3)])
  for step in [0, 1, 99, configuration.steps - 1] { _ = optimizer.forwards(at: step, in: layout) }
}
