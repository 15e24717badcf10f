import CZerothPlugin
import Synchronization
import Zeroth
import ZerothStrategies
import ZerothSupport

/// An estimator that a plugin has made, with what has gone wrong in it.
final class PluginInstance: @unchecked Sendable {
  let type: PluginType
  let fault = PluginFault()
  /// ZEROTH_PLUGIN_DRAWS_BATCHES and the like.
  private let traits: Int64
  private let state: UnsafeMutableRawPointer?
  private let known = Mutex<PluginLayout?>(nil)
  /// Of the first estimate; it may not change.
  private var rank: Int?
  private var hasEstimated = false

  /// Has the plugin make an estimator with `options`.
  init(_ type: PluginType, _ options: OptionValues) throws(InputError) {
    self.type = type
    zeroth_guard_install()
    let reader = PluginOptions(options)
    var failure = zeroth_plugin_failure.none
    var state: UnsafeMutableRawPointer?
    var status: Int32 = 0
    let signal = reader.withTable {
      zeroth_guarded_create(type.functions, type.original, PluginServices.table, $0, &state, &failure, &status)
    }
    let isMade = status == 0 && signal == 0
    self.state = isMade ? state : nil
    traits = isMade ? Self.number(type, "traits", type.functions.pointee.traits, state, fault) : 0
    try PluginLibrary.survived(signal, type.subject("create"))
    guard status == 0 else { throw failure.error(type.subject("create"), expected: "options that it takes") }
    if let error = reader.error {
      throw InputError(type.subject("create"), found: "a question for \(error)", expected: "declared options")
    }
    let known = Int64(ZEROTH_PLUGIN_DRAWS_BATCHES | ZEROTH_PLUGIN_RECALLS_DIRECTIONS)
    guard traits & ~known == 0 else {
      throw InputError(type.subject("traits"), found: "\(traits)", expected: "a sum of known traits")
    }
  }

  private init(_ type: PluginType, state: UnsafeMutableRawPointer?, of other: PluginInstance) {
    let layout = other.known.withLock { $0 }
    known.withLock { $0 = layout }
    self.type = type
    self.state = state
    traits = other.traits
    rank = other.rank
    hasEstimated = other.hasEstimated
  }

  deinit {
    if type.functions.pointee.destroy != nil, let state { _ = zeroth_guarded_destroy(type.functions, state) }
  }

  /// An independent one; itself where a plugin's estimates change nothing.
  func copy() -> PluginInstance {
    guard type.functions.pointee.copy != nil, !fault.hasHappened else { return self }
    var failure = zeroth_plugin_failure.none
    var copy: UnsafeMutableRawPointer?
    var status: Int32 = 0
    let signal = zeroth_guarded_clone(type.functions, state, &copy, &failure, &status)
    guard signal == 0, status == 0 else {
      fault.record(
        signal == 0
          ? failure.error(type.subject("copy"), expected: "a copy")
          : PluginLibrary.crash(signal, type.subject("copy")))
      return self
    }
    return PluginInstance(type, state: copy, of: self)
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

  var drawsBatches: Bool { traits & Int64(ZEROTH_PLUGIN_DRAWS_BATCHES) != 0 }
  /// Floats of state that it says it holds.
  var stateCount: Int {
    Int(Self.number(type, "state_count", type.functions.pointee.state_count, state, fault))
  }

  /// What a function says, at least 0; 0, and a fault, where it says nonsense.
  private static func number(
    _ type: PluginType, _ name: String, _ function: (@convention(c) (UnsafeRawPointer?) -> Int64)?,
    _ state: UnsafeMutableRawPointer?, _ fault: PluginFault
  ) -> Int64 {
    guard let function, !fault.hasHappened else { return 0 }
    var result: Int64 = 0
    let signal = zeroth_guarded_number(function, state, &result)
    guard signal == 0, result >= 0 else {
      fault.record(
        signal == 0
          ? InputError(type.subject(name), found: "\(result)", expected: "at least 0")
          : PluginLibrary.crash(signal, type.subject(name)))
      return 0
    }
    return result
  }

  func validate(_ layout: ParameterLayout) throws(InputError) {
    if let error = fault.error { throw error }
    guard type.functions.pointee.validate != nil else { return }
    var failure = zeroth_plugin_failure.none
    var status: Int32 = 0
    let signal = zeroth_guarded_validate(type.functions, state, self.layout(layout).pointer, &failure, &status)
    try PluginLibrary.survived(signal, type.subject("validate"))
    guard status == 0 else { throw failure.error(type.subject("validate"), expected: "options that fit the model") }
  }

  /// Losses of a step; 0, and a fault, where the plugin says nonsense.
  func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    guard !fault.hasHappened else { return 0 }
    var count: Int64 = 0
    let signal = zeroth_guarded_evaluations(type.functions, state, self.layout(layout).pointer, Int64(step), &count)
    if signal != 0 {
      fault.record(PluginLibrary.crash(signal, type.subject("evaluations")))
      return 0
    }
    let most = 1 << 40
    guard (1...Int64(most)).contains(count) else {
      fault.record(
        InputError(type.subject("evaluations"), found: "\(count) at step \(step)", expected: "1 to \(most)"))
      return 0
    }
    return Int(count)
  }

  /// What an estimate of the plugin consists of.
  typealias Estimate = (
    terms: [(coefficient: Double, direction: PluginDirectionData)], losses: [Double], projectedGradient: Double
  )

  /// One estimate; `ask` gives what it asks of the objective and of theta, or nil when that threw an error. Returns nil
  /// then; throws what went wrong in the plugin, now or before.
  func estimate(
    _ context: StepContext, _ ask: (PluginRequest) -> [Double]?
  ) throws(InputError) -> Estimate? {
    let declared = forwards(at: context.step, in: context.layout)
    if let error = fault.error { throw error }
    let session = PluginSession(
      type, layout(context.layout), fault, declared: declared, step: context.step, drawsBatches: drawsBatches,
      isChecked: type.checksAlways || !hasEstimated)
    let end = session.run(state, context, ask)
    // What the objective threw comes before what a plugin makes of it.
    guard !session.wasStopped else { return nil }
    hasEstimated = true
    if let problem = end ?? session.problem(isLowRank: type.isLowRank, rank: rank) { fault.record(problem) }
    if let error = fault.error { throw error }
    if type.isLowRank, let first = session.terms.first { rank = first.direction.rank }
    return (session.terms, session.losses, session.projectedGradient)
  }
}

/// What a plugin asks for while it estimates.
enum PluginRequest {
  /// The losses at theta + offsets[i] D on a mini-batch.
  case losses(any Direction, Few<Float>, Batch)
  /// The loss at theta on a mini-batch.
  case loss(Batch)
  /// Rows of a block of theta.
  case read(ParameterBlock, Range<Int>, UnsafeMutablePointer<Float>)
}
