import CZerothPlugin
import Synchronization
import Zeroth
import ZerothStrategies
import ZerothSupport

/// A strategy that a plugin has made, with what has gone wrong in it.
final class PluginInstance: @unchecked Sendable {
  let strategy: PluginStrategy
  let fault = PluginFault()
  /// What `create` made.
  let state: UnsafeMutableRawPointer?
  private let options: PluginOptions
  private let known = Mutex<PluginLayout?>(nil)

  /// Has the plugin make a strategy with `options`.
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

  /// An independent one; itself where no step of the plugin changes anything.
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

  /// `layout` as the plugin sees it.
  func layout(_ layout: ParameterLayout) -> PluginLayout {
    known.withLock { known in
      if let known, known.layout == layout { return known }
      let fresh = PluginLayout(layout)
      known = fresh
      return fresh
    }
  }

  /// Floats of state that it says it holds.
  var stateCount: Int { Int(number("state_count", strategy.functions.pointee.state_count)) }

  /// What a function says, at least 0; 0 where there is none, and with a fault where it says nonsense.
  func number(_ name: String, _ function: (@convention(c) (UnsafeRawPointer?) -> Int64)?) -> Int64 {
    guard let function else { return 0 }
    return number(name) { zeroth_guarded_number(function, state, $0) }
  }

  /// The number that `call` gives, at least 0; 0 and a fault where it is another, or where the call crashes.
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

  /// Throws what has gone wrong, if anything has.
  func checkFault() throws(InputError) {
    if let error = fault.error { throw error }
  }

  /// Calls a function of the plugin that may fail, and throws what went wrong in it.
  func call(
    _ function: String, expected: String,
    _ body: (UnsafeMutablePointer<zeroth_plugin_failure>, UnsafeMutablePointer<Int32>) -> Int32
  ) throws(InputError) {
    var failure = zeroth_plugin_failure.none
    var status: Int32 = 0
    let signal = body(&failure, &status)
    try PluginLibrary.survived(signal, strategy.subject(function))
    // What a callback found wrong comes before what the plugin makes of it.
    try checkFault()
    if let error = unanswered(function) { throw error }
    guard status == 0 else { throw failure.error(strategy.subject(function), expected: expected) }
  }

  /// The error of a function that has asked for an option which is not declared.
  private func unanswered(_ function: String) -> InputError? {
    options.error.map {
      InputError(strategy.subject(function), found: "a question for \($0)", expected: "declared options")
    }
  }
}
