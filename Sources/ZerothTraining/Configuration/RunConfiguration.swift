import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// The configuration of a whole training run: model, task, optimiser, steps. It is checked and complete, and can be
/// printed.
public struct RunConfiguration: Sendable {
  /// The folder of the base model.
  public let modelPath: String
  /// The blocks that are trained.
  public let trainable: BlockSelection
  /// How the weights are stored in memory.
  public let storage: WeightStorage
  /// The largest rank of the sum of all updates of a matrix that is never written.
  public let deltaRank: DeltaRank
  /// The limit for the memory of the activations of a pass, in bytes.
  public let activationMemory: Int
  /// The precision in which the tuned model is written.
  public let savedPrecision: SavedPrecision
  /// How the model is tuned.
  public let tuning: TuningChoice
  /// The families of models that can be read.
  let families: ModelFamilies
  /// The start of a new label head; nil for the default, and where there is none.
  public let labelHead: LabelHeadStart?
  /// The task.
  public let task: TextTask
  /// The folder or file of the examples; nil for the task's own.
  public let data: String?
  /// The folder or file of the test examples; nil for the test file beside the others.
  public let testData: String?
  /// The objective that is minimised.
  public let objective: TaskObjective
  /// Whether the model is asked as an assistant, with the chat template of its checkpoint.
  public let chat: Bool
  /// The sizes of train and dev.
  public let sample: SplitSize
  /// The most examples of the test set; nil for all.
  public let testCount: Int?
  /// The seed with which train and dev are drawn.
  public let splitSeed: Int
  /// The preset with which the optimiser was chosen; nil for none.
  public let preset: String?
  /// The number of steps.
  public let steps: Int
  /// The number of examples in a mini-batch.
  public let batch: Int
  /// The number of steps between two evaluations.
  public let evalEvery: Int
  /// The number of steps between two snapshots; 0 for none.
  public let snapshotEvery: Int
  /// What happens when the run diverges.
  public let onDivergence: DivergencePolicy
  /// The number of evaluations without a better dev score after which the run ends; nil for no limit.
  public let patience: Int?
  /// Whether the last model is kept in addition to the best.
  public let keepsLast: Bool
  /// Whether gradients recompute activations instead of keeping them.
  public let recomputesActivations: Bool
  /// Whether the metrics say how far each block has moved.
  public let recordsLayers: Bool
  /// The number of steps between two diagnoses of the estimates; nil for none.
  public let diagnoseEvery: Int?
  /// Whether the metrics are also written for TensorBoard.
  public let writesTensorBoard: Bool
  /// The number of dev rows whose answers are shown and recorded at every evaluation.
  public let samples: Int
  /// The number of threads.
  public let threads: Int
  /// The number of parts in which each mini-batch is measured.
  public let shards: Int
  /// The number of steps between two comparisons of the weights of the ranks of a job.
  public let compareEvery: Int
  /// The folder of the run's record; nil where none is written.
  public let out: String?
  /// The composition of the optimiser, with every option written out.
  public let composition: Composition
  /// The blocks on which the adapter works; nil where it has no such option.
  public let adapterBlocks: BlockSelection?
  /// The measurements from which options were found; null where all options were given.
  public let probe: JSON
  /// The libraries, loaded at run time, from which its strategies come.
  public let plugins: [PluginIdentity]
  /// All libraries that were loaded when the configuration was made.
  let loadedPlugins: [PluginIdentity]
  private let parts: ResolvedComposition

  /// The effective value of every option, table by table, in a fixed order.
  public let effective: [(table: String, options: [(name: String, value: OptionValue)])]
  /// The options that differ from the defaults, and from the preset where there is one.
  public let nonDefault: [(table: String, name: String, value: OptionValue)]
  /// The learning rate where only the preset gives one; nil where it was given by the user.
  let presetRate: OptionValue?
  /// The options of [model] that differ from the defaults. They are not part of the name of a run.
  let nonDefaultModel: [String]

  /// Checks `settings` against what `registry` and `tasks` know. The model may be of one of `families`. Throws an
  /// `InputError` that names the file, the table and the key of a wrong setting.
  public init(
    _ settings: Settings, _ registry: Registry = .standard, tasks: TaskRegistry = .standard,
    families: ModelFamilies = .standard
  ) throws(InputError) {
    self.families = families
    probe = settings.probe
    func table(_ name: String, _ specs: [OptionSpec], run: [String: OptionValue] = [:]) throws(InputError)
      -> OptionValues
    {
      try OptionValues(
        "[\(name)]", specs: specs, given: settings.table(name), run: run,
        elsewhere: { Self.otherTable(with: $0, than: name, registry) })
    }
    let run = try table("run", RunSettings.run)
    let named = try Self.task(settings, tasks)
    let task = try table("task", RunSettings.task, run: Self.defaults(of: named, seed: try run.int("seed")))
    let model = try table("model", RunSettings.model)
    var preset: OptimizerPreset?
    if run["optimizer"] != nil {
      preset = try registry.preset(
        try run.string("optimizer"), origin: settings["run", "optimizer"]?.origin ?? "[run] optimizer")
    }
    let tuning = try OptionValues(
      "[tuning]", specs: RunSettings.tuning, given: Self.tuning(settings, preset),
      elsewhere: { Self.otherTable(with: $0, than: "tuning", registry) })
    self.tuning = try TuningChoice(tuning)

    modelPath = try model.string("path")
    trainable = try model.blocks("train")
    storage = try model.choice("storage")
    deltaRank =
      switch model["delta-rank"] {
      case nil: .automatic
      case "none"?: .unlimited
      default: .limit(try model.int("delta-rank"))
      }
    savedPrecision = try model.choice("save-as")
    activationMemory = try model.int("activation-memory") << 20
    labelHead = try model["label-head"].map { _ throws(InputError) in try model.choice("label-head") }
    self.task = if let named { named } else { try tasks.task(task.string("name")) }
    data = try task["data"].map { _ throws(InputError) in try task.string("data") }
    testData = try task["test-data"].map { _ throws(InputError) in try task.string("test-data") }
    objective = try tasks.objective(named: task.string("objective"), for: self.task)
    chat = try task.bool("chat")
    if task["k"] != nil {
      sample = .perClass(try task.int("k"))
    } else {
      sample = .total(train: try task.int("train"), dev: try task.int("dev"))
    }
    testCount = task["test"] == "all" ? nil : try task.int("test")
    splitSeed = try task.int("seed")
    steps = try run.int("steps")
    batch = try run.int("batch")
    evalEvery = try run.int("eval-every")
    onDivergence = try run.choice("on-divergence")
    patience = try run["patience"].map { _ throws(InputError) in try run.int("patience") }
    keepsLast = try run.bool("keep-last")
    recomputesActivations = try run.bool("checkpointing")
    recordsLayers = try run.bool("layers")
    writesTensorBoard = try run.bool("tensorboard")
    diagnoseEvery = try run["diagnose-every"].map { _ throws(InputError) in try run.int("diagnose-every") }
    samples = try run.int("samples")
    if samples > 0, self.task.kind == .text {
      throw InputError(
        "[run] samples", found: "\(samples) of task \(self.task.name), whose rows ask nothing", expected: "0")
    }
    snapshotEvery = try run.int("snapshot-every")
    threads = try run.int("threads")
    shards = try run.int("shards")
    compareEvery = try run.int("compare-every")
    out = try run["out"].map { _ throws(InputError) in try run.string("out") }
    if let diagnoseEvery, out == nil {
      throw InputError(
        "[run] diagnose-every", found: "\(diagnoseEvery), and no out", expected: "out, the folder that it is written to"
      )
    }
    if writesTensorBoard, out == nil {
      throw InputError(
        "[run] tensorboard", found: "true, and no out", expected: "out, the folder that it is written to")
    }

    self.preset = preset?.description.name
    var composition = try Self.parts(settings, preset, registry)
    composition.seed = try run.int("seed")
    composition.generator = try run.string("generator")
    composition.nonFiniteLimit = try run.int("non-finite-limit")
    let given = Dictionary(
      uniqueKeysWithValues: Registry.partKinds.map { ($0, settings.table($0.rawValue)) })
    let parts = try registry.resolve(composition, runSteps: steps, tuning: self.tuning.name(), settings: given)
    self.parts = parts
    // One library may provide several of the parts.
    plugins = parts.all.compactMap(\.description.plugin).reduce(into: []) { plugins, plugin in
      if !plugins.contains(plugin) { plugins.append(plugin) }
    }
    loadedPlugins = registry.plugins
    composition = parts.spelledOut
    self.composition = composition
    let blocksOption = parts.adapter.description.options.first { $0.kind == .blocks }
    adapterBlocks = try blocksOption.map { spec throws(InputError) in try parts.adapterOptions.blocks(spec.name) }

    if storage == .frozen { try Self.requireFactors(self.tuning, savedPrecision, parts) }
    effective =
      [("model", model.effective), ("tuning", tuning.effective), ("task", task.effective), ("run", run.effective)]
      + parts.all.map { ($0.kind.rawValue, [("name", .string($0.description.name))] + $0.options.effective) }
    var changes: [(table: String, name: String, value: OptionValue)] = []
    for part in parts.all {
      let base = preset?.composition[part.kind]
      if let base, base.name != part.description.name {
        changes.append((part.kind.rawValue, "name", .string(part.description.name)))
      }
      let usual = base?.name == part.description.name ? base?.options : nil
      changes += part.options.differing(from: usual ?? [:]).map { (part.kind.rawValue, $0.name, $0.value) }
    }
    let own = preset.map { Self.isTuned(settings, by: $0) ? $0.tuningOptions : [:] } ?? [:]
    changes += tuning.differing(from: own).map { ("tuning", $0.name, $0.value) }
    for (table, options) in [("task", task), ("run", run)] {
      changes += options.differing().map { (table, $0.name, $0.value) }
    }
    presetRate =
      preset == nil || settings["rule", "learning-rate"] != nil
      ? nil : parts.all.first { $0.kind == .rule }?.options["learning-rate"]
    nonDefault = changes
    nonDefaultModel = model.differing().map(\.name)
  }

  /// The optimiser of the composition, before its first step.
  public func makeOptimizer() throws -> any OptimizerProtocol { try parts.makeOptimizer() }

  /// The weights of `model` with which a run starts. Throws `InputError` in the same cases as
  /// `TaskModel.loadParameters`.
  func loadParameters(of model: any TaskModel) throws -> ParameterStore {
    try model.loadParameters(training: trainable, storage: storage, deltaRank: deltaRank, labelHead: labelHead)
  }

  /// The key of random numbers that do not belong to a step.
  var runKey: StreamKey {
    StreamKey(
      seed: UInt64(composition.seed), generator: (try? RandomGenerator(named: composition.generator)) ?? .philox)
  }

  /// Whether the model is tuned as `preset` says, because nothing else was asked for.
  private static func isTuned(_ settings: Settings, by preset: OptimizerPreset) -> Bool {
    guard settings["tuning", "peft"] == nil, let method = preset.tuningOptions["method"] else { return false }
    return settings["tuning", "method"].map { $0.given == "\(method)" } ?? true
  }

  /// The settings of [tuning] that were given, added to those of the preset and replacing them.
  private static func tuning(_ settings: Settings, _ preset: OptimizerPreset?) -> [String: Setting] {
    let given = settings.table("tuning")
    guard let preset, isTuned(settings, by: preset) else { return given }
    // Modules that are named replace the preset's blocks.
    let own = preset.tuningOptions.filter { $0.key != "blocks" || given["target-modules"] == nil }.map {
      ($0, Setting(.typed($1), origin: "optimizer \(preset.description.name): \($0)"))
    }
    return Dictionary(uniqueKeysWithValues: own).merging(given) { $1 }
  }

  /// The task that is named. Nil where the name is not a text; the check of the table reports that.
  private static func task(_ settings: Settings, _ tasks: TaskRegistry) throws(InputError) -> TextTask? {
    switch settings["task", "name"]?.value {
    case .text(let name), .typed(.string(let name)): try tasks.task(name)
    default: nil
    }
  }

  /// The values on which defaults in [task] depend: the run's seed, and the sizes and the objective of the task.
  private static func defaults(of task: TextTask?, seed: Int) -> [String: OptionValue] {
    var defaults: [String: OptionValue] = ["seed": .int(seed)]
    guard let task else { return defaults }
    if case .total(let train, let dev) = task.splitSize {
      defaults["train"] = .int(train)
      defaults["dev"] = .int(dev)
    }
    defaults["test"] = task.testSize == .max ? "all" : .int(task.testSize)
    defaults["objective"] = .string(task.defaultObjective.name)
    return defaults
  }

  /// The parts that the preset and the tables give together. A part that is given another name than that of the preset
  /// keeps none of the preset's options.
  private static func parts(
    _ settings: Settings, _ preset: OptimizerPreset?, _ registry: Registry
  ) throws(InputError) -> Composition {
    var composition = preset?.composition ?? Composition(estimator: .init(""), rule: .init(""))
    for kind in Registry.partKinds {
      let table = kind.rawValue
      guard let setting = settings[table, "name"] else {
        if composition[kind].name.isEmpty {
          throw InputError(
            "[\(table)] name", found: "nothing, and no optimizer in [run]",
            expected: Suggestion.expected(for: "", among: registry.descriptions(of: kind).map(\.name)))
        }
        continue
      }
      let spec = OptionSpec("name", .string, default: .required, "the strategy")
      guard case .string(let text) = try setting.read(as: spec) else { continue }
      let name = try registry.description(of: text, kind, origin: setting.origin).name
      if name != composition[kind].name { composition[kind] = Composition.Part(name) }
    }
    return composition
  }

  /// The other table that has an option of this name, for an option that was given in a wrong table.
  private static func otherTable(with name: String, than table: String, _ registry: Registry) -> String? {
    let own = (RunSettings.options(of: table) ?? []).map(\.name)
    if Suggestion.nearest(to: name, among: own) != nil { return nil }
    if let other = Settings.tables.first(where: { other in
      other != table && (RunSettings.options(of: other) ?? []).contains { $0.name == name }
    }) {
      return "it in [\(other)], or one of \(own.joined(separator: ", "))"
    }
    let kinds = Registry.partKinds.filter { kind in
      registry.descriptions(of: kind).contains { $0.options.contains { $0.name == name } }
    }
    guard let kind = kinds.first else { return nil }
    return "it in [\(kind.rawValue)], or one of \(own.joined(separator: ", "))"
  }
}
