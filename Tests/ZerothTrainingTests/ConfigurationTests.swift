import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothResources

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

@Suite struct ConfigurationTests {
  static let complete = """
    [model]
    path = "models/opt"
    train = "matrices"

    [task]
    name = "sst2"
    data = "data/sst2"
    k = 16
    seed = 13

    [run]
    steps = 1200
    seed = 42
    threads = 2
    out = "runs/a"

    [estimator]
    name = "lge"
    rank = 4
    epsilon = 1

    [rule]
    name = "lozo-m"
    learning-rate = 1e-4
    schedule = "cosine"

    [adapter]
    name = "dizo"
    preset = "released"
    clip = "none"
    bounds-probe = false
    """
  static let short = """
    [model]
    path = "m"
    [task]
    name = "sst2"
    [run]
    optimizer = "lozo"
    steps = 100
    threads = 1
    """

  private func configuration(_ toml: String) throws -> RunConfiguration {
    try RunConfiguration(Settings(toml: toml, name: "a.toml"))
  }

  @Test func aWholeFileIsRead() throws {
    let c = try configuration(Self.complete)
    #expect(c.modelPath == "models/opt" && c.trainable == .matrices)
    #expect(c.task.name == "sst2" && c.data == "data/sst2" && c.sample == .perClass(16) && c.splitSeed == 13)
    #expect(c.testCount == 1000 && c.steps == 1200 && c.batch == 16 && c.evalEvery == 120 && c.threads == 2)
    #expect(c.out == "runs/a" && c.preset == nil)
    #expect(c.composition.seed == 42 && c.composition.generator == "philox4x32")
    #expect(
      c.composition.estimator
        == .init(
          "lge",
          [
            "rank": 4, "interval": 50, "epsilon": 1.0, "queries": 1, "sides": "two-sided", "shaping": "none",
            "combination": "mean",
          ]))
    #expect(
      c.composition.rule
        == .init(
          "lozo-m",
          [
            "learning-rate": 1e-4, "schedule": "cosine", "warmup": 0, "final": 0.0, "schedule-steps": 1200,
            "weight-decay": 0.0, "beta": 0.9, "refresh": "exact",
          ]))
    #expect(c.adapterBlocks == .roles("key", "value"))
    #expect(c.composition.adapter.options["moves"] == 10 && c.composition.adapter.options["clip"] == "none")
    _ = try Registry.standard.makeOptimizer(c.composition, runSteps: c.steps)
  }

  @Test func aPresetFillsTheParts() throws {
    let c = try configuration(Self.short)
    #expect(c.preset == "lozo" && c.composition.estimator.name == "lge" && c.composition.rule.name == "sgd")
    #expect(c.composition.rule.options["learning-rate"] == 5e-5)
    #expect(c.sample == .total(train: 1000, dev: 500) && c.splitSeed == 0 && c.data == nil && c.out == nil)
    #expect(c.shortName == "lozo,task=sst2,steps=100")
    let changed = try configuration(
      Self.short + "\n[estimator]\nrank = 8\n[rule]\nname = \"lozo-m\"\nlearning-rate = 2\n")
    #expect(changed.composition.estimator.options["rank"] == 8)
    #expect(changed.composition.rule.options["learning-rate"] == 2.0)
    #expect(changed.shortName == "lozo,rank=8,rule=lozo-m,learning-rate=2.0,task=sst2,steps=100")
    #expect(c.optimizerName == "lozo" && changed.optimizerName == "lozo,rank=8,rule=lozo-m,learning-rate=2.0")
  }

  /// Whatever a configuration prints is read back as the same one.
  @Test func effectiveConfigurationsReadBack() throws {
    let presets = Registry.standard.descriptions(of: .optimizer).map { preset in
      Self.short.replacingOccurrences(of: "\"lozo\"", with: "\"\(preset.name)\"") + "\n[rule]\nlearning-rate = 3e-7\n"
    }
    let strange = Self.short.replacingOccurrences(of: "\"m\"", with: #""a \"b\" \\ \n\t ü \u0001""#)
    for toml in [Self.complete, strange] + presets {
      let c = try configuration(toml)
      let again = try configuration(c.toml)
      #expect(again.toml == c.toml && again.composition == c.composition && again.shortName == c.shortName)
      let data = Data(c.json.pretty.utf8)
      let json = try RunConfiguration(Settings(json: JSON(parsing: data, subject: "run.json"), name: "run.json"))
      #expect(json.toml == c.toml && json.composition == c.composition && json.identity == c.identity)
      #expect(try JSONSerialization.jsonObject(with: data) is [String: [String: Any]])
    }
    #expect(try configuration(strange).modelPath == "a \"b\" \\ \n\t ü \u{1}")
  }

  /// Paths, threads and the number of steps are not part of what a trajectory belongs to; all else is.
  @Test func identityLeavesOutWhatChangesNothing() throws {
    var settings = try Settings(toml: Self.short, name: "a.toml")
    let identity = try RunConfiguration(settings).identity
    for same in [
      "run.threads=7", "run.steps=200", "run.eval-every=3", "model.path=elsewhere", "run.out=x", "task.data=y",
    ] {
      var other = settings
      try other.set(same)
      #expect(try RunConfiguration(other).identity == identity, "\(same)")
    }
    for other in [
      "run.seed=1", "run.batch=8", "task.k=4", "estimator.rank=3", "model.train=matrices", "run.generator=mt19937",
    ] {
      var changed = settings
      try changed.set(other)
      #expect(try RunConfiguration(changed).identity != identity, "\(other)")
    }
    try settings.set("rule.schedule=linear")
    let falling = try RunConfiguration(settings).identity
    try settings.set("run.steps=300")
    #expect(try RunConfiguration(settings).identity != falling)
  }

  @Test func overridesAndShortcutsReplaceWhatTheFileSays() throws {
    var settings = try Settings(toml: Self.complete, name: "a.toml")
    try settings.set("estimator.rank=1")
    try settings.set("run.out=a=b")
    for (name, text) in [
      ("epsilon", "1e-2"), ("nu", "7"), ("queries", "2"), ("beta", "0.5"), ("kappa", "9"), ("tau", "0.25"),
      ("learning-rate", "2e-5"), ("steps", "10"), ("k", "8"), ("model", "other"), ("train-blocks", "query"),
    ] { try settings.set(shortcut: name, to: text) }
    let c = try RunConfiguration(settings)
    #expect(c.composition.estimator.options["rank"] == 1 && c.composition.estimator.options["interval"] == 7)
    #expect(c.composition.estimator.options["epsilon"] == 1e-2 && c.composition.estimator.options["queries"] == 2)
    #expect(c.composition.rule.options["beta"] == 0.5 && c.composition.rule.options["learning-rate"] == 2e-5)
    #expect(c.composition.adapter.options["interval"] == 9 && c.composition.adapter.options["clip"] == 0.25)
    #expect(c.steps == 10 && c.sample == .perClass(8) && c.modelPath == "other" && c.out == "a=b")
    #expect(c.trainable == .roles("query"))
  }

  @Test func everyShortcutNamesAnOption() {
    for shortcut in Shortcut.all {
      let kind = StrategyDescription.Kind(rawValue: shortcut.table)
      let options =
        RunSettings.options(of: shortcut.table)
        ?? kind.map { Registry.standard.descriptions(of: $0).flatMap(\.options) } ?? []
      #expect(shortcut.key == "name" || options.contains { $0.name == shortcut.key }, "\(shortcut.names)")
    }
    let names = Shortcut.all.flatMap(\.names)
    #expect(Set(names).count == names.count)
  }

  /// What is wrong, and the whole sentence that says so. `+` appends to the short file, `-` replaces the preset.
  static let errors: [(toml: String, sentence: String)] = [
    (
      "[estimator]\nrang = 4",
      "a.toml: [estimator] rang: found an option that estimator 'lge' does not have, expected perhaps 'rank', "
        + "one of rank, interval, epsilon, queries, sides, shaping, clip-limit, combination"
    ),
    (
      "[estimator]\ncoordinates = 4",
      "a.toml: [estimator] coordinates: found an option that estimator 'lge' does not have, expected estimator cge "
        + "for it, or one of rank, interval, epsilon, queries, sides, shaping, clip-limit, combination"
    ),
    ("[estimator]\nrank = \"4\"", "a.toml: [estimator] rank: found '4', expected an integer, 1 to 65535"),
    ("[estimator]\nrank = 4.0", "a.toml: [estimator] rank: found 4.0, expected an integer, 1 to 65535"),
    ("[estimator]\nrank = 0", "a.toml: [estimator] rank: found 0, expected an integer, 1 to 65535"),
    ("[estimator]\nrank = [4]", "a.toml: [estimator] rank: found a TOML array, expected an integer, 1 to 65535"),
    ("[estimator.rank]\na = 4", "a.toml: [estimator] rank: found a TOML table, expected an integer, 1 to 65535"),
    ("[estimator]\nrank = 1979-05-27", "a.toml: [estimator] rank: found a TOML date, expected an integer, 1 to 65535"),
    (
      "[estimator]\nepsilon = nan",
      "a.toml: [estimator] epsilon: found nan, expected a number or a schedule, above 0, in fp32 (1.2e-38 to 3.4e38)"
    ),
    (
      "[estimator]\nepsilon = inf",
      "a.toml: [estimator] epsilon: found inf, expected a number or a schedule, above 0, in fp32 (1.2e-38 to 3.4e38)"
    ),
    (
      "[estimator]\nepsilon = true",
      "a.toml: [estimator] epsilon: found true, expected a number or a schedule, above 0, in fp32 (1.2e-38 to 3.4e38)"
    ),
    (
      "[estimator]\nsides = \"two\"",
      "a.toml: [estimator] sides: found 'two', expected one of two-sided, one-sided"
    ),
    (
      "[estimator]\nname = \"lqe\"",
      "a.toml: [estimator] name: found no estimator called 'lqe', expected perhaps 'lge', one of rge, lge, cge, gradient, forward-gradient, low-rank-forward-gradient"
    ),
    ("[estimator]\nname = 3", "a.toml: [estimator] name: found 3, expected a text"),
    (
      "[estimator]\nname = \"rge\"\n[rule]\nname = \"lozo-m\"\nlearning-rate = 1",
      "rule 'lozo-m' with estimator 'rge': found an estimator that produces directions without a common V, "
        + "expected low-rank directions, as estimators lge, low-rank-forward-gradient have"
    ),
    (
      "[rule]\nfinal = 0.5",
      "a.toml: [rule] final: found 0.5, which has no effect here, expected it only with schedule = linear or cosine"
    ),
    (
      "[rule]\nname = \"momentum\"",
      "rule 'momentum': option 'learning-rate': found nothing, expected a number, at least 0"
    ),
    (
      "[adapter]\nname = \"dizo\"\nblocks = \"query;value\"",
      "a.toml: [adapter] blocks: found 'query;value', expected a block selection (such as 'query,value', 'all', "
        + "'layers:0-3', 'name:*.fc1.*')"
    ),
    (
      "[adapter]\nname = \"dizo\"\nmoves = 4611686018427387904",
      "a.toml: [adapter] moves: found 4611686018427387904, expected an integer, 1 to 65535"
    ),
    (
      "[estimator]\nqueries = 2147483648",
      "a.toml: [estimator] queries: found 2147483648, expected an integer or a schedule, 1 to 65535"
    ),
    (
      "[adapter]\ninterval = 3",
      "a.toml: [adapter] interval: found an option that adapter 'none' does not have, "
        + "expected adapter dizo or learning-rate-scaling or previous-iterate for it"
    ),
    (
      "[optimiser]\nname = 1",
      "a.toml: table [optimiser]: found no table called 'optimiser', "
        + "expected one of model, tuning, task, run, estimator, rule, adapter"
    ),
  ]

  @Test(arguments: errors) func aWrongFileIsOneSentence(_ toml: String, _ sentence: String) {
    #expect(inputError { _ = try configuration(Self.short + "\n" + toml + "\n") }?.description == sentence)
  }

  @Test func theTaskFillsItsTable() throws {
    func task(_ name: String) throws -> RunConfiguration {
      try configuration(Self.short.replacingOccurrences(of: "sst2", with: name))
    }
    #expect(
      try task("cb").sample == .total(train: 150, dev: 100) && task("copa").sample == .total(train: 300, dev: 100))
    #expect(try task("cb").objective == .crossEntropy && task("copa").objective == .languageModeling)
    #expect(try task("copa").toml.contains("objective = \"language-modeling\""))
    #expect(inputError { _ = try task("sst3") }?.subject == "task")
  }

  @Test func otherErrorsNameTheirPlace() throws {
    func sentence(_ toml: String) -> String? { inputError { _ = try configuration(toml) }?.description }
    #expect(
      sentence("steps = 3")
        == "a.toml: key 'steps': found a key outside the tables, expected it under a table: "
        + "[model], [tuning], [task], [run], [estimator], [rule], [adapter]")
    #expect(sentence("[run]\nsteps = = 3")?.hasPrefix("a.toml:2:") == true)
    #expect(sentence("[run]\nsteps = 99999999999999999999")?.hasPrefix("a.toml:2:") == true)
    #expect(sentence("") == "[run]: option 'steps': found nothing, expected an integer, at least 1")
    #expect(sentence("[run]\nsteps=1\n[task]\nname=\"cb\"")?.hasPrefix("[model]: option 'path': found nothing") == true)
    #expect(
      sentence("[run]\nsteps=1\n[task]\nname=\"cb\"\n[model]\npath=\"m\"")?.hasPrefix(
        "[estimator] name: found nothing, and no optimizer in [run]") == true)
    #expect(
      sentence("[run]\nsteps=1\nk = 3")
        == "a.toml: [run] k: found an option that [run] does not have, expected it in [task], or one of "
        + RunSettings.run.map(\.name).joined(separator: ", "))
    #expect(
      sentence(Self.complete.replacingOccurrences(of: "k = 16", with: "k = 16\ntrain = 3"))
        == "a.toml: [task] train: found 3, which has no effect here, "
        + "expected it only with no k, which counts examples of each class")
    #expect(
      sentence(Self.short.replacingOccurrences(of: "lozo", with: "lozzo"))?.hasPrefix(
        "a.toml: [run] optimizer: found no optimizer called 'lozzo', expected perhaps 'lozo'") == true)
    #expect(
      sentence(Self.short + "\ngenerator = \"mt1993\"\n")?.hasPrefix(
        "a.toml: [run] generator: found 'mt1993', expected perhaps 'mt19937', one of philox4x32, ") == true)
    #expect(
      sentence(Self.short.replacing("threads = 1", with: "threads = 65"))
        == "a.toml: [run] threads: found 65, expected an integer, 1 to 64")
    #expect(sentence(Self.short + "\nseed = -1\n") == "a.toml: [run] seed: found -1, expected an integer, at least 0")
  }

  @Test func wrongOverridesNameTheOption() throws {
    let settings = try Settings(toml: Self.short, name: "a.toml")
    func sentence(_ change: (inout Settings) throws -> Void) -> String? {
      inputError {
        var settings = settings
        try change(&settings)
        _ = try RunConfiguration(settings)
      }?.description
    }
    for wrong in ["", "rank", "rank=4", "=4", ".=4", "estimator.=4", ".rank=4", "estimator=4.5"] {
      #expect(
        sentence { try $0.set(wrong) }
          == "--set \(wrong): found '\(wrong)', expected TABLE.KEY=VALUE, such as estimator.rank=4")
    }
    #expect(sentence { try $0.set("estimater.rank=4") }?.contains("expected perhaps 'estimator'") == true)
    #expect(
      sentence { try $0.set("estimator.rank=four") }
        == "--set estimator.rank=four: found 'four', expected an integer, 1 to 65535")
    #expect(
      sentence { try $0.set(shortcut: "kappa", to: "5") }
        == "--kappa: found an option that adapter 'none' does not have, "
        + "expected adapter dizo or learning-rate-scaling or previous-iterate for it")
    #expect(
      sentence { try $0.set(shortcut: "beta", to: "0.5") }
        == "--beta: found an option that rule 'sgd' does not have, expected rule momentum or lozo-m or adam for it, "
        + "or one of learning-rate, schedule, warmup, final, schedule-steps, schedule-drops, weight-decay")
    #expect(sentence { try $0.set(shortcut: "epsilom", to: "1") }?.contains("perhaps 'epsilon'") == true)
    #expect(
      sentence { try $0.set(shortcut: "epsilon", to: "nan") }
        == "--epsilon: found 'nan', expected a number or a schedule, above 0, in fp32 (1.2e-38 to 3.4e38)")
  }

  @Test func unreadableFilesAreNamed() throws {
    try withFolder { folder in
      let path = folder + "/a.toml"
      #expect(inputError { _ = try Settings(file: path) }?.subject == path)
      for bytes in [Data([0xFF, 0xFE]), Data("a = 1\u{0}".utf8), Data(repeating: 32, count: 1 << 20 + 1)] {
        try bytes.write(to: URL(fileURLWithPath: path))
        #expect(inputError { _ = try Settings(file: path) }?.subject == path)
      }
      try Data(String(repeating: "[", count: 100_000).utf8).write(to: URL(fileURLWithPath: path))
      #expect(inputError { _ = try Settings(file: path) } != nil)
      try Data("a = \(String(repeating: "[", count: 100_000))".utf8).write(to: URL(fileURLWithPath: path))
      #expect(inputError { _ = try Settings(file: path) } != nil)
    }
  }

  /// Whatever a file holds, it ends in a configuration or in an error, and never in a crash.
  @Test func damagedFilesEndInErrors() throws {
    var stream = RandomStream(StreamKey(seed: 1))
    let bytes = Array(Self.complete.utf8)
    let rounds = ProcessInfo.processInfo.environment["ZEROTH_FUZZ"].flatMap { Int($0) } ?? 3000
    let special = Array("[]{}=.,\"'#-+_:\\ \n\t0e\u{FEFF}\u{A0}\r\u{2028}".utf8)
    for _ in 0..<rounds {
      var damaged = bytes
      for _ in 0...stream.below(4) {
        let at = stream.below(damaged.count)
        let byte = stream.below(3) > 0 ? special[stream.below(special.count)] : UInt8(1 + stream.below(255))
        switch stream.below(4) {
        case 0: damaged[at] = byte
        case 1: damaged.insert(contentsOf: repeatElement(byte, count: 1 + stream.below(3)), at: at)
        case 2: damaged.removeSubrange(at..<min(damaged.count, at + 1 + stream.below(20)))
        default: damaged.insert(contentsOf: bytes[..<stream.below(bytes.count)].suffix(20), at: at)
        }
      }
      if stream.below(3) == 0 {
        damaged = (0..<(1 + stream.below(24))).map { _ in special[stream.below(special.count)] }
      }
      do {
        _ = try RunConfiguration(Settings(toml: String(decoding: damaged, as: UTF8.self), name: "a.toml"))
      } catch {
        #expect(!error.found.isEmpty)
      }
    }
  }

  @Test(arguments: ["[=]", "[[[", "[", "[ ", " [!", "\u{FEFF}[=]", "[[a]]\n[[=", "[\u{A0}=]", "a = 1\r[=]", "\u{A0}[?"])
  func headersWithoutAKeyAreRefused(_ toml: String) {
    #expect(inputError { _ = try Settings(toml: toml, name: "a.toml") } != nil)
  }

  @Test(arguments: [
    "\na = 1979-05-27T*7:32:00Z", "\na = 1979-05-27 ", "'#' = '\\'\na = 1979-05-27tx", "\na = {b = [1979-05-27T:1]}",
    "# \"\"\"\na = [\"\"\"\"b\"\"\"\", 1979-05-27T*]", "\"\\\"\" = 1\na = 1979-05-27T",
    "\na = ['''b \"'''', 1979-05-27T*]", "\neps = 3958-05-=9 9 i ", "\na = 1_979-\"5-09 9 ", "'' = 1\n3=[1979-05-27 1]",
    "3=\"\"\"\"\"\"\na = 1979-05-27 1 # \"\"\"", "\na = [11,}", "a = [ # [\n,1]", "\na = [\u{A0}}",
  ])
  func valuesThatEndTheProcessAreRefused(_ toml: String) {
    #expect(inputError { _ = try Settings(toml: toml, name: "a.toml") }?.subject == "a.toml:2")
  }

  @Test func textsMayHoldDates() throws {
    let dates = "out = \"runs/2024-01-02 a\" # 2024-01-02 b\n[task]\ndata = '''2024-01-02 c\\'''\n"
    let settings = try Settings(toml: "[run]\n" + dates, name: "a.toml")
    #expect(settings["run", "out"]?.value == .typed("runs/2024-01-02 a"))
    #expect(settings["task", "data"]?.value == .typed("2024-01-02 c\\"))
  }

  @Test func settingsComeFromCodeToo() throws {
    let settings = try Settings([
      "model": ["path": "m"], "task": ["name": "sst2"], "run": ["optimizer": "mezo", "steps": 5],
      "rule": ["learning-rate": 1],
    ])
    #expect(try RunConfiguration(settings).composition.rule.options["learning-rate"] == 1.0)
    #expect(inputError { _ = try Settings(["rum": ["steps": 1]]) }?.expected.contains("perhaps 'run'") == true)
  }

  /// A name of an earlier version is refused, wherever it stands, and the error says the new one.
  @Test func formerNamesAreRefusedWithTheNewOne() throws {
    func sentence(_ configuration: () throws -> Void) -> String? { inputError(configuration)?.description }
    func set(_ assignments: String...) throws {
      var settings = try Settings(toml: Self.complete, name: "a.toml")
      for assignment in assignments { try settings.set(assignment) }
      _ = try RunConfiguration(settings, Registry.withPlugins())
    }
    func refused(_ origin: String, _ former: String, _ name: String) -> String {
      "\(origin): found '\(former)', the former name of an option, expected its new name, '\(name)'"
    }
    for (option, former, name) in [
      ("estimator.smoothing", "smoothing", "epsilon"), ("adapter.smoothing", "smoothing", "epsilon"),
      ("rule.decay", "decay", "beta"),
    ] {
      #expect(sentence { try set("\(option)=0.5") } == refused("--set \(option)=0.5", former, name))
    }
    for rule in ["adam", "scalar-adam"] {
      #expect(
        sentence { try set("rule.name=\(rule)", "rule.second-decay=0.5") }
          == refused("--set rule.second-decay=0.5", "second-decay", "beta2"))
    }
    #expect(
      sentence { _ = try configuration(Self.short + "\n[estimator]\nsmoothing = 1e-3\n") }
        == refused("a.toml: [estimator] smoothing", "smoothing", "epsilon"))
    #expect(
      sentence {
        let composition = Composition(
          estimator: .init("rge", ["smoothing": 1e-3]), rule: .init("sgd", ["learning-rate": 1.0]))
        _ = try Registry.standard.makeOptimizer(composition, runSteps: 1)
      } == refused("estimator.smoothing", "smoothing", "epsilon"))
    let record = try configuration(Self.short).json.pretty.replacingOccurrences(
      of: "\"epsilon\"", with: "\"smoothing\"")
    #expect(
      sentence {
        let json = try JSON(parsing: Data(record.utf8), subject: "run.json")
        _ = try RunConfiguration(Settings(json: json, name: "run.json"))
      } == refused("run.json: estimator.smoothing", "smoothing", "epsilon"))
  }
}
