import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

extension PluginInstance {
  /// Saves or restores the state of a plugin's strategy. An instance that is shared is copied before it is restored.
  ///
  /// Only the library that wrote a state knows what its values mean. A state is therefore refused by every other
  /// library.
  static func code(_ instance: inout PluginInstance, _ state: StateCoder) throws(InputError) {
    try state.require("strategy", instance.strategy.name)
    try state.require("library", "\(instance.strategy.library.name) \(instance.strategy.library.hash)")
    try instance.checkFault()
    guard instance.strategy.functions.pointee.save_state != nil else {
      guard !instance.strategy.changesState, instance.stateCount == 0 else {
        throw InputError(
          instance.strategy.subject("save_state"), found: "NULL, of a strategy whose state changes",
          expected: "a function, and restore_state, for a checkpoint")
      }
      return
    }
    if state.isRestoring {
      if !isKnownUniquelyReferenced(&instance) { instance = instance.copy() }
      try instance.restore(state)
    } else {
      try state.scoped("state") { (state) throws(InputError) in
        let values = PluginValues(instance, "save_state", state)
        try instance.save(values)
        var count = values.all.count
        try state.code("end", &count)
      }
    }
  }

  private func save(_ values: PluginValues) throws(InputError) {
    var writer = values.writer
    let layout = layout(values.layout)
    try values.check {
      zeroth_guarded_save(
        strategy.functions, state, PluginServices.table, layout.pointer, &writer, $0, $1)
    }
  }

  /// Restores the state and then lets the plugin save it again. Both must be the same, bit for bit.
  private func restore(_ state: StateCoder) throws(InputError) {
    try state.scoped("state") { (state) throws(InputError) in
      let values = PluginValues(self, "restore_state", state)
      var reader = values.reader
      let layout = layout(state.layout)
      try values.check {
        zeroth_guarded_restore(
          strategy.functions, self.state, PluginServices.table, layout.pointer, &reader, $0, $1)
      }
      guard (try? state.nextCount("end", .integers)) == 1 else {
        throw values.error("\(values.all.count) values read", expected: "all that save_state wrote")
      }
      var count = 0
      try state.code("end", &count)
      let again = PluginValues(self, "save_state", state, isComparing: true)
      try save(again)
      for (restored, saved) in zip(values.all, again.all) where restored != saved {
        throw values.error(
          "a state that saves another '\(saved.name)' than it was given", expected: "the same, bit for bit")
      }
      guard values.all.count == again.all.count else {
        throw values.error(
          "a state that saves \(again.all.count) values where it was given \(values.all.count)", expected: "the same")
      }
    }
  }
}

/// The values of a state, on their way between a plugin and a checkpoint.
private final class PluginValues {
  /// A value that was saved or restored.
  struct Value: Equatable {
    let name: String
    let type: StateType
    let hash: UInt64
  }

  private(set) var all: [Value] = []
  private let instance: PluginInstance
  private let function: String
  private let coder: StateCoder
  /// Whether the values are only collected for a comparison, and not written to the checkpoint.
  private let isComparing: Bool
  private var failure: InputError?

  init(_ instance: PluginInstance, _ function: String, _ coder: StateCoder, isComparing: Bool = false) {
    self.instance = instance
    self.function = function
    self.coder = coder
    self.isComparing = isComparing
  }

  var layout: ParameterLayout { coder.layout }

  func error(_ found: String, expected: String) -> InputError {
    InputError(instance.strategy.subject(function), found: found, expected: expected)
  }

  /// Calls the plugin and throws its error. An error of the checkpoint comes first, because the plugin's own error may
  /// follow from it.
  func check(
    _ body: (UnsafeMutablePointer<zeroth_plugin_failure>, UnsafeMutablePointer<Int32>) -> Int32
  ) throws(InputError) {
    let end = Result { () throws(InputError) in
      try withExtendedLifetime(self) { () throws(InputError) in
        try instance.call(function, expected: "a state that it takes", body)
      }
    }
    if let failure { throw failure }
    try end.get()
  }

  private var generator: UInt64 { UInt64(coder.generator.index) }

  var writer: zeroth_plugin_writer {
    zeroth_plugin_writer(
      size: UInt64(MemoryLayout<zeroth_plugin_writer>.size), generator: generator,
      write: { writer, name, type, values, count in
        PluginValues.serve(writer?.pointee.host) { state throws(InputError) in
          let (name, type) = try state.value(name, type)
          let bytes = try state.bytes(name, type, UnsafeMutableRawPointer(mutating: values), count) {
            zeroth_guarded_reads($0, $1)
          }
          state.all.append(Value(name: name, type: type, hash: ContentHash.xxh64(UnsafeRawBufferPointer(bytes))))
          if !state.isComparing { try state.coder.code(name, type, bytes) }
        }
      }, host: Unmanaged.passUnretained(self).toOpaque())
  }

  var reader: zeroth_plugin_reader {
    zeroth_plugin_reader(
      size: UInt64(MemoryLayout<zeroth_plugin_reader>.size), generator: generator,
      count: { reader, name, type, count in
        PluginValues.serve(reader?.pointee.host) { state throws(InputError) in
          let (name, type) = try state.value(name, type)
          guard let count, zeroth_guarded_writes(count, 8) == 0 else {
            throw state.error("an address of a count that cannot be written", expected: "room for a number")
          }
          count.pointee = Int64(try state.coder.nextCount(name, type) ?? 0)
        }
      },
      read: { reader, name, type, values, count in
        PluginValues.serve(reader?.pointee.host) { state throws(InputError) in
          let (name, type) = try state.value(name, type)
          let bytes = try state.bytes(name, type, values, count) { zeroth_guarded_writes($0, $1) }
          try state.coder.code(name, type, bytes)
          state.all.append(Value(name: name, type: type, hash: ContentHash.xxh64(UnsafeRawBufferPointer(bytes))))
        }
      }, host: Unmanaged.passUnretained(self).toOpaque())
  }

  /// Runs `body` without the plugin's guard, unless there was an error before.
  private static func serve(
    _ host: UnsafeMutableRawPointer?, _ body: (PluginValues) throws(InputError) -> Void
  ) -> Int32 {
    let guarded = zeroth_guard_suspend()
    defer { zeroth_guard_resume(guarded) }
    guard let host else { return 1 }
    let state = Unmanaged<PluginValues>.fromOpaque(host).takeUnretainedValue()
    guard state.failure == nil else { return 1 }
    do throws(InputError) {
      try body(state)
      return 0
    } catch {
      state.failure = error
      return 1
    }
  }

  /// The name and the type that the plugin gives. Throws if they are not valid.
  private func value(_ name: UnsafePointer<CChar>?, _ type: Int32) throws(InputError) -> (String, StateType) {
    let name = try PluginMemory(subject: instance.strategy.subject(function)).text("name of a value", name, limit: 1024)
    switch Int(type) {
    case ZEROTH_PLUGIN_INTEGERS: return (name, .integers)
    case ZEROTH_PLUGIN_DOUBLES: return (name, .doubles)
    case ZEROTH_PLUGIN_FLOATS: return (name, .floats)
    case ZEROTH_PLUGIN_BYTES: return (name, .bytes)
    default: throw error("type \(type) of '\(name)'", expected: "one of ZEROTH_PLUGIN_INTEGERS to BYTES")
    }
  }

  /// `count` values at an address that the plugin gives. Throws if the memory is not there.
  private func bytes(
    _ name: String, _ type: StateType, _ values: UnsafeMutableRawPointer?, _ count: Int64,
    _ isThere: (UnsafeMutableRawPointer?, UInt64) -> Int32
  ) throws(InputError) -> UnsafeMutableRawBufferPointer {
    guard (0...(1 << 40)).contains(count) else {
      throw error("\(count) values of '\(name)'", expected: "0 to \(1 << 40)")
    }
    let size = Int(count) * type.size
    guard isThere(values, UInt64(size)) == 0 else {
      throw error("an address of '\(name)' that is not there", expected: "room for \(count) values")
    }
    return UnsafeMutableRawBufferPointer(start: values, count: size)
  }
}
