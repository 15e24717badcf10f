import Zeroth
import ZerothRecords
import ZerothStrategies
import ZerothSupport

extension Settings {
  /// The settings of the run in `[run] out` that goes on: its own, and those of `given` in their place.
  ///
  /// What may change are threads, how often is evaluated, paths, and the steps: unless a schedule follows them, whose values
  /// so far would have been others. What was to be measured has been. Throws `InputError` for that, for another optimizer and for a folder without a run; what
  /// else must not change, the run refuses by name.
  public static func resumed(with given: Settings, _ registry: Registry) throws(InputError) -> Settings {
    guard let folder = given["run", "out"]?.given else {
      throw InputError("--resume", found: "no --out", expected: "the run's folder")
    }
    try registry.requirePlugins(ofRun: RunFiles(folder).record)
    let own = try Settings(ofRun: RunFiles(folder).record)
    try requireSameOptimizer(own["run", "optimizer"], given["run", "optimizer"], registry)
    try own.requireSameSchedules(given)
    return own.overridden(by: given.withoutProbes)
  }

  /// A run's record spells out its parts, so another optimizer would change nothing but the run's name: it is refused.
  private static func requireSameOptimizer(
    _ own: Setting?, _ asked: Setting?, _ registry: Registry
  ) throws(InputError) {
    guard let asked else { return }
    let name = try registry.preset(asked.given, origin: asked.origin).description.name
    let ownName = try own.map { setting throws(InputError) in
      try registry.preset(setting.given, origin: setting.origin).description.name
    }
    guard name != ownName else { return }
    throw InputError(
      asked.origin, found: "'\(name)'", expected: ownName.map { "'\($0)', the run's" } ?? "none, as the run has none")
  }

  /// Throws where `given` has other steps and a schedule ends with the run: it is as long as the run was to be.
  private func requireSameSchedules(_ given: Settings) throws(InputError) {
    guard let asked = given["run", "steps"], let before = self["run", "steps"], asked.given != before.given,
      let steps = Int(before.given)
    else { return }
    func refuse(_ option: String, _ schedule: String, _ value: String) throws(InputError) {
      throw InputError(
        asked.origin, found: "'\(asked.given)' steps, and \(option) of the run's \(steps) by the schedule \(schedule)",
        expected: "\(steps), or --set \(option)=\(value) to go on by the schedule as it was")
    }
    let shape = self["rule", "schedule"].flatMap { Schedule.Shape(rawValue: $0.given) }
    if let shape, shape.hasLength, self["rule", "schedule-steps"]?.given == "\(steps)",
      given["rule", "schedule-steps"] == nil
    {
      try refuse("rule.schedule-steps", shape.rawValue, "\(steps)")
    }
    for key in ["epsilon", "queries"] {
      guard let text = self["estimator", key]?.given, given["estimator", key] == nil,
        let schedule = Schedule(parsing: text), schedule.shape.hasLength, schedule.steps == steps
      else { continue }
      try refuse("estimator.\(key)", schedule.shape.rawValue, "'\(schedule)'")
    }
  }
}
