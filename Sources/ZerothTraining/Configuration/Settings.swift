import Foundation
import TOMLKit
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// What a user asked for, before it is checked: values by table and key. A value that is set later replaces an earlier
/// one.
///
///     var settings = try Settings(file: "run.toml")
///     try settings.set("estimator.rank=4")                           // --set
///     try settings.set(shortcut: "epsilon", to: "1e-3")              // --epsilon
///     let configuration = try RunConfiguration(settings, registry)
public struct Settings: Sendable, Hashable {
  /// The names of all tables.
  public static let tables = ["model", "tuning", "task", "run", "estimator", "rule", "adapter"]

  private var values: [String: [String: Setting]] = [:]
  /// The measurements from which options were found; null where there were none.
  var probe: JSON = .null

  /// No settings yet.
  public init() {}

  /// Values from code: `["run": ["steps": 100]]`.
  public init(_ values: [String: [String: OptionValue]]) throws(InputError) {
    for (table, pairs) in values.sorted(by: { $0.key < $1.key }) {
      for (key, value) in pairs { try set(table, key, Setting(.typed(value), origin: "\(table).\(key)")) }
    }
  }

  /// The settings in a TOML file. Throws `InputError` when it cannot be read or is not TOML.
  public init(file path: String) throws(InputError) {
    try self.init(toml: Self.text(ofFile: path, expected: "a configuration in TOML"), name: path)
  }

  /// The text of the file at `path`. `expected` describes its content in errors.
  static func text(ofFile path: String, expected: String) throws(InputError) -> String {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw InputError(path, found: "no file that can be read", expected: expected)
    }
    guard data.count <= 1 << 20, !data.contains(0), let text = String(data: data, encoding: .utf8) else {
      throw InputError(path, found: "\(data.count) bytes that are no text", expected: "\(expected), in UTF-8")
    }
    return text
  }

  /// The settings in a TOML text. Errors call it `name`.
  public init(toml text: String, name: String) throws(InputError) {
    let document = try Self.document(text, name: name)
    for table in document.keys {
      guard let node = document[table], let pairs = node.table else {
        throw InputError(
          "\(name): key '\(table)'", found: "a key outside the tables",
          expected: "it under a table: [\(Self.tables.joined(separator: "], ["))]")
      }
      try Self.check(table, origin: "\(name): table [\(table)]")
      for key in pairs.keys {
        guard let value = pairs[key] else { continue }
        try set(table, key, Setting(Self.value(of: value), origin: "\(name): [\(table)] \(key)"))
      }
    }
  }

  /// Parses `text` as TOML. Throws an `InputError` that names `name` and the line where it is not TOML.
  static func document(_ text: String, name: String) throws(InputError) -> TOMLTable {
    try TOMLCheck.check(text, name: name)
    do {
      return try TOMLTable(string: text)
    } catch let error as TOMLParseError {
      let place = error.source.begin
      throw InputError(
        "\(name):\(place.line):\(place.column)", found: "no TOML: \(error.description)", expected: "TOML")
    } catch {
      throw InputError(name, found: "\(error)", expected: "TOML")
    }
  }

  /// The value of the key `key` in table `table`; nil where it was not given.
  public internal(set) subscript(table: String, key: String) -> Setting? {
    get { values[table]?[key] }
    set { values[table, default: [:]][key] = newValue }
  }

  /// These settings with `word` in every text replaced by `text`.
  func replacing(_ word: String, by text: String) -> Settings {
    var settings = self
    settings.values = values.mapValues { table in
      table.mapValues { setting in
        guard case .typed(.string(let old)) = setting.value else { return setting }
        return Setting(.typed(.string(old.replacingOccurrences(of: word, with: text))), origin: setting.origin)
      }
    }
    return settings
  }

  /// The settings as TOML. Reading it gives the same settings.
  public var toml: String {
    let tables = Self.tables.compactMap { table -> String? in
      guard let pairs = values[table], !pairs.isEmpty else { return nil }
      let lines = pairs.sorted { $0.key < $1.key }.map { key, setting in
        switch setting.value {
        case .typed(let value): "\(key) = \(RunConfiguration.toml(value))"
        case .text(let text), .other(let text): "\(key) = \(JSON.quoted(text))"
        }
      }
      return (["[\(table)]"] + lines).joined(separator: "\n")
    }
    return tables.joined(separator: "\n\n") + "\n"
  }

  /// All settings of `table`.
  func table(_ table: String) -> [String: Setting] { values[table] ?? [:] }

  /// These settings, where those of `other` replace them.
  public func overridden(by other: Settings) -> Settings {
    var settings = self
    for (table, values) in other.values { settings.values[table, default: [:]].merge(values) { $1 } }
    if other.probe != .null { settings.probe = other.probe }
    return settings
  }

  /// Sets the value in a text `TABLE.KEY=VALUE`.
  public mutating func set(_ assignment: String, origin: String? = nil) throws(InputError) {
    let origin = origin ?? "--set \(assignment)"
    guard let equals = assignment.firstIndex(of: "="),
      let dot = assignment[..<equals].firstIndex(of: "."), dot > assignment.startIndex,
      assignment.index(after: dot) < equals
    else {
      throw InputError(origin, found: "'\(assignment)'", expected: "TABLE.KEY=VALUE, such as estimator.rank=4")
    }
    let table = String(assignment[..<dot])
    let key = String(assignment[assignment.index(after: dot)..<equals])
    try Self.check(table, origin: origin)
    try set(table, key, Setting(.text(String(assignment[assignment.index(after: equals)...])), origin: origin))
  }

  /// Sets the option that a short command-line name stands for, such as `epsilon`.
  public mutating func set(shortcut name: String, to text: String) throws(InputError) {
    guard let shortcut = Shortcut.all.first(where: { $0.names.contains(name) }) else {
      throw InputError(
        "--\(name)", found: "no such option",
        expected: Suggestion.expected(for: name, among: Shortcut.all.flatMap(\.names)))
    }
    try set(shortcut.table, shortcut.key, Setting(.text(text), origin: "--\(name)"))
  }

  /// Sets one value.
  public mutating func set(_ table: String, _ key: String, _ setting: Setting) throws(InputError) {
    try Self.check(table, origin: setting.origin)
    values[table, default: [:]][key] = setting
  }

  private static func check(_ table: String, origin: String) throws(InputError) {
    guard tables.contains(table) else {
      throw InputError(
        origin, found: "no table called '\(table)'", expected: Suggestion.expected(for: table, among: tables))
    }
  }

  static func value(of node: some TOMLValueConvertible) -> Setting.Value {
    if let value = node.int { return .typed(.int(value)) }
    if let value = node.double { return .typed(.double(value)) }
    if let value = node.bool { return .typed(.bool(value)) }
    if let value = node.string { return .typed(.string(value)) }
    return .other("a TOML \(node.type)")
  }
}

/// A short name on the command line, and the option of a part for which it stands.
public struct Shortcut: Sendable, Hashable {
  /// The names, without dashes; the first is the usual one.
  public let names: [String]
  /// The table of the option.
  public let table: String
  /// The key of the option in the table.
  public let key: String

  /// Whether the name alone, without a value, means true.
  public var isSwitch: Bool { RunSettings.options(of: table)?.first { $0.name == key }?.kind == .bool }

  private init(_ names: String..., sets table: String, _ key: String) {
    self.names = names
    self.table = table
    self.key = key
  }

  /// All short names.
  public static let all: [Shortcut] = [
    Shortcut("model", sets: "model", "path"),
    Shortcut("train-blocks", sets: "model", "train"),
    Shortcut("activation-memory", sets: "model", "activation-memory"),
    Shortcut("tuning", sets: "tuning", "method"),
    Shortcut("peft", sets: "tuning", "peft"),
    Shortcut("task", sets: "task", "name"),
    Shortcut("data", sets: "task", "data"),
    Shortcut("test-data", sets: "task", "test-data"),
    Shortcut("objective", sets: "task", "objective"),
    Shortcut("chat", sets: "task", "chat"),
    Shortcut("k", sets: "task", "k"),
    Shortcut("train", sets: "task", "train"),
    Shortcut("dev", sets: "task", "dev"),
    Shortcut("test", sets: "task", "test"),
    Shortcut("split-seed", sets: "task", "seed"),
    Shortcut("optimizer", sets: "run", "optimizer"),
    Shortcut("steps", sets: "run", "steps"),
    Shortcut("batch", sets: "run", "batch"),
    Shortcut("seed", sets: "run", "seed"),
    Shortcut("eval-every", sets: "run", "eval-every"),
    Shortcut("threads", sets: "run", "threads"),
    Shortcut("shards", sets: "run", "shards"),
    Shortcut("out", sets: "run", "out"),
    Shortcut("generator", sets: "run", "generator"),
    Shortcut("estimator", sets: "estimator", "name"),
    Shortcut("rule", sets: "rule", "name"),
    Shortcut("adapter", sets: "adapter", "name"),
    Shortcut("learning-rate", "lr", sets: "rule", "learning-rate"),
    Shortcut("schedule", sets: "rule", "schedule"),
    Shortcut("warmup", sets: "rule", "warmup"),
    Shortcut("weight-decay", sets: "rule", "weight-decay"),
    Shortcut("beta", sets: "rule", "beta"),
    Shortcut("epsilon", sets: "estimator", "epsilon"),
    Shortcut("queries", sets: "estimator", "queries"),
    Shortcut("rank", sets: "estimator", "rank"),
    Shortcut("interval", "nu", sets: "estimator", "interval"),
    Shortcut("kappa", sets: "adapter", "interval"),
    Shortcut("tau", sets: "adapter", "clip"),
  ]

  /// The shortcut for `table`.`key`; nil where there is none.
  public static func of(_ table: String, _ key: String) -> Shortcut? {
    all.first { $0.table == table && $0.key == key }
  }

  /// The short name of `table`.`key`; nil where there is none.
  static func name(of table: String, _ key: String) -> String? { of(table, key)?.names.first }
}
