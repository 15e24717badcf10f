import Zeroth
import ZerothSupport

/// The `config.json` of a model folder, kept whole so that it can be written beside new weights.
public struct ConfigurationFile: Sendable {
  /// The name of the file in its folder.
  public static let name = "config.json"

  /// The path of the file.
  public let path: String

  let json: JSON

  /// Reads the `config.json` in `directory`; throws `InputError` when it is missing or not a JSON object.
  public init(directory: String) throws {
    path = directory.appendingFile(ConfigurationFile.name)
    let file = try MappedFile(path: path)
    json = try withExtendedLifetime(file) { try JSON(parsing: file.bytes, subject: file.path) }
    guard json.members != nil else { throw InputError(path, found: json.summary, expected: "a JSON object") }
  }

  /// A configuration that is not in a file: `text` is its JSON, and errors call it `name`.
  public init(parsing text: String, name: String) throws {
    path = name
    json = try JSON(parsing: text, subject: name)
    guard json.members != nil else { throw InputError(name, found: json.summary, expected: "a JSON object") }
  }

  /// Writes the file into the existing folder `directory`, declaring the weights beside it as single precision.
  ///
  /// `dtype` and `torch_dtype`, whichever are present, become `"float32"`; where neither is, `torch_dtype` is added,
  /// which every version of transformers reads. Everything else stays, in its order and with its digits.
  /// Throws `InputError` when the file cannot be written.
  public func writeAsFloat32(to directory: String) throws {
    var json = json
    let present = ["dtype", "torch_dtype"].filter { json[$0] != nil }
    for key in present.isEmpty ? ["torch_dtype"] : present { json[key] = .string("float32") }
    let file = try AtomicFile(path: directory.appendingFile(ConfigurationFile.name))
    try file.write(json.indented + "\n")
    try file.commit()
  }
}

/// Reads the members of one object of a configuration, with an error that names file and field for each misfit.
struct ConfigurationFields {
  /// The path of the file, followed by the keys that lead to the object.
  let subject: String
  let json: JSON

  func error(_ key: String, expected: String) -> InputError {
    InputError("\(subject): \(key)", found: json[key]?.summary ?? "nothing", expected: expected)
  }

  /// Whether `key` is missing or null, which Python code writes for None.
  private func isNone(_ key: String) -> Bool { json[key] == nil || json[key] == .null }

  /// A count or dimension from 1 to `most`, by default 2^31 - 1: products of two cannot overflow.
  func size(_ key: String, default value: Int, most: Int = Int(Int32.max)) throws -> Int {
    if json[key] == nil { return value }
    guard let size = json[key]?.integer, (1...most).contains(size) else {
      throw error(key, expected: "an integer from 1 to \(most)")
    }
    return size
  }

  /// The number of layers. A table holds about a kilobyte for each, before anything is compared with the checkpoint: so
  /// there are at most 10 000, ten times as many as in any model that was published.
  func layers(default value: Int) throws -> Int { try size("num_hidden_layers", default: value, most: 10_000) }

  /// Like `size(_:default:)` for a key that may also be null; nil when it is or when it is missing.
  func size(_ key: String) throws -> Int? { isNone(key) ? nil : try size(key, default: 1) }

  /// `true` or `false`.
  func flag(_ key: String, default value: Bool) throws -> Bool {
    if json[key] == nil { return value }
    guard let flag = json[key]?.bool else { throw error(key, expected: "true or false") }
    return flag
  }

  /// A finite number above zero; an error when it is missing and has no default.
  func positiveNumber(_ key: String, default value: Double? = nil) throws -> Double {
    if let value, json[key] == nil { return value }
    guard let number = json[key]?.double, number > 0 else { throw error(key, expected: "a number above 0") }
    return number
  }

  /// A token id; nil for null and for the -1 that old Llama checkpoints write for none.
  func tokenID(_ key: String, default value: Int?) throws -> Int? {
    guard let json = json[key] else { return value }
    return json == .null ? nil : try tokenID(json, of: key)
  }

  /// One token id or an array of them; empty for null.
  func tokenIDs(_ key: String, default value: Int) throws -> [Int] {
    switch json[key] {
    case nil: [value]
    case .null: []
    case .array(let elements): try elements.compactMap { try tokenID($0, of: key) }
    case let json?: try tokenID(json, of: key).map { [$0] } ?? []
    }
  }

  private func tokenID(_ json: JSON, of key: String) throws -> Int? {
    guard let id = json.integer, (-1...Int(Int32.max)).contains(id) else { throw error(key, expected: "a token id") }
    return id == -1 ? nil : id
  }

  /// The name of an activation function, as transformers spells them.
  func activation(_ key: String, default value: Activation) throws -> Activation {
    if json[key] == nil { return value }
    guard let name = json[key]?.string, let activation = Activation(transformersName: name) else {
      throw error(key, expected: "one of " + Activation.transformersNames.keys.sorted().joined(separator: ", "))
    }
    return activation
  }

  /// The fields of the object under `key`; nil when it is missing, null or, as transformers sees it, empty.
  func object(_ key: String) throws -> ConfigurationFields? {
    if isNone(key) { return nil }
    guard let value = json[key], let members = value.members else { throw error(key, expected: "an object") }
    return members.isEmpty ? nil : ConfigurationFields(subject: "\(subject): \(key)", json: value)
  }
}
