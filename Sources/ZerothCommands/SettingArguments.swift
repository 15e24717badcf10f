import ArgumentParser
import ZerothStrategies
import ZerothSupport
import ZerothTraining

/// The value of a shortcut as it was typed. A shortcut is a short command-line option for an option of the
/// configuration. The configuration gives the value its type and checks it, as it does with values from a file.
struct ShortcutValue: Sendable {
  /// The shortcut, which names the option of the configuration.
  let shortcut: Shortcut
  /// The value as it was typed.
  let text: String
}

extension Option where Value == ShortcutValue? {
  /// The option for the shortcut called `name`. The shortcut supplies its other names, its help and its completions.
  init(shortcut name: String) {
    let shortcut = Shortcut.named(name)
    let toolbox = ZerothTool.toolbox
    // A value may begin with a hyphen, as in -1.
    self.init(
      name: .init(shortcut.names.map { .customLong($0) }), parsing: .unconditional,
      help: ArgumentHelp(stringLiteral: shortcut.help(toolbox)), completion: shortcut.completion(toolbox),
      transform: { ShortcutValue(shortcut: shortcut, text: $0) })
  }
}

/// A group of command-line options that are all shortcuts.
protocol ShortcutArguments: ParsableArguments {}

extension ShortcutArguments {
  /// The shortcuts that were given, with their values.
  var given: [ShortcutValue] {
    Mirror(reflecting: self).children.compactMap { ($0.value as? Option<ShortcutValue?>)?.wrappedValue }
  }
}

/// The shortcuts for options of [model].
struct ModelArguments: ShortcutArguments {
  @Option(shortcut: "model") var model: ShortcutValue?
  @Option(shortcut: "train-blocks") var trainBlocks: ShortcutValue?
  @Option(shortcut: "tuning") var tuning: ShortcutValue?
  @Option(shortcut: "peft") var peft: ShortcutValue?
  @Option(shortcut: "activation-memory") var activationMemory: ShortcutValue?
}

extension Flag where Value == Bool {
  /// The flag for the shortcut called `name`, which is a switch.
  init(wrappedValue: Bool, shortcut name: String) {
    let shortcut = Shortcut.named(name)
    self.init(
      wrappedValue: wrappedValue, name: .init(shortcut.names.map { .customLong($0) }),
      help: ArgumentHelp(stringLiteral: shortcut.help(ZerothTool.toolbox)))
  }
}

/// The shortcuts for options of [task].
struct TaskArguments: ShortcutArguments {
  @Option(shortcut: "task") var task: ShortcutValue?
  @Flag(shortcut: "chat") var chat = false
  @Option(shortcut: "data") var data: ShortcutValue?
  @Option(shortcut: "test-data") var testData: ShortcutValue?
  @Option(shortcut: "objective") var objective: ShortcutValue?
  @Option(shortcut: "k") var k: ShortcutValue?
  @Option(shortcut: "train") var train: ShortcutValue?
  @Option(shortcut: "dev") var dev: ShortcutValue?
  @Option(shortcut: "test") var test: ShortcutValue?
  @Option(shortcut: "split-seed") var splitSeed: ShortcutValue?
}

/// The shortcuts for options of [run].
struct RunArguments: ShortcutArguments {
  @Option(shortcut: "optimizer") var optimizer: ShortcutValue?
  @Option(shortcut: "steps") var steps: ShortcutValue?
  @Option(shortcut: "batch") var batch: ShortcutValue?
  @Option(shortcut: "seed") var seed: ShortcutValue?
  @Option(shortcut: "eval-every") var evalEvery: ShortcutValue?
  @Option(shortcut: "threads") var threads: ShortcutValue?
  @Option(shortcut: "shards") var shards: ShortcutValue?
  @Option(shortcut: "out") var out: ShortcutValue?
  @Option(shortcut: "generator") var generator: ShortcutValue?
}

/// The shortcuts for options of [estimator], [rule] and [adapter].
struct StrategyArguments: ShortcutArguments {
  @Option(shortcut: "estimator") var estimator: ShortcutValue?
  @Option(shortcut: "epsilon") var epsilon: ShortcutValue?
  @Option(shortcut: "queries") var queries: ShortcutValue?
  @Option(shortcut: "rank") var rank: ShortcutValue?
  @Option(shortcut: "interval") var interval: ShortcutValue?
  @Option(shortcut: "rule") var rule: ShortcutValue?
  @Option(shortcut: "learning-rate") var learningRate: ShortcutValue?
  @Option(shortcut: "schedule") var schedule: ShortcutValue?
  @Option(shortcut: "warmup") var warmup: ShortcutValue?
  @Option(shortcut: "weight-decay") var weightDecay: ShortcutValue?
  @Option(shortcut: "beta") var beta: ShortcutValue?
  @Option(shortcut: "adapter") var adapter: ShortcutValue?
  @Option(shortcut: "kappa") var kappa: ShortcutValue?
  @Option(shortcut: "tau") var tau: ShortcutValue?
}

/// All options of the command line that set the configuration of a run.
struct SettingArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A configuration in TOML; whatever else is on the command line overrides it. Default: none.", valueName: "file"),
    completion: .file(extensions: ["toml"]))
  var config: String?
  @Option(
    name: .customLong("set"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Sets any option, such as adapter.moves=4; may be given more than once. See docs/options.md. Default: none.",
      valueName: "table.key=value"))
  var assignments: [String] = []
  @OptionGroup(title: "Model Options") var model: ModelArguments
  @OptionGroup(title: "Task Options") var task: TaskArguments
  @OptionGroup(title: "Run Options") var run: RunArguments
  @OptionGroup(title: "Strategy Options") var strategies: StrategyArguments

  /// The shortcuts that were given, with their values.
  var given: [ShortcutValue] {
    let switches = task.chat ? [ShortcutValue(shortcut: .named("chat"), text: "true")] : []
    return model.given + task.given + run.given + strategies.given + switches
  }

  /// The settings of the configuration file. `--set` and the shortcuts override them, in the order of `commandLine`.
  func settings(_ commandLine: [String]) throws(InputError) -> Settings {
    var settings = try config.map { path throws(InputError) in try Settings(file: path) } ?? Settings()
    let values = given
    var assignments = assignments[...]
    for name in Self.names(commandLine) {
      if name == "set" {
        if let assignment = assignments.popFirst() { try settings.set(assignment) }
      } else if let value = values.first(where: { $0.shortcut.names.contains(name) }) {
        // If an option is given twice, the last value counts.
        try settings.set(shortcut: name, to: value.text)
      }
    }
    return settings
  }

  /// Throws an `InputError` where the next option stands in place of an option's value. The parser cannot see this
  /// mistake, because it lets values begin with a hyphen.
  static func checkValues(_ commandLine: [String]) throws(InputError) {
    let takers = Set((Shortcut.all.filter { !$0.isSwitch }.flatMap(\.names) + ["set"]).map { "--\($0)" })
    for (word, next) in zip(commandLine, commandLine.dropFirst()) where takers.contains(word) && next.hasPrefix("--") {
      throw InputError(word, found: "'\(next)', the next option", expected: "a value")
    }
  }

  /// The names of the options on a command line, in their order.
  private static func names(_ commandLine: [String]) -> [String] {
    commandLine.prefix { $0 != "--" }.filter { $0.hasPrefix("--") }.map { word in
      String(word.dropFirst(2).prefix { $0 != "=" })
    }
  }
}
