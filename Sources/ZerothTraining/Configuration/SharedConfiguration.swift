import Foundation
import ZerothDistributed
import ZerothModels
import ZerothStrategies
import ZerothSupport
import ZerothTasks

extension RunConfiguration {
  /// The configuration of `settings`, which rank 0 of `job` reads for all ranks. So the other ranks need not have
  /// access to the files or the run's folder. Where no number of threads was asked for, each rank uses its own default.
  public static func shared(
    in job: Job, _ registry: Registry, tasks: TaskRegistry, families: ModelFamilies, _ settings: () throws -> Settings
  ) throws -> RunConfiguration {
    var own: RunConfiguration?
    let sent = try job.fromLeader {
      let settings = try settings()
      let configuration = try RunConfiguration(settings, registry, tasks: tasks, families: families)
      own = configuration
      let message: JSON = [
        "configuration": configuration.json, "threads": .bool(settings["run", "threads"] != nil),
      ]
      return Array(message.description.utf8)
    }
    return try job.together {
      if let own { return own }
      let message = try JSON(parsing: Data(sent), subject: "rank 0")
      var settings = try Settings(json: message["configuration"] ?? [:], name: "the configuration of rank 0")
      if message["threads"] != true { settings["run", "threads"] = nil }
      return try RunConfiguration(settings, registry, tasks: tasks, families: families)
    }
  }
}
