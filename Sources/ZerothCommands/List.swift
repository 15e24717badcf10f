import ArgumentParser
import Zeroth
import ZerothBenchmarks
import ZerothModels
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

struct List: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List optimisers, estimators, rules, adapters, methods of tuning, tasks and objectives.")

  @OptionGroup var plugins: PluginOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let registry = try plugins.registry()
    let kinds = StrategyDescription.Kind.allCases
    let tasks = ZerothTool.toolbox.tasks.tasks
    var table = Table([.left("kind"), .left("name"), .left("what it is")])
    for kind in kinds {
      for description in registry.descriptions(of: kind) {
        table.rows.append([kind.rawValue, description.name, description.summary])
      }
    }
    for method in RunSettings.tuningDescriptions { table.rows.append(["tuning", method.name, method.summary]) }
    let objectives = ZerothTool.toolbox.tasks.objectives
    for task in tasks { table.rows.append(["task", task.name, task.summary]) }
    for objective in objectives { table.rows.append(["objective", objective.name, objective.summary]) }
    output.print(
      .object(
        kinds.map { kind in .init("\(kind.rawValue)s", .array(registry.descriptions(of: kind).map(\.json))) } + [
          .init("tunings", .array(RunSettings.tuningDescriptions.map(\.json))),
          .init(
            "tasks",
            .array(
              tasks.map {
                ["name": .string($0.name), "summary": .string($0.summary), "kind": .string($0.kind.rawValue)]
              }
            )),
          .init(
            "objectives",
            .array(objectives.map { ["name": .string($0.name), "summary": .string($0.summary)] })),
        ]), text: table.text)
  }
}
