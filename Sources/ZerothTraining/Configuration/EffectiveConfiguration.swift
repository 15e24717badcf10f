import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks

extension RunConfiguration {
  /// The effective value of every option as JSON, as in `run.json`.
  public var json: JSON {
    .object(
      effective.map { table, options in
        .init(table, .object(options.map { .init($0.name, JSON($0.value)) }))
      })
  }

  /// The options that differ from the defaults and from the preset, such as `rule.learning-rate`.
  var changed: [String] { nonDefaultModel.map { "model.\($0)" } + nonDefault.map { "\($0.table).\($0.name)" } }

  /// The effective configuration as TOML. Reading it gives the same configuration.
  public var toml: String {
    effective.map { table, options in
      let lines = options.map { "\($0.name) = \(Self.toml($0.value))" }
      return (["[\(table)]"] + lines).joined(separator: "\n")
    }.joined(separator: "\n\n") + "\n"
  }

  static func toml(_ value: OptionValue) -> String {
    if case .string(let text) = value { JSON.quoted(text) } else { "\(value)" }
  }

  /// The name of the optimiser: the preset or the parts, and the options of the parts and the tuning that differ from
  /// the defaults, such as `lozo,rank=4` or `mezo,estimator=lge`.
  public var optimizerName: String { name { $0 == "tuning" || Registry.partKinds.map(\.rawValue).contains($0) } }

  /// A short name: that of the optimiser, and the other options that differ from the defaults, such as
  /// `lozo,rank=4,seed=7`.
  ///
  /// Options that do not change a result (paths, threads) are left out. Characters that cause problems in file systems
  /// become `_`.
  public var shortName: String { name { _ in true } }

  /// The preset or the parts, and the options that differ from the defaults in the tables for which `isNamed` holds.
  private func name(_ isNamed: (_ table: String) -> Bool) -> String {
    let parts = [composition.estimator, composition.rule, composition.adapter].map(\.name).filter { $0 != "none" }
    var words = [preset ?? parts.joined(separator: "+")]
    for (table, name, value) in nonDefault where isNamed(table) && !Self.isIncidental(table, name) {
      let key = Shortcut.name(of: table, name) ?? "\(table).\(name)"
      // A task from a file is named by its own name, because the path of the file does not matter.
      words.append(table == "task" && name == "name" ? "\(key)=\(task.name)" : "\(key)=\(value)")
    }
    return words.joined(separator: ",").asFileName
  }

  /// The identity of a run, to which its trajectory belongs: every option on which the updates depend, as JSON.
  ///
  /// For a strategy that was loaded at run time, the hash of its library stands for its code. Options that may change
  /// in a run that is moved or continued are left out: paths, threads, the precision of the saved model, the number of
  /// steps, and the interval between evaluations. The number of shards is recorded separately.
  public var identity: JSON {
    // Where the model's own blocks are trained, [tuning] is left out: the identity is that of a record without it.
    let tables = effective.filter { $0.table != "tuning" || tuning != .fresh(.full) }.map { table, options in
      let kept = options.filter { !Self.isIncidental(table, $0.name) && !(table == "run" && $0.name == "steps") }
      return JSON.Member(
        table,
        .object(kept.map { .init($0.name, table == "task" && $0.name == "name" ? identityOfTask : JSON($0.value)) }))
    }
    let loaded = JSON.Member("plugin", .object(plugins.map { .init($0.name, .string($0.hash)) }))
    return .object(plugins.isEmpty ? tables : tables + [loaded])
  }

  /// The name of the task in an identity: the name that was asked for. For a task from a file it is the task's own
  /// name, because the file may be moved.
  private var identityOfTask: JSON {
    for (table, options) in effective where table == "task" {
      for option in options where option.name == "name" && task.definition == nil { return JSON(option.value) }
    }
    return .string(task.name)
  }

  private static func isIncidental(_ table: String, _ name: String) -> Bool {
    switch (table, name) {
    case ("model", "path"), ("model", "save-as"), ("tuning", "peft"), ("task", "data"), ("task", "test-data"),
      ("run", "out"),
      ("run", "threads"), ("run", "eval-every"), ("run", "snapshot-every"), ("run", "optimizer"),
      ("run", "on-divergence"), ("run", "patience"), ("run", "keep-last"), ("run", "layers"), ("run", "tensorboard"),
      ("run", "checkpointing"), ("run", "samples"), ("run", "diagnose-every"), ("run", "compare-every"):
      true
    // These are separate members of a trajectory's header.
    case ("run", "shards"): true
    default: false
    }
  }
}

extension String {
  /// The text with `_` in place of characters that cause problems in file systems.
  var asFileName: String {
    String(
      map { character in
        character.isASCII && (character.isLetter || character.isNumber || "._=+,-".contains(character))
          ? character : "_"
      })
  }
}

extension Settings {
  /// The settings of the run whose record is at `path`, to replay or resume it.
  public init(ofRun path: String) throws(InputError) {
    let record = try RunRecord.json(in: path)
    guard let configuration = record["configuration"] else {
      throw InputError("\(path): configuration", found: "nothing", expected: "an effective configuration")
    }
    try self.init(json: configuration, name: path)
    probe = record["probe"] ?? .null
    // A record without the number of shards is of a run with one shard, whatever the present default is.
    if self["run", "shards"] == nil {
      try set("run", "shards", Setting(.typed(.int(1)), origin: "\(path): run.shards"))
    }
    // Where the file of the task no longer exists, the copy beside the record is used.
    let copy = RunFiles((path as NSString).deletingLastPathComponent).task
    if let name = self["task", "name"]?.given, TaskFile.isPath(name), !FileManager.default.fileExists(atPath: name),
      FileManager.default.fileExists(atPath: copy)
    {
      try set("task", "name", Setting(.typed(.string(copy)), origin: "\(path): task.name"))
    }
  }

  /// The settings in the `configuration` of a `run.json`.
  public init(json: JSON, name: String) throws(InputError) {
    self.init()
    guard let tables = json.members else {
      throw InputError(name, found: json.summary, expected: "an effective configuration")
    }
    for table in tables {
      guard let options = table.value.members else {
        throw InputError("\(name): '\(table.key)'", found: table.value.summary, expected: "a table of options")
      }
      for option in options {
        try set(table.key, option.key, Setting(Self.value(option.value), origin: "\(name): \(table.key).\(option.key)"))
      }
    }
  }

  private static func value(_ json: JSON) -> Setting.Value {
    switch json {
    case .number: json.integer.map { .typed(.int($0)) } ?? json.double.map { .typed(.double($0)) } ?? .other("\(json)")
    case .bool(let value): .typed(.bool(value))
    case .string(let value): .typed(.string(value))
    case .null, .array, .object: .other("\(json)")
    }
  }
}
