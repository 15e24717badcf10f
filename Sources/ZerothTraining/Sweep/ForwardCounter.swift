import Zeroth
import ZerothModels
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// Counts the forward passes of runs, and finds the number of steps that a number of forward passes allows.
struct ForwardCounter {
  private let registry: Registry
  private let tasks: TaskRegistry
  private let families: ModelFamilies
  /// The blocks of each model, on which the counts of estimators and adapters depend.
  private var layouts: [JSON: ParameterLayout] = [:]

  /// A counter for runs that use these strategies, tasks and families.
  init(_ registry: Registry, _ tasks: TaskRegistry, _ families: ModelFamilies) {
    self.registry = registry
    self.tasks = tasks
    self.families = families
  }

  /// `settings` after a check. Options that are to be measured count as given.
  func configuration(_ settings: Settings) throws(InputError) -> RunConfiguration {
    try RunConfiguration(settings.beforeProbe, registry, tasks: tasks, families: families)
  }

  /// The number of forward passes of all steps of `configuration`.
  mutating func forwards(of configuration: RunConfiguration) throws -> Int {
    let optimizer = try configuration.makeOptimizer()
    let layout = try layout(of: configuration)
    return optimizer.forwards(ofSteps: configuration.steps, in: layout)
  }

  /// The most steps within `budget` forward passes for `settings`, which do not give a number of steps.
  ///
  /// Throws an `InputError` that names the run called `name` where not even one step fits.
  mutating func steps(of settings: Settings, within budget: Int, name: String) throws -> Int {
    func of(_ steps: Int) throws(InputError) -> RunConfiguration {
      var settings = settings
      settings["run", "steps"] = Setting(.typed(.int(steps)), origin: "the budget")
      return try configuration(settings)
    }
    let longest = try of(budget)
    let layout = try layout(of: longest)
    let optimizer = try longest.makeOptimizer()
    try optimizer.validate(layout)
    var (steps, used) = (0, 0)
    while steps < budget, used + optimizer.forwards(at: steps, in: layout) <= budget {
      used += optimizer.forwards(at: steps, in: layout)
      steps += 1
    }
    // A schedule of the queries may depend on the length of the run. The number of steps then changes the cost of a
    // step.
    if steps > 0, try forwards(of: of(steps)) != used {
      var (fits, exceeds) = (0, budget + 1)
      while exceeds - fits > 1 {
        let middle = (fits + exceeds) / 2
        if try forwards(of: of(middle)) <= budget { fits = middle } else { exceeds = middle }
      }
      steps = fits
    }
    guard steps > 0 else {
      throw InputError(
        "run \(name): forward passes", found: "\(budget)",
        expected: "at least \(optimizer.forwards(at: 0, in: layout)), those of its first step")
    }
    return steps
  }

  private mutating func layout(of configuration: RunConfiguration) throws -> ParameterLayout {
    let json = configuration.json
    let key: JSON = .array([
      json["model"] ?? .null, json["tuning"] ?? .null, json["task"]?["name"] ?? .null, json["task"]?["chat"] ?? .null,
    ])
    if let known = layouts[key] { return known }
    let model = try loadTaskModel(
      directory: Embedded.modelDirectory(configuration.modelPath), task: configuration.task, chat: configuration.chat,
      tuning: configuration.tuning.source(configuration.runKey), families: families)
    let layout = try model.pretrained.folder.layout(training: configuration.trainable)
    layouts[key] = layout
    return layout
  }
}
