import CZerothPlugin
import Synchronization
import Zeroth
import ZerothStrategies
import ZerothSupport

/// A strategy that a plugin has made, with the first error that happened in it.
final class PluginInstance: @unchecked Sendable {
  let strategy: PluginStrategy
  let fault = PluginFault()
  /// The plugin's own object, which `create` returned.
  let state: UnsafeMutableRawPointer?
  private let options: PluginOptions
  private let known = Mutex<PluginLayout?>(nil)

  /// Makes the plugin's strategy with `options`.
  init(_ strategy: PluginStrategy, _ options: OptionValues) throws(InputError) {
    self.strategy = strategy
    self.options = PluginOptions(options, strategy.description.options)
    zeroth_guard_install()
    var failure = zeroth_plugin_failure.none
    var state: UnsafeMutableRawPointer?
    var status: Int32 = 0
    let signal = zeroth_guarded_create(
      strategy.functions, strategy.original, PluginServices.table, self.options.table, &state, &failure, &status)
    self.state = status == 0 && signal == 0 ? state : nil
    try PluginLibrary.survived(signal, strategy.subject("create"))
    guard status == 0 else { throw failure.error(strategy.subject("create"), expected: "options that it takes") }
    if let error = unanswered("create") { throw error }
  }

  private init(copying other: PluginInstance, _ state: UnsafeMutableRawPointer?) {
    strategy = other.strategy
    options = other.options
    let layout = other.known.withLock { $0 }
    known.withLock { $0 = layout }
    self.state = state
  }

  deinit {
    guard strategy.functions.pointee.destroy != nil, let state else { return }
    _ = zeroth_guarded_destroy(strategy.functions, state)
  }

  /// An independent copy. If no step changes the strategy's state, this is the strategy itself.
  func copy() -> PluginInstance {
    guard strategy.changesState, !fault.hasHappened else { return self }
    var failure = zeroth_plugin_failure.none
    var copy: UnsafeMutableRawPointer?
    var status: Int32 = 0
    let signal = zeroth_guarded_clone(strategy.functions, state, &copy, &failure, &status)
    guard signal == 0, status == 0 else {
      fault.record(
        signal == 0
          ? failure.error(strategy.subject("copy"), expected: "a copy")
          : PluginLibrary.crash(signal, strategy.subject("copy")))
      return self
    }
    return PluginInstance(copying: self, copy)
  }

  /// `layout` in the form that the plugin reads.
  func layout(_ layout: ParameterLayout) -> PluginLayout {
    known.withLock { known in
      if let known, known.layout == layout { return known }
      let fresh = PluginLayout(layout)
      known = fresh
      return fresh
    }
  }

  /// The number of floats of state that the plugin states.
  var stateCount: Int { Int(number("state_count", strategy.functions.pointee.state_count)) }

  /// The result of a function of the plugin; 0 if there is no such function. If the result is impossible, it is 0 and a
  /// fault is recorded.
  func number(_ name: String, _ function: (@convention(c) (UnsafeRawPointer?) -> Int64)?) -> Int64 {
    guard let function else { return 0 }
    return number(name) { zeroth_guarded_number(function, state, $0) }
  }

  /// The number that `call` gives. If it is negative, or if the call crashes, the result is 0 and a fault is recorded.
  func number(_ name: String, _ call: (UnsafeMutablePointer<Int64>) -> Int32) -> Int64 {
    guard !fault.hasHappened else { return 0 }
    var result: Int64 = 0
    let signal = call(&result)
    if let error = unanswered(name) {
      fault.record(error)
    } else if signal != 0 {
      fault.record(PluginLibrary.crash(signal, strategy.subject(name)))
    } else if result < 0 {
      fault.record(InputError(strategy.subject(name), found: "\(result)", expected: "at least 0"))
    } else {
      return result
    }
    return 0
  }

  func validate(_ layout: ParameterLayout) throws(InputError) {
    try checkFault()
    do { try options.validate() } catch {
      throw InputError(
        "\(strategy.subject("options")): \(error.subject)", found: error.found, expected: error.expected)
    }
    guard strategy.functions.pointee.validate != nil else { return }
    let seen = self.layout(layout)
    try call("validate", expected: "options that fit the model") { failure, status in
      zeroth_guarded_validate(strategy.functions, state, seen.pointer, failure, status)
    }
  }

  /// Throws the first error, if there was one.
  func checkFault() throws(InputError) {
    if let error = fault.error { throw error }
  }

  /// Calls a function of the plugin that may fail, and throws its error.
  func call(
    _ function: String, expected: String,
    _ body: (UnsafeMutablePointer<zeroth_plugin_failure>, UnsafeMutablePointer<Int32>) -> Int32
  ) throws(InputError) {
    var failure = zeroth_plugin_failure.none
    var status: Int32 = 0
    let signal = body(&failure, &status)
    try PluginLibrary.survived(signal, strategy.subject(function))
    // An error that a function of the host found comes first, because the plugin's own error may follow from it.
    try checkFault()
    if let error = unanswered(function) { throw error }
    guard status == 0 else { throw failure.error(strategy.subject(function), expected: expected) }
  }

  /// The error of a function that asked for an option which the plugin does not declare.
  private func unanswered(_ function: String) -> InputError? {
    options.error.map {
      InputError(strategy.subject(function), found: "a question for \($0)", expected: "declared options")
    }
  }
}
