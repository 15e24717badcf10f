import Zeroth
import ZerothRecords
import ZerothStrategies
import ZerothSupport

extension Settings {
  /// The settings of the run in `[run] out` that is resumed: its own, with those of `given` replacing them.
  ///
  /// Threads, the interval between evaluations, paths and the number of steps may change. The number of steps may not
  /// change where a schedule depends on it, because earlier values of the schedule would have been different. Options
  /// that were found by a measurement keep their values. Throws `InputError` for such a change, for another optimizer,
  /// and for a folder without a run. Other changes that are not allowed are refused by the run itself, with their
  /// names.
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

  /// Throws `InputError` for another optimizer. The record of a run lists the options of the parts, so another
  /// optimizer would change only the name of the run.
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

  /// Throws `InputError` where `given` has another number of steps and a schedule ends with the run, because the
  /// schedule was computed for the planned number.
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
