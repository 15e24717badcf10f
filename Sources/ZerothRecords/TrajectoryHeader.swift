import Foundation
import Zeroth
import ZerothSupport

/// What stands in front of a trajectory's losses: which run they belong to.
///
/// On disk: `ZEROTRAJ`, then the format, the length of the JSON and a checksum as UInt32, little endian, then the JSON, which
/// ends with its only newline. The checksum is the CRC-32 of the other bytes. Format 1, which is still read, has no checksum.
public struct TrajectoryHeader: Sendable, Hashable {
  /// Everything in the configuration on which the updates depend: `RunConfiguration.identity`.
  public let identity: JSON
  /// The hash of the base weights.
  public let model: String
  /// The hash of the layout.
  public let layout: String
  /// The steps that were planned when the run began; it may have gone on beyond them.
  public let steps: Int
  /// What one loss is of.
  public let grain: LossGrain
  /// The parts that each mini-batch is measured in.
  public let shards: Int
  /// What of the model is tuned: `full` for its own weights.
  public let tuning: String
  /// Hashes of what the run read, by name: `tokenizer`, `train`, ... Compared on resuming, where both sides have them.
  public let inputs: [String: String]
  /// The version of the random streams, `Noise.version`.
  public let noise: Int
  /// What else the JSON holds, for versions that know it.
  let others: [JSON.Member]

  /// The header of a run of `steps` steps from the weights theta.
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
  /// The format that is written.
  static let format: UInt32 = 2
  /// Bytes before the JSON.
  static func fixedSize(_ format: UInt32) -> Int { format == 1 ? 16 : 20 }
  private static let largest = 1 << 20

  /// The header as it is written.
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

  /// Whether `data` ends within a header: what is left of a run that was killed while it began. It holds no step then, as
  /// the newline that ends the header is missing.
  static func isCut(_ data: Data) -> Bool {
    guard data.prefix(magic.count) == magic.prefix(data.count) else { return false }
    guard data.count >= 16 else { return true }
    let (format, length) = (data.littleEndian(at: 8, as: UInt32.self), Int(data.littleEndian(at: 12, as: UInt32.self)))
    guard (1...Self.format).contains(format), length <= largest else { return false }
    let text = data.dropFirst(fixedSize(format))
    return text.count < length && !text.contains(UInt8(ascii: "\n"))
  }

  /// The header that `data` is, as ``encoded`` gives it. Throws `InputError` naming `path`.
  public init(_ data: Data, path: String) throws(InputError) { self = try Self.decode(data, path: path).header }

  /// A header as it was read.
  struct Stored {
    var header: TrajectoryHeader
    /// 1 or 2.
    var format: UInt32
    /// Its bytes on disk.
    var size: Int
    /// What the checksums of the steps go on from; 0 in format 1, which has none.
    var checksum: UInt32
  }

  /// Reads the header at the start of `data`. Throws `InputError` naming `path`.
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

  /// Options that older records lack, each with the value that does what was done without it.
  private static let withoutOption = [
    "estimator.distribution": "\"gaussian\"", "model.activation-memory": "1024.0", "task.chat": "false",
    "adapter.search": "\"zeroth-order\"", "estimator.shaping": "\"none\"", "estimator.combination": "\"mean\"",
  ]

  /// A hash of all that two runs differ by, their planned steps aside.
  public var runHash: String {
    let parts = ["\(identity)", model, layout, grain.rawValue, "\(shards)", tuning, "\(noise)"]
    return ContentHash.hex(ContentHash.xxh64(parts.joined(separator: "\n")))
  }

  /// Throws `InputError`, naming the first difference, unless `run` is the same run; its planned steps may differ.
  ///
  /// Inputs are compared where both name them: a replay reads no data and names none.
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
      try requireEqual("input '\(name)'", found, expected, "the hash of what was read now: it has changed")
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

  /// Whether a direction of the run may be of Rademacher signs, as one of a strategy that was loaded at run time may be.
  private var mayUseSigns: Bool {
    identity["plugin"] != nil || Self.leaves(identity).values.contains(JSON.string("rademacher").description)
  }

  /// The values of nested objects by their joined keys. Parsing does not tell 1.0 from 1: they are the same here.
  private static func leaves(_ value: JSON, _ prefix: String = "") -> [String: String] {
    guard case .object(let members) = value else {
      return [prefix: value.double.map { "\($0)" } ?? value.description]
    }
    return members.reduce(into: [:]) { all, member in
      all.merge(leaves(member.value, prefix.isEmpty ? member.key : "\(prefix).\(member.key)")) { $1 }
    }
  }
}
