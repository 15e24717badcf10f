import Zeroth
import ZerothDiagnostics
import ZerothModels
import ZerothStrategies
import ZerothSupport
import ZerothTasks

extension Settings {
  /// The word for a value that is to be measured before the first step: a learning rate or an epsilon.
  public static let auto = "auto"

  /// The options that may have this word.
  private static let found = [(table: "rule", key: "learning-rate"), (table: "estimator", key: "epsilon")]

  private func isAuto(_ table: String, _ key: String) -> Bool { self[table, key]?.given == Self.auto }

  /// Whether an option is to be measured.
  public var asksForProbe: Bool { Self.found.contains { isAuto($0.table, $0.key) } }

  /// The learning rate of trial updates. The updates are then scaled according to the measurement.
  private static let trialRate = 1e-6

  /// These settings before the measurement: epsilon has its default, and the learning rate any value.
  var beforeProbe: Settings {
    var settings = self
    if isAuto("estimator", "epsilon") { settings["estimator", "epsilon"] = nil }
    if isAuto("rule", "learning-rate") {
      let origin = self["rule", "learning-rate"]?.origin ?? "learning-rate"
      settings["rule", "learning-rate"] = Setting(.typed(.double(Self.trialRate)), origin: origin)
    }
    return settings
  }

  /// These settings without the options that are to be measured, for a run in which they were measured already.
  var withoutProbes: Settings {
    var settings = self
    for (table, key) in Self.found where isAuto(table, key) { settings[table, key] = nil }
    return settings
  }

  /// These settings with measured numbers in place of `auto`. The measurement uses the model and the examples of the
  /// run. `note` is called with the reason for each number.
  ///
  /// Epsilon is measured first, because the slopes for the learning rate are measured with it. Throws `InputError`
  /// where no number can be proposed, and for everything that the run would refuse.
  public func probed(
    _ registry: Registry, tasks: TaskRegistry = .standard, families: ModelFamilies = .standard,
    note: (String) -> Void = { _ in }
  ) throws -> Settings {
    guard asksForProbe else { return self }
    var settings = beforeProbe
    let configuration = try RunConfiguration(settings, registry, tasks: tasks, families: families)
    let run = try TrainingRun(configuration)
    return try Parallel.withThreads(configuration.threads) {
      let objective = try run.usableObjective()
      let theta = try configuration.loadParameters(of: run.setup.model)
      try configuration.makeOptimizer().validate(theta.layout)
      try run.setup.requireDerivatives(of: objective, for: configuration.makeOptimizer())
      var composition = configuration.trialComposition
      var members: [JSON.Member] = []
      func set(_ table: String, _ key: String, _ value: Double, _ words: String) throws(InputError) {
        let origin = self[table, key]?.origin ?? key
        try settings.set(table, key, Setting(.typed(.double(value)), origin: "\(origin) \(Self.auto)"))
        note(words)
      }
      if isAuto("estimator", "epsilon") {
        guard composition.estimator.options["epsilon"] != nil else {
          throw InputError(
            self["estimator", "epsilon"]?.origin ?? "epsilon", found: "'\(Self.auto)' of an estimator that has none",
            expected: "no epsilon")
        }
        let probe = try EpsilonProbe(
          at: theta, on: objective, step: configuration.steps, key: configuration.runKey.child(.diagnosis)
        ) { epsilon in
          var changed = composition
          // Shaped coefficients are no slopes: signs, for example, are the same at every epsilon.
          changed.estimator.options["clip-limit"] = nil
          if changed.estimator.options["shaping"] != nil { changed.estimator.options["shaping"] = "none" }
          changed.estimator.options["epsilon"] = .double(epsilon)
          return try registry.makeOptimizer(changed, runSteps: configuration.steps)
        }
        guard let epsilon = probe.epsilon else { throw refusal("estimator", "epsilon", probe.words) }
        try set("estimator", "epsilon", epsilon, probe.words)
        composition.estimator.options["epsilon"] = .double(epsilon)
        members.append(.init("epsilon", probe.json))
      }
      if isAuto("rule", "learning-rate") {
        let epsilon: Double? =
          switch composition.estimator.options["epsilon"] {
          case .double(let value): value
          case .int(let value): Double(value)
          default: nil
          }
        guard let epsilon else {
          throw InputError(
            self["rule", "learning-rate"]?.origin ?? "learning-rate",
            found: "'\(Self.auto)' with the estimator \(composition.estimator.name), which measures at no distance",
            expected: "a number")
        }
        let probe = try RateProbe(
          at: theta, on: objective,
          part: configuration.tuning.name() == "lora" ? RateProbe.partWithLoRA : RateProbe.part, epsilon: epsilon,
          trialRate: Self.trialRate, gain: configuration.momentumGain, step: configuration.steps,
          key: configuration.runKey
        ) { try registry.makeOptimizer(composition, runSteps: configuration.steps) }
        guard let rate = probe.learningRate else { throw refusal("rule", "learning-rate", probe.words) }
        try set("rule", "learning-rate", rate, probe.words)
        members.append(.init("learning-rate", probe.json))
      }
      settings.probe = .object(members)
      return settings
    }
  }

  private func refusal(_ table: String, _ key: String, _ words: String) -> InputError {
    InputError(
      self[table, key]?.origin ?? key, found: "'\(Self.auto)', and \(words)",
      expected: "a number; or more examples in a mini-batch, or more queries, to measure by")
  }
}

extension RunConfiguration {
  /// The composition for trial updates. The learning rate, epsilon and the number of queries are constant, with the
  /// values that the first steps have after a warm-up. There is no adapter. A momentum keeps nothing (beta = 0), because
  /// its first update would only be 1 - beta of later ones.
  fileprivate var trialComposition: Composition {
    var trial = composition
    for key in ["epsilon", "queries"] {
      guard case .string(let text)? = trial.estimator.options[key], let schedule = Schedule(parsing: text) else {
        continue
      }
      trial.estimator.options[key] = key == "epsilon" ? .double(schedule.base) : .int(schedule.count(at: 0))
    }
    trial.adapter = .init("none")
    if trial.rule.options["beta"] != nil { trial.rule.options["beta"] = .double(0) }
    for key in ["schedule", "schedule-steps", "schedule-drops", "final", "warmup"] { trial.rule.options[key] = nil }
    return trial
  }

  /// How much longer steps along a steady gradient become than a trial update, which has no momentum: 1 / (1 - beta)
  /// for heavy-ball, which sums the estimates; 1 for an average of them.
  fileprivate var momentumGain: Double {
    guard composition.rule.options["form"] == "heavy-ball", case .double(let beta)? = composition.rule.options["beta"]
    else { return 1 }
    return 1 / (1 - beta)
  }
}
