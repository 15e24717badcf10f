import Foundation
import Zeroth

/// `run.json`: what a run was, on which blocks, made by what, and why it ended.
public struct RunRecord: Sendable {
  /// What was asked for, in full.
  public let configuration: RunConfiguration
  /// The model's blocks.
  public let layout: ParameterLayout
  /// Why the run ended, in words, such as `all 1200 steps done`; nil while it runs.
  public var end: String?
  /// Results by name, such as accuracies, forward passes, seconds and peak memory.
  public var results: [JSONValue.Member] = []

  /// The record of a run that begins.
  public init(_ configuration: RunConfiguration, layout: ParameterLayout) {
    self.configuration = configuration
    self.layout = layout
  }

  /// The record as JSON.
  public var json: JSONValue {
    [
      "name": .string(configuration.shortName),
      "end": end.map { .string($0) } ?? .null,
      "results": .object(results),
      "configuration": configuration.json,
      "plugins": .array(configuration.plugins.map(\.json)),
      "versions": Versions.json(generator: configuration.composition.generator),
      "parameters": [
        "count": .int(layout.parameterCount), "trainable": .int(layout.trainableCount),
        "layout": .string(layout.contentHash),
      ],
      "blocks": .array(layout.blocks.map(block)),
    ]
  }

  private func block(_ block: ParameterBlock) -> JSONValue {
    [
      "name": .string(block.name), "role": .string(block.role.rawValue),
      "layer": block.layer.map { .int($0) } ?? .null,
      "shape": block.columns == 1 ? [.int(block.rows)] : [.int(block.rows), .int(block.columns)],
      "trainable": .bool(block.isTrainable),
      "adapted": .bool(block.isTrainable && configuration.adapterBlocks?.contains(block) ?? false),
    ]
  }

  /// Writes the record to `path`: a reader sees the old one or the new one, and never a part.
  public func write(to path: String) throws(InputError) { try OutputFile.replace(path, with: json.pretty + "\n") }

  /// The settings of the run whose record is at `path`, to replay or resume it.
  public static func settings(in path: String) throws(InputError) -> Settings {
    guard let configuration = try json(in: path)["configuration"] else {
      throw InputError("\(path): configuration", found: "nothing", expected: "an effective configuration")
    }
    return try Settings(json: configuration, name: path)
  }

  /// The record at `path`.
  static func json(in path: String) throws(InputError) -> JSONValue {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw InputError(path, found: "no file that can be read", expected: "the record of a run")
    }
    return try JSONValue(parsing: data, subject: path)
  }
}

/// What this program was built from and runs on.
public enum Versions {
  /// The version of Zeroth.
  public static let zeroth = "0.1.0"

  /// The compiler, as far as a program can know it.
  public static var swift: String {
    #if compiler(>=6.4)
      "6.4 or later"
    #elseif compiler(>=6.3.1)
      "6.3.1 or later"
    #elseif compiler(>=6.3)
      "6.3"
    #else
      "before 6.3"
    #endif
  }

  /// The processor's name, from /proc/cpuinfo.
  public static var processor: String {
    let text = FileManager.default.contents(atPath: "/proc/cpuinfo").map { String(decoding: $0, as: UTF8.self) } ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
  }

  /// All of it, for a run whose random numbers come from `generator`.
  static func json(generator: String) -> JSONValue {
    [
      "zeroth": .string(zeroth), "swift": .string(swift), "openblas": .string(Backend.blasConfiguration),
      "openblas_library": .string(Backend.blasLibrary), "generator": .string(generator),
      "processor": .string(processor), "instruction_set": .string(Backend.instructionSet),
      "system": .string(ProcessInfo.processInfo.operatingSystemVersionString),
    ]
  }
}
