import Foundation
import Zeroth
import ZerothSupport

/// The header of a trajectory, which identifies the run.
///
/// On disk it is `ZEROTRAJ`, then the format, the length of the JSON and a checksum as UInt32, little endian, then the
/// JSON, which ends with its only newline. The checksum is the CRC-32 of all other bytes of the header. Format 1, which
/// can still be read, has no checksum.
public struct TrajectoryHeader: Sendable, Hashable {
  /// All options on which the updates depend: `RunConfiguration.identity`.
  public let identity: JSON
  /// The hash of the base weights.
  public let model: String
  /// The hash of the layout.
  public let layout: String
  /// The number of steps that were planned when the run began. It may have been continued beyond them.
  public let steps: Int
  /// Whether the losses are those of mini-batches or of single examples.
  public let grain: LossGrain
  /// The number of parts in which each mini-batch is measured.
  public let shards: Int
  /// The tuning of the model: `full` for its own weights.
  public let tuning: String
  /// Hashes of what the run read, by name: `tokenizer`, `train`, ... When a run is resumed, the names that both sides
  /// have are compared.
  public let inputs: [String: String]
  /// The version of the random noise, `Noise.version`.
  public let noise: Int
  /// Other members of the JSON, for versions of this program that know them.
  let others: [JSON.Member]

  /// The header of a run of `steps` steps that starts from the weights theta.
  public init(
    identity: JSON, steps: Int, base theta: borrowing ParameterStore, grain: LossGrain = .batch, shards: Int = 1,
    tuning: String = "full", inputs: [String: String] = [:]
  ) {
    self.init(
      identity: identity, model: theta.contentHash(), layout: theta.layout.contentHash, steps: steps, grain: grain,
      shards: shards, tuning: tuning, inputs: inputs)
  }

  init(
    identity: JSON, model: String, layout: String, steps: Int, grain: LossGrain = .batch, shards: Int = 1,
    tuning: String = "full", inputs: [String: String] = [:], noise: Int = Noise.version, others: [JSON.Member] = []
  ) {
    self.identity = identity
    self.model = model
    self.layout = layout
    self.steps = steps
    self.grain = grain
    self.shards = shards
    self.tuning = tuning
    self.inputs = inputs
    self.noise = noise
    self.others = others
  }

  static let magic = Data("ZEROTRAJ".utf8)
  /// The format of new files.
  static let format: UInt32 = 2
  /// The number of bytes before the JSON.
  static func fixedSize(_ format: UInt32) -> Int { format == 1 ? 16 : 20 }
  private static let largest = 1 << 20

  /// The header as it is written to the file.
  public var encoded: Data {
    let members: [JSON.Member] = [
      .init("identity", identity), .init("model", .string(model)), .init("layout", .string(layout)),
      .init("steps", .int(steps)), .init("grain", .string(grain.rawValue)), .init("shards", .int(shards)),
      .init("tuning", .string(tuning)), .init("noise", .int(noise)),
      .init("inputs", .object(inputs.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })),
    ]
    let text = Data((JSON.object(members + others).description + "\n").utf8)
    var data = Self.magic
    data.append(littleEndian: Self.format)
    data.append(littleEndian: UInt32(text.count))
    data.append(littleEndian: Checksum.crc32(text, after: Checksum.crc32(data)))
    return data + text
  }

  /// Whether `data` ends within a header, as in a run that was killed at its beginning. The newline at the end of the
  /// header is then missing, so there is no step.
  static func isCut(_ data: Data) -> Bool {
    guard data.prefix(magic.count) == magic.prefix(data.count) else { return false }
    guard data.count >= 16 else { return true }
    let (format, length) = (data.littleEndian(at: 8, as: UInt32.self), Int(data.littleEndian(at: 12, as: UInt32.self)))
    guard (1...Self.format).contains(format), length <= largest else { return false }
    let text = data.dropFirst(fixedSize(format))
    return text.count < length && !text.contains(UInt8(ascii: "\n"))
  }

  /// Decodes a header that ``encoded`` gave. Throws an `InputError` that names `path`.
  public init(_ data: Data, path: String) throws(InputError) { self = try Self.decode(data, path: path).header }

  /// A header that was read from a file.
  struct Stored {
    var header: TrajectoryHeader
    /// The format, 1 or 2.
    var format: UInt32
    /// The number of its bytes on disk.
    var size: Int
    /// The checksum that those of the steps continue; 0 in format 1, which has none.
    var checksum: UInt32
  }

  /// Reads the header at the start of `data`. Throws an `InputError` that names `path`.
  static func decode(_ data: Data, path: String) throws(InputError) -> Stored {
    let data = data.startIndex == 0 ? data : Data(data)
    guard data.prefix(magic.count) == magic.prefix(data.count) else {
      throw InputError("\(path): magic", found: "other bytes", expected: "a trajectory (ZEROTRAJ)")
    }
    guard data.count >= 16 else {
      throw InputError("\(path): header", found: "\(data.count) bytes", expected: "at least 16")
    }
    let format = data.littleEndian(at: 8, as: UInt32.self)
    guard (1...Self.format).contains(format) else {
      throw InputError("\(path): format", found: "\(format)", expected: "1 to \(Self.format)")
    }
    let length = Int(data.littleEndian(at: 12, as: UInt32.self))
    let start = fixedSize(format)
    guard length <= largest, data.count >= start + length else {
      throw InputError(
        "\(path): header", found: "a length of \(length) in a file of \(data.count) bytes",
        expected: "the whole header, of at most \(largest)")
    }
    let text = data.subdata(in: start..<(start + length))
    var checksum: UInt32 = 0
    if format > 1 {
      checksum = data.littleEndian(at: 16)
      let computed = Checksum.crc32(text, after: Checksum.crc32(data.prefix(16)))
      guard checksum == computed else {
        throw InputError(
          "\(path): header", found: "the checksum \(Checksum.hex(checksum))",
          expected: "\(Checksum.hex(computed)), that of its bytes: the file is damaged")
      }
    }
    let header = try TrajectoryHeader(
      JSON(parsing: text, subject: "\(path): header"), format: format, subject: "\(path): header")
    return Stored(header: header, format: format, size: start + length, checksum: checksum)
  }

  private init(_ json: JSON, format: UInt32, subject: String) throws(InputError) {
    func wrong(_ key: String, _ expected: String) -> InputError {
      InputError("\(subject): \(key)", found: json[key]?.summary ?? "nothing", expected: expected)
    }
    guard let identity = json["identity"], let model = json["model"]?.string, let layout = json["layout"]?.string,
      let steps = json["steps"]?.integer
    else {
      throw InputError(subject, found: json.summary, expected: "identity, model, layout and steps")
    }
    guard format > 1 else {
      self.init(identity: identity, model: model, layout: layout, steps: steps, noise: 1)
      return
    }
    guard let grain = (json["grain"]?.string).flatMap(LossGrain.init) else { throw wrong("grain", "batch or example") }
    guard let shards = json["shards"]?.integer, shards > 0 else { throw wrong("shards", "an integer, at least 1") }
    guard let tuning = json["tuning"]?.string else { throw wrong("tuning", "a text") }
    guard let noise = json["noise"]?.integer else { throw wrong("noise", "an integer") }
    guard let members = json["inputs"]?.members else { throw wrong("inputs", "an object") }
    var inputs: [String: String] = [:]
    for member in members {
      guard let hash = member.value.string else { throw wrong("inputs", "a hash for each name") }
      inputs[member.key] = hash
    }
    let known: Set = ["identity", "model", "layout", "steps", "grain", "shards", "tuning", "noise", "inputs"]
    self.init(
      identity: identity, model: model, layout: layout, steps: steps, grain: grain, shards: shards, tuning: tuning,
      inputs: inputs, noise: noise, others: (json.members ?? []).filter { !known.contains($0.key) })
  }

  /// Options that older records lack, each with the value for which it has no effect.
  private static let withoutOption = [
    "estimator.distribution": "\"gaussian\"", "model.activation-memory": "1024", "task.chat": "false",
    "adapter.search": "\"zeroth-order\"", "estimator.shaping": "\"none\"", "estimator.combination": "\"mean\"",
  ]

  /// A hash of everything in which two runs can differ, except for the number of planned steps.
  public var runHash: String {
    let parts = ["\(identity)", model, layout, grain.rawValue, "\(shards)", tuning, "\(noise)"]
    return ContentHash.hex(ContentHash.xxh64(parts.joined(separator: "\n")))
  }

  /// Throws an `InputError` that names the first difference, unless `run` is the same run. The numbers of planned steps
  /// may differ.
  ///
  /// Inputs are compared where both have them. A replay reads no data, so it has none.
  public func requireSameRun(as run: TrajectoryHeader, path: String) throws(InputError) {
    func requireEqual(_ name: String, _ found: String, _ expected: String, _ what: String) throws(InputError) {
      guard found == expected else {
        throw InputError("\(path): \(name)", found: found, expected: "\(expected), \(what)")
      }
    }
    let theirs = Self.leaves(identity)
    let ours = Self.leaves(run.identity)
    for key in Set(theirs.keys).union(ours.keys).sorted() where theirs[key] != ours[key] {
      if theirs[key] == nil, let without = Self.withoutOption[key], ours[key] == without { continue }
      throw InputError(
        "\(path): \(key)", found: theirs[key] ?? "nothing",
        expected: "\(ours[key] ?? "nothing"), as this command has it")
    }
    try requireEqual("layout", layout, run.layout, "the hash of this model's blocks: the run trained another model")
    for (name, found) in inputs.sorted(by: { $0.key < $1.key }) {
      guard let expected = run.inputs[name] else { continue }
      try requireEqual(
        "input '\(name)'", found, expected, "the hash of what was read now: it has changed since the run began")
    }
    try requireEqual("base model", model, run.model, "the hash of these weights")
    try requireEqual("grain", grain.rawValue, run.grain.rawValue, "as this command has it")
    try requireEqual("shards", "\(shards)", "\(run.shards)", "as this command has it")
    try requireEqual("tuning", tuning, run.tuning, "as this command has it")
    guard noise == run.noise || (noise < run.noise && !mayUseSigns) else {
      throw InputError(
        "\(path): noise", found: "version \(noise)",
        expected:
          "\(run.noise), which draws other signs: this run can be made again by the version that recorded it alone")
    }
  }

  /// Whether a direction of the run may consist of Rademacher signs. Strategies that were loaded at run time may use
  /// them.
  private var mayUseSigns: Bool {
    identity["plugin"] != nil || Self.leaves(identity).values.contains(JSON.string("rademacher").description)
  }

  /// The values of nested objects by their joined keys. 1.0 and 1 are the same here, because parsing does not
  /// distinguish them.
  private static func leaves(_ value: JSON, _ prefix: String = "") -> [String: String] {
    guard case .object(let members) = value else {
      let whole = value.integer ?? value.double.flatMap { Int(exactly: $0) }
      return [prefix: whole.map { "\($0)" } ?? value.double.map { "\($0)" } ?? value.description]
    }
    return members.reduce(into: [:]) { all, member in
      all.merge(leaves(member.value, prefix.isEmpty ? member.key : "\(prefix).\(member.key)")) { $1 }
    }
  }
}
