import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// A strategy of a library: the functions that all kinds have, and the description that `explain` prints.
final class PluginStrategy: @unchecked Sendable {
  let kind: StrategyDescription.Kind
  /// The library's own struct. `create` receives this one.
  let original: UnsafePointer<zeroth_plugin_strategy>
  /// Copies of that struct and of the functions on its directions. They stay as they were when they were checked,
  /// whatever the library does with its own.
  let functions: UnsafePointer<zeroth_plugin_strategy>
  let directions: UnsafePointer<zeroth_plugin_direction_functions>?
  let description: StrategyDescription
  let checksAlways: Bool
  let library: PluginIdentity

  var name: String { description.name }
  var hasFactors: Bool { directions?.pointee.write_left != nil }
  var changesState: Bool { functions.pointee.copy != nil }

  /// Reads and checks the struct at `original`. `hostOptions` come before the options that the library declares.
  init(
    _ library: PluginIdentity, _ kind: StrategyDescription.Kind, _ original: UnsafePointer<zeroth_plugin_strategy>?,
    hostOptions: [OptionSpec] = [], checksAlways: Bool
  ) throws(InputError) {
    var memory = PluginMemory(subject: library.path)
    let type = try memory.structure("\(kind.rawValue)'s strategy", at: original, of: zeroth_plugin_strategy.self)
    guard let original else { preconditionFailure("a struct that was read has an address") }
    let name = try memory.name("\(kind.rawValue) name", type.name)
    memory = PluginMemory(subject: "\(library.path): \(kind.rawValue) '\(name)'")
    guard type.create != nil else { throw memory.error("functions", found: "no create", expected: "it") }
    guard (type.save_state == nil) == (type.restore_state == nil) else {
      throw memory.error("functions", found: "one of save_state and restore_state", expected: "both or neither")
    }
    guard type.save_state == nil || type.copy != nil else {
      throw memory.error("functions", found: "no copy", expected: "it, beside restore_state, which changes the state")
    }
    directions = try Self.directions(type, memory).map(persistentCopy)
    var description = StrategyDescription(
      name, summary: try memory.text("summary", type.summary), formula: try memory.text("formula", type.formula),
      source: try memory.text("source", type.source), options: hostOptions + (try Self.options(type, memory)),
      forwards: try memory.optionalText("forwards_text", type.forwards_text) ?? "none",
      state: try memory.optionalText("state_text", type.state_text) ?? "none")
    description.plugin = library
    self.description = description
    self.kind = kind
    self.original = original
    self.checksAlways = checksAlways
    self.library = library
    functions = persistentCopy(type)
  }

  /// The name of `function` of this strategy, for errors.
  func subject(_ function: String) -> String { "\(library.path): \(function) of \(kind.rawValue) '\(name)'" }

  /// The functions on the strategy's directions; nil if it has none.
  private static func directions(
    _ type: zeroth_plugin_strategy, _ memory: PluginMemory
  ) throws(InputError) -> zeroth_plugin_direction_functions? {
    guard let address = type.directions else { return nil }
    let functions = try memory.structure("directions", at: address, of: zeroth_plugin_direction_functions.self)
    guard functions.add != nil else { throw memory.error("directions", found: "no add", expected: "it") }
    guard (functions.write_left == nil) == (functions.write_right == nil) else {
      throw memory.error("directions", found: "one of write_left and write_right", expected: "both or neither")
    }
    guard (functions.retain == nil) == (functions.release == nil) else {
      throw memory.error("directions", found: "one of retain and release", expected: "both or neither")
    }
    return functions
  }

  private static func options(
    _ type: zeroth_plugin_strategy, _ memory: PluginMemory
  ) throws(InputError) -> [OptionSpec] {
    guard (0...256).contains(type.option_count) else {
      throw memory.error("option_count", found: "\(type.option_count)", expected: "0 to 256")
    }
    var specs: [OptionSpec] = []
    for i in 0..<Int(type.option_count) {
      let address = try memory.value(
        "options[\(i)]", at: type.options.map { $0 + i }, of: UnsafeRawPointer?.self)
      let option = try memory.structure("options[\(i)]", at: address, of: zeroth_plugin_option.self)
      specs.append(try OptionSpec(option, memory))
    }
    return specs
  }
}

/// A copy that is never freed. A type lives as long as the process, and so does its library.
private func persistentCopy<T: BitwiseCopyable>(_ value: T) -> UnsafePointer<T> {
  let copy = UnsafeMutablePointer<T>.allocate(capacity: 1)
  copy.initialize(to: value)
  return UnsafePointer(copy)
}

/// A strategy of one kind: the common functions, and those of its kind.
struct PluginType<Functions: BitwiseCopyable>: @unchecked Sendable {
  let strategy: PluginStrategy
  let functions: UnsafePointer<Functions>
  /// The flags that the plugin states, such as ZEROTH_PLUGIN_LOW_RANK.
  let capabilities: UInt64

  var isLowRank: Bool { capabilities & UInt64(ZEROTH_PLUGIN_LOW_RANK) != 0 }

  fileprivate init(
    _ strategy: PluginStrategy, _ functions: Functions, _ capabilities: UInt64, allowed: Int, _ words: String
  ) throws(InputError) {
    guard capabilities & ~UInt64(allowed) == 0 else {
      throw strategy.memory.error("capabilities", found: "\(capabilities)", expected: words)
    }
    self.strategy = strategy
    self.functions = persistentCopy(functions)
    self.capabilities = capabilities
  }
}

extension PluginStrategy {
  /// Reads the struct's data. It names the strategy in errors.
  fileprivate var memory: PluginMemory { PluginMemory(subject: "\(library.path): \(kind.rawValue) '\(name)'") }
}

extension PluginType<zeroth_plugin_estimator> {
  init(_ library: PluginIdentity, at address: UnsafeRawPointer, checksAlways: Bool) throws(InputError) {
    let type = try PluginMemory(subject: library.path).structure("estimator", at: address, of: Functions.self)
    let strategy = try PluginStrategy(library, .estimator, type.strategy, checksAlways: checksAlways)
    guard type.forwards != nil, type.estimate != nil, strategy.directions != nil else {
      throw strategy.memory.error("functions", found: "NULL", expected: "forwards, estimate and directions")
    }
    try self.init(
      strategy, type, type.capabilities, allowed: ZEROTH_PLUGIN_LOW_RANK, "0 or ZEROTH_PLUGIN_LOW_RANK")
    guard !isLowRank || strategy.hasFactors else {
      throw strategy.memory.error("directions", found: "no write_left", expected: "it, of an estimator of low rank")
    }
  }
}

extension PluginType<zeroth_plugin_rule> {
  init(_ library: PluginIdentity, at address: UnsafeRawPointer, checksAlways: Bool) throws(InputError) {
    let type = try PluginMemory(subject: library.path).structure("rule", at: address, of: Functions.self)
    let strategy = try PluginStrategy(
      library, .rule, type.strategy, hostOptions: OptionSpec.stepRule, checksAlways: checksAlways)
    guard type.update != nil else { throw strategy.memory.error("functions", found: "no update", expected: "it") }
    try self.init(
      strategy, type, type.capabilities, allowed: ZEROTH_PLUGIN_LOW_RANK, "0 or ZEROTH_PLUGIN_LOW_RANK")
  }
}

extension PluginType<zeroth_plugin_adapter> {
  init(_ library: PluginIdentity, at address: UnsafeRawPointer, checksAlways: Bool) throws(InputError) {
    let type = try PluginMemory(subject: library.path).structure("adapter", at: address, of: Functions.self)
    let strategy = try PluginStrategy(library, .adapter, type.strategy, checksAlways: checksAlways)
    guard type.scales != nil || type.did_apply != nil else {
      throw strategy.memory.error("functions", found: "neither scales nor did_apply", expected: "one of them at least")
    }
    try self.init(
      strategy, type, type.capabilities, allowed: ZEROTH_PLUGIN_NO_WEIGHT_DECAY, "0 or ZEROTH_PLUGIN_NO_WEIGHT_DECAY")
  }
}
