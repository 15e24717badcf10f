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

  /// The effective configuration as TOML, which reads back as the same.
  public var toml: String {
    effective.map { table, options in
      let lines = options.map { "\($0.name) = \(Self.toml($0.value))" }
      return (["[\(table)]"] + lines).joined(separator: "\n")
    }.joined(separator: "\n\n") + "\n"
  }

  static func toml(_ value: OptionValue) -> String {
    if case .string(let text) = value { JSON.quoted(text) } else { "\(value)" }
  }

  /// The optimiser's name: the preset or the parts, and in what they and the tuning differ from the defaults, such as
  /// `lozo,rank=4` or `mezo,estimator=lge`.
  public var optimizerName: String { name { $0 == "tuning" || Registry.partKinds.map(\.rawValue).contains($0) } }

  /// A short name: that of the optimiser, and what else differs from the defaults, such as `lozo,rank=4,seed=7`.
  ///
  /// Options that change no result (paths, threads) are left out; characters that trouble file systems become `_`.
  public var shortName: String { name { _ in true } }

  /// The preset or the parts, and what differs from the defaults in the tables that `isNamed` holds for.
  private func name(_ isNamed: (_ table: String) -> Bool) -> String {
    let parts = [composition.estimator, composition.rule, composition.adapter].map(\.name).filter { $0 != "none" }
    var words = [preset ?? parts.joined(separator: "+")]
    for (table, name, value) in nonDefault where isNamed(table) && !Self.isIncidental(table, name) {
      let key = Shortcut.name(of: table, name) ?? "\(table).\(name)"
      // A task from a file goes by its own name: the file may lie anywhere.
      words.append(table == "task" && name == "name" ? "\(key)=\(task.name)" : "\(key)=\(value)")
    }
    return words.joined(separator: ",").asFileName
  }

  /// What a trajectory belongs to: every option on which the updates depend, in JSON.
  ///
  /// What a strategy computes is in the hash of its library, if it was loaded at run time. Left out are paths, threads, the
  /// precision of the saved model, the number of steps and how often is evaluated: a run may be moved, and go on. The shards have a
  /// place of their own beside it.
  public var identity: JSON {
    // A run that trains the model's own blocks is the one that it was before there were other methods.
    let tables = effective.filter { $0.table != "tuning" || tuning != .fresh(.full) }.map { table, options in
      let kept = options.filter { !Self.isIncidental(table, $0.name) && !(table == "run" && $0.name == "steps") }
      return JSON.Member(
        table,
        .object(kept.map { .init($0.name, table == "task" && $0.name == "name" ? identityOfTask : JSON($0.value)) }))
    }
    let loaded = JSON.Member("plugin", .object(plugins.map { .init($0.name, .string($0.hash)) }))
    return .object(plugins.isEmpty ? tables : tables + [loaded])
  }

  /// The name of the task as an identity has it: as it was asked for, or, of a file that may be moved, its own.
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
    // They stand in the header of a trajectory by themselves.
    case ("run", "shards"): true
    default: false
    }
  }
}

extension String {
  /// The text with characters that trouble file systems replaced by `_`.
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
    // A run of before there were shards is one of one, whatever starts it now.
    if self["run", "shards"] == nil {
      try set("run", "shards", Setting(.typed(.int(1)), origin: "\(path): run.shards"))
    }
    // A task's file that is gone is beside the record.
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
