import Foundation
import Zeroth
import ZerothSupport

/// What stands in front of a trajectory's losses: which run they belong to.
///
/// On disk: `ZEROTRAJ`, the version and the length of the JSON that follows as UInt32, all little endian.
public struct TrajectoryHeader: Sendable, Hashable {
  /// Everything in the configuration on which the updates depend: `RunConfiguration.identity`.
  public let identity: JSON
  /// The hash of the base weights.
  public let model: String
  /// The hash of the layout.
  public let layout: String
  /// The steps that were planned.
  public let steps: Int

  /// The header of a run of `steps` steps from the weights theta.
  public init(identity: JSON, steps: Int, base theta: borrowing ParameterStore) {
    self.init(identity: identity, model: theta.contentHash(), layout: theta.layout.contentHash, steps: steps)
  }

  init(identity: JSON, model: String, layout: String, steps: Int) {
    self.identity = identity
    self.model = model
    self.layout = layout
    self.steps = steps
  }

  static let magic = Data("ZEROTRAJ".utf8)
  static let version: UInt32 = 1
  /// Magic, version, length.
  static let fixedSize = 16
  private static let largest = 1 << 20

  /// The header as it is written.
  var encoded: Data {
    let json: JSON = [
      "identity": identity, "model": .string(model), "layout": .string(layout), "steps": .int(steps),
    ]
    let text = Data((json.description + "\n").utf8)
    var data = Self.magic
    for number in [Self.version, UInt32(text.count)] {
      withUnsafeBytes(of: number.littleEndian) { data.append(contentsOf: $0) }
    }
    return data + text
  }

  /// Whether `data` is a part of this header and no more: a file that was cut off while it was begun.
  func isCut(_ data: Data) -> Bool { data.count < encoded.count && encoded.prefix(data.count) == data }

  /// Reads the header at the start of `data`, and its size. Throws `InputError` naming `path`.
  static func decode(_ data: Data, path: String) throws(InputError) -> (header: TrajectoryHeader, size: Int) {
    let start = data.startIndex
    guard data.prefix(magic.count) == magic.prefix(data.count) else {
      throw InputError("\(path): magic", found: "other bytes", expected: "a trajectory (ZEROTRAJ)")
    }
    guard data.count >= fixedSize else {
      throw InputError("\(path): header", found: "\(data.count) bytes", expected: "at least \(fixedSize)")
    }
    func number(_ at: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(data[start + at + $1]) << (8 * UInt32($1)) }
    }
    guard number(8) == version else {
      throw InputError("\(path): version", found: "\(number(8))", expected: "\(version)")
    }
    let length = Int(number(12))
    guard length <= largest, data.count >= fixedSize + length else {
      throw InputError(
        "\(path): header", found: "a length of \(length) in a file of \(data.count) bytes",
        expected: "the whole header, of at most \(largest)")
    }
    let json = try JSON(
      parsing: data.subdata(in: (start + fixedSize)..<(start + fixedSize + length)), subject: "\(path): header")
    guard let identity = json["identity"], let model = json["model"]?.string, let layout = json["layout"]?.string,
      let steps = json["steps"]?.integer
    else {
      throw InputError("\(path): header", found: "\(json)", expected: "identity, model, layout and steps")
    }
    return (
      TrajectoryHeader(identity: identity, model: model, layout: layout, steps: steps), fixedSize + length
    )
  }

  /// Throws `InputError`, naming the first difference, unless `run` is the same run; its planned steps may differ.
  func requireSameRun(as run: TrajectoryHeader, path: String) throws(InputError) {
    let theirs = Self.leaves(identity)
    let ours = Self.leaves(run.identity)
    for key in Set(theirs.keys).union(ours.keys).sorted() where theirs[key] != ours[key] {
      throw InputError(
        "\(path): \(key)", found: theirs[key] ?? "nothing", expected: "\(ours[key] ?? "nothing"), as in this run")
    }
    guard layout == run.layout else {
      throw InputError("\(path): layout", found: layout, expected: "\(run.layout), the hash of this model's blocks")
    }
    guard model == run.model else {
      throw InputError("\(path): base model", found: model, expected: "\(run.model), the hash of these weights")
    }
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
