import ZerothStrategies
import ZerothSupport

/// A point in the grid of a sweep: one value for each option.
struct SweepPoint {
  /// The name of the run.
  let name: String
  /// The name of its `[case.NAME]`; nil where the file has no cases.
  let caseName: String?
  /// Its settings.
  let settings: Settings
  /// The index of its seed, and the number of its repetition.
  let seedIndex, repetition: Int

  /// The number that is added to the seed of a run for each earlier repetition.
  static let seedStride = 10_000

  /// Names that no folder of a run can have.
  private static let reserved: Set<String> = [".", "..", "sweep.json", "sweep.toml", "lock"]

  /// All points in the grid of `found`.
  static func all(of found: SweepFile.Case, repeats: Int) -> [SweepPoint] {
    var choices: [[(axis: SweepFile.Axis, index: Int)]] = [[]]
    for axis in found.axes {
      choices = choices.flatMap { chosen in axis.values.indices.map { chosen + [(axis, $0)] } }
    }
    return choices.flatMap { choice in
      (0..<repeats).map { SweepPoint(found, choice, repetition: $0, of: repeats) }
    }
  }

  private init(
    _ found: SweepFile.Case, _ choice: [(axis: SweepFile.Axis, index: Int)], repetition: Int, of repeats: Int
  ) {
    var settings = Settings()
    caseName = found.name
    var words = [found.name].compactMap(\.self)
    var seedWords: [String] = []
    var place = 0
    for (axis, index) in choice {
      let value = axis.values[index]
      settings[axis.table, axis.key] = value
      guard axis.values.count > 1 else { continue }
      switch (axis.table, axis.key) {
      case ("run", "seed"):
        place = index
        seedWords.append("seed=\(value.given)")
      case ("run", "optimizer"): words.append(value.given)
      case (let table, let key): words.append("\(Shortcut.name(of: table, key) ?? "\(table).\(key)")=\(value.given)")
      }
    }
    let seed = settings["run", "seed"] ?? Setting(.typed(.int(0)), origin: "[run] seed")
    if repeats > 1 {
      seedWords.append("repeat=\(repetition + 1)")
      // All repetitions use the examples of the first.
      settings["task", "seed"] = settings["task", "seed"] ?? seed
      if case .typed(.int(let number)) = seed.value {
        settings["run", "seed"] = Setting(.typed(.int(number &+ Self.seedStride * repetition)), origin: seed.origin)
      }
    }
    self.settings = settings.replacing("{seed}", by: seed.given)
    let name = (words + seedWords).joined(separator: ",").asFileName
    // File systems allow names of 255 bytes.
    let short = name.utf8.count > 200 ? "\(name.prefix(180)),\(ContentHash.hex(ContentHash.xxh64(name)))" : name
    // The folder of a sweep has files of its own, and a run has its folder in it.
    self.name = short.isEmpty || Self.reserved.contains(short) ? "run\(short)" : short
    seedIndex = place
    self.repetition = repetition
  }
}
