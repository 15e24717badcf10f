import Foundation
import Zeroth
import ZerothSupport

/// The `config.json` of a model folder. All of it is kept, so that it can be written beside new weights.
public struct ConfigurationFile: Sendable {
  /// The name of the file in its folder.
  public static let name = "config.json"
  /// The name of the file with the settings of generation, of which the end tokens are read.
  public static let generationName = "generation_config.json"

  /// The path of the file.
  public let path: String

  let json: JSON

  /// Reads the `config.json` in `directory`; throws `InputError` when it is missing or not a JSON object.
  public init(directory: String) throws {
    let path = directory.appendingFile(ConfigurationFile.name)
    if !FileManager.default.fileExists(atPath: path) { try Self.refuseOtherFolder(directory) }
    try self.init(path: path)
  }

  /// Throws `InputError` for the folder of an adapter, and for the folder of a run, whose model is in a subfolder.
  private static func refuseOtherFolder(_ directory: String) throws(InputError) {
    let below = directory.appendingFile("model")
    let expected = "the model that it is for, and the adapter by --peft"
    if PEFTAdapter.isIn(directory) {
      throw InputError(directory, found: "an adapter in PEFT's format", expected: expected)
    }
    if PEFTAdapter.isIn(below) {
      throw InputError(directory, found: "the folder of a run with an adapter", expected: "\(expected) \(below)")
    }
    if FileManager.default.fileExists(atPath: below.appendingFile(name)) {
      throw InputError(directory, found: "the folder of a run", expected: "its model, \(below)")
    }
  }

  /// Reads the file at `path`.
  init(path: String) throws {
    self.path = path
    let file = try MappedFile(path: path)
    try ForeignWeights.refuse(file)
    json = try withExtendedLifetime(file) { try JSON(parsing: file.bytes, subject: file.path) }
    guard json.members != nil else { throw InputError(path, found: json.summary, expected: "a JSON object") }
  }

  /// A configuration that is not in a file. `text` is its JSON. Errors call it `name`.
  public init(parsing text: String, name: String) throws {
    path = name
    json = try JSON(parsing: text, subject: name)
    guard json.members != nil else { throw InputError(name, found: json.summary, expected: "a JSON object") }
  }

  /// A configuration that follows from a file in another format. `json` is an object. Errors call it `name`.
  init(json: JSON, name: String) {
    path = name
    self.json = json
  }

  /// The text of the file.
  package var text: String { json.indented + "\n" }

  /// Writes the file into the existing folder `directory`. `changes` are members that replace existing ones or are
  /// added.
  ///
  /// `dtype` is the type of the weights in the folder. Whichever of the members `dtype` and `torch_dtype` exist are set
  /// to it. Where neither exists, `torch_dtype` is added, which every version of transformers reads. Everything else
  /// stays the same, in its order and with its digits. Throws `InputError` when the file cannot be written.
  func write(to directory: String, dtype: String? = nil, changes: [(key: String, value: JSON)] = []) throws {
    var json = json
    if let dtype {
      let present = ["dtype", "torch_dtype"].filter { json[$0] != nil }
      for key in present.isEmpty ? ["torch_dtype"] : present { json[key] = .string(dtype) }
    }
    for change in changes { json[change.key] = change.value }
    try AtomicFile.write(
      ConfigurationFile(json: json, name: path).text, to: directory.appendingFile(ConfigurationFile.name))
  }
}

extension ModelFolder.Source {
  /// The end tokens in `generation_config.json`; none where there is no such file. Throws `InputError` for a file that
  /// cannot be used.
  func generationEnds() throws -> [Int] {
    guard let path = directory?.appendingFile(ConfigurationFile.generationName),
      FileManager.default.fileExists(atPath: path)
    else {
      return []
    }
    let file = try ConfigurationFile(path: path)
    return try ConfigurationFields(subject: path, json: file.json).tokenIDs("eos_token_id", default: [])
  }
}

/// The members of one object in a configuration. Where a value does not fit, the error names the file and the field.
///
/// Unless a function says otherwise, a missing member has its default value, and null is an error.
public struct ConfigurationFields {
  /// The path of the file, followed by the keys that lead to the object.
  public let subject: String
  let json: JSON

  init(subject: String, json: JSON) {
    self.subject = subject
    self.json = json
  }

  /// The error where the value of `key` is not what is `expected`.
  public func error(_ key: String, expected: String) -> InputError {
    InputError("\(subject): \(key)", found: json[key]?.summary ?? "nothing", expected: expected)
  }

  /// Whether `key` is missing or null. Programs in Python write null for None.
  public func isNone(_ key: String) -> Bool { json[key] == nil || json[key] == .null }

  /// A count or a dimension from 1 to `most`, which is 2^31 - 1 by default so that the product of two cannot overflow.
  public func size(_ key: String, default value: Int, most: Int = Int(Int32.max)) throws -> Int {
    if json[key] == nil { return value }
    guard let size = json[key]?.integer, (1...most).contains(size) else {
      throw error(key, expected: "an integer from 1 to \(most)")
    }
    return size
  }

  /// The number of layers, at most 10 000. This is ten times the number in any published model. The limit is needed
  /// because the table takes about a kilobyte for each layer before anything is compared with the checkpoint.
  public func layers(_ key: String = "num_hidden_layers", default value: Int) throws -> Int {
    try size(key, default: value, most: 10_000)
  }

  /// As `size(_:default:)`, for a key that may be missing or null. It is then nil.
  public func size(_ key: String) throws -> Int? { isNone(key) ? nil : try size(key, default: 1) }

  /// A number of things, 0 or more.
  public func count(_ key: String, default value: Int) throws -> Int {
    if json[key] == nil { return value }
    guard let count = json[key]?.integer, (0...Int(Int32.max)).contains(count) else {
      throw error(key, expected: "an integer from 0 to \(Int32.max)")
    }
    return count
  }

  /// `true` or `false`.
  public func flag(_ key: String, default value: Bool) throws -> Bool {
    if json[key] == nil { return value }
    guard let flag = json[key]?.bool else { throw error(key, expected: "true or false") }
    return flag
  }

  /// A finite number above zero; an error when it is missing and has no default.
  public func positiveNumber(_ key: String, default value: Double? = nil) throws -> Double {
    if let value, json[key] == nil { return value }
    guard let number = json[key]?.double, number > 0 else { throw error(key, expected: "a number above 0") }
    return number
  }

  /// A token id. Nil for null, and for -1, which old Llama checkpoints write where there is no such token.
  public func tokenID(_ key: String, default value: Int?) throws -> Int? {
    guard let json = json[key] else { return value }
    return json == .null ? nil : try tokenID(json, of: key)
  }

  /// One token id or an array of them; empty for null.
  public func tokenIDs(_ key: String, default values: [Int]) throws -> [Int] {
    switch json[key] {
    case nil: values
    case .null: []
    case .array(let elements): try elements.compactMap { try tokenID($0, of: key) }
    case let json?: try tokenID(json, of: key).map { [$0] } ?? []
    }
  }

  private func tokenID(_ json: JSON, of key: String) throws -> Int? {
    guard let id = json.integer, (-1...Int(Int32.max)).contains(id) else { throw error(key, expected: "a token id") }
    return id == -1 ? nil : id
  }

  /// The activation function that has this name in transformers. Null stands for the default.
  public func activation(_ key: String, default value: Activation) throws -> Activation {
    if isNone(key) { return value }
    guard let name = json[key]?.string, let activation = Activation(transformersName: name) else {
      throw error(key, expected: "one of " + Activation.transformersNames.keys.sorted().joined(separator: ", "))
    }
    return activation
  }

  /// The fields of the object under `key`. Nil where it is missing, null or empty, which is the same in transformers.
  public func object(_ key: String) throws -> ConfigurationFields? {
    if isNone(key) { return nil }
    guard let value = json[key], let members = value.members else { throw error(key, expected: "an object") }
    return members.isEmpty ? nil : ConfigurationFields(subject: "\(subject): \(key)", json: value)
  }

  /// An array of strings; empty where the key is missing or null.
  public func names(_ key: String) throws -> [String] {
    switch json[key] {
    case nil, .null: return []
    case .array(let elements):
      let names = elements.compactMap(\.string)
      guard names.count == elements.count else { throw error(key, expected: "an array of names") }
      return names
    default: throw error(key, expected: "an array of names")
    }
  }

  /// Throws unless `count`, the value of `key`, is a multiple of `divisor`, the value of `divisorKey`.
  public func require(_ key: String, _ count: Int, isMultipleOf divisorKey: String, _ divisor: Int) throws {
    guard count.isMultiple(of: divisor) else {
      throw InputError("\(subject): \(key)", found: "\(count)", expected: "a multiple of \(divisorKey), \(divisor)")
    }
  }
}
