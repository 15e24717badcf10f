import Foundation
import Zeroth
import ZerothSupport

/// The content of `run.json`: the settings of a run, the blocks of its model, the versions of the programs, and the
/// results.
public struct RunRecord: Sendable {
  /// A short name of the run.
  public let name: String
  /// The effective value of every option, table by table.
  public let configuration: JSON
  /// The options that differ from the defaults and from the preset, such as `rule.learning-rate`.
  public let changed: [String]
  /// The libraries, loaded at run time, from which its strategies come.
  public let plugins: JSON
  /// The measurements from which options such as the learning rate were found; null where all options were given.
  public let probe: JSON
  /// The name of the random generator.
  public let generator: String
  /// The model's blocks.
  public let layout: ParameterLayout
  /// Whether the adapter works on a block.
  private let isAdapted: @Sendable (ParameterBlock) -> Bool
  /// Why the run ended, in words, such as `all 1200 steps done`; nil while it is running.
  public var end: String?
  /// Results by name, such as accuracies, forward passes, seconds and peak memory.
  public var results: [JSON.Member] = []

  /// The record of a run at its beginning.
  public init(
    name: String, configuration: JSON, changed: [String] = [], plugins: JSON = [], probe: JSON = .null,
    generator: String, layout: ParameterLayout,
    isAdapted: @escaping @Sendable (ParameterBlock) -> Bool = { _ in false }
  ) {
    self.name = name
    self.configuration = configuration
    self.changed = changed
    self.plugins = plugins
    self.probe = probe
    self.generator = generator
    self.layout = layout
    self.isAdapted = isAdapted
  }

  /// The record as JSON.
  public var json: JSON {
    [
      "name": .string(name),
      "end": end.map { .string($0) } ?? .null,
      "results": .object(results),
      "configuration": configuration,
      "changed": .array(changed.map { .string($0) }),
      "plugins": plugins,
      "probe": probe,
      "versions": Versions.json(generator: generator),
      "parameters": [
        "count": .int(layout.parameterCount), "trainable": .int(layout.trainableCount),
        "layout": .string(layout.contentHash),
      ],
      "blocks": .array(layout.blocks.map(block)),
    ]
  }

  private func block(_ block: ParameterBlock) -> JSON {
    [
      "name": .string(block.name), "role": .string(block.role.rawValue),
      "layer": block.layer.map { .int($0) } ?? .null,
      "shape": block.columns == 1 ? [.int(block.rows)] : [.int(block.rows), .int(block.columns)],
      "trainable": .bool(block.isTrainable), "adapted": .bool(block.isTrainable && isAdapted(block)),
    ]
  }

  /// Writes the record to `path`. A reader sees either the old record or the new one, and never a part of one.
  public func write(to path: String) throws(InputError) { try AtomicFile.write(json.pretty + "\n", to: path) }

  /// The record at `path`. Throws `InputError` when it cannot be read or is not JSON.
  public static func json(in path: String) throws(InputError) -> JSON {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw InputError(path, found: "no file that can be read", expected: "the record of a run")
    }
    return try JSON(parsing: data, subject: path)
  }
}
