import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// A request of a plugin in a step: to measure losses, or to change theta.
enum PluginRequest {
  /// Asks for the losses at points on a mini-batch.
  case losses(Points, Batch, LossGrain)
  /// Changes the values of a block of theta.
  case move(ParameterBlock, (UnsafeMutableBufferPointer<Float>) -> Void)
}

/// One call of a plugin in a step. It answers the plugin's requests and keeps the measured losses. Subclasses keep the
/// result that the plugin sets.
class PluginSession {
  let instance: PluginInstance
  let layout: PluginLayout
  let context: StepContext
  /// Reads the plugin's data. It names the called function in errors.
  let memory: PluginMemory
  /// The first error in this strategy, in this call or an earlier one.
  var fault: PluginFault { instance.fault }
  var strategy: PluginStrategy { instance.strategy }

  /// The number of forward passes that the call may take. The next two are the number that it has taken, and their
  /// losses.
  let declared: Int
  var forwards = 0
  private(set) var losses: [Double] = []
  /// Whether the objective threw an error.
  private(set) var wasStopped = false
  /// Whether theta was changed. Nothing can be measured after that.
  private(set) var hasMoved = false
  /// The losses of the last request. The plugin reads them from here.
  private var answer = UnsafeMutableBufferPointer<Double>(start: nil, count: 0)
  private(set) var lossesPerPoint = 0
  private var stored: StoredParameters?
  private var ask: ((PluginRequest) -> [Double]?)?

  init(_ instance: PluginInstance, _ function: String, _ context: StepContext, declared: Int = 0) {
    self.instance = instance
    self.context = context
    self.declared = declared
    layout = instance.layout(context.layout)
    memory = PluginMemory(subject: instance.strategy.subject(function))
  }

  deinit { answer.deallocate() }

  /// Whether losses are taken over the batch or over single examples.
  var grain: LossGrain { .batch }
  /// Whether the plugin may measure on further mini-batches of the step.
  var drawsBatches: Bool { true }
  /// Whether every call of the plugin's directions is checked.
  var isChecked: Bool { strategy.checksAlways }
  /// Directions of the host along which the plugin may measure; nil for none.
  var known: PluginTerms? { nil }

  /// Runs `body`, which calls the plugin's `function`, and throws its error. During the call the plugin reads theta
  /// from `stored`, and `ask` answers its requests. `ask` returns nil if the objective threw an error; then this
  /// function returns false.
  func run(
    _ function: String, expected: String, reading stored: StoredParameters? = nil,
    learningRate: Double = 0, _ ask: (PluginRequest) -> [Double]? = { _ in nil },
    body: (
      UnsafePointer<zeroth_plugin_step>, UnsafeMutablePointer<zeroth_plugin_failure>, UnsafeMutablePointer<Int32>
    ) -> Int32
  ) throws(InputError) -> Bool {
    try instance.checkFault()
    let end: Result<Void, InputError> = withoutActuallyEscaping(ask) { ask in
      self.ask = ask
      self.stored = stored
      defer { (self.ask, self.stored) = (nil, nil) }
      var step = zeroth_plugin_step(
        size: UInt64(MemoryLayout<zeroth_plugin_step>.size), step: Int64(context.step),
        run_key: zeroth_plugin_key(context.runKey), step_key: zeroth_plugin_key(context.key), layout: layout.pointer,
        learning_rate: learningRate, for_each_panel: Self.panels, host: host)
      return Result { () throws(InputError) in
        try instance.call(function, expected: expected) { failure, status in body(&step, failure, status) }
      }
    }
    // An error of the objective comes first, because the plugin's own error may follow from it.
    guard !wasStopped else { return false }
    if case .failure(let error) = end { fault.record(error) }
    try instance.checkFault()
    return true
  }

  /// The address by which functions that the plugin calls find this session.
  var host: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  /// Runs `body` without the plugin's guard. An error in it is recorded as a fault of the plugin. Returns 0 if the
  /// plugin may go on, and 1 otherwise.
  static func serve<S: PluginSession>(
    _ host: UnsafeMutableRawPointer?, as _: S.Type = S.self, _ body: (S) throws(InputError) -> Void
  ) -> Int32 {
    let guarded = zeroth_guard_suspend()
    defer { zeroth_guard_resume(guarded) }
    guard let host else { return 1 }
    let session = Unmanaged<S>.fromOpaque(host).takeUnretainedValue()
    guard !session.fault.hasHappened else { return 1 }
    do throws(InputError) {
      try body(session)
      return session.fault.hasHappened ? 1 : 0
    } catch {
      session.fault.record(error)
      return 1
    }
  }

  // MARK: Functions that the plugin calls

  /// theta in the form that the plugin reads.
  var parameters: zeroth_plugin_parameters {
    zeroth_plugin_parameters(
      size: UInt64(MemoryLayout<zeroth_plugin_parameters>.size),
      read: { theta, block, first, rows, values in
        PluginSession.serve(theta?.pointee.host) { session throws(InputError) in
          try session.read(block, first, rows, values)
        }
      }, host: host)
  }

  /// The objective in the form that the plugin calls.
  var objective: zeroth_plugin_objective {
    zeroth_plugin_objective(
      size: UInt64(MemoryLayout<zeroth_plugin_objective>.size),
      losses: { objective, request, losses in
        var wasStopped = false
        let status = PluginSession.serve(objective?.pointee.host) { session throws(InputError) in
          try session.measure(request, losses)
          wasStopped = session.wasStopped
        }
        return wasStopped ? 1 : status
      },
      losses_per_point: { objective in
        guard let host = objective?.pointee.host else { return 0 }
        return Int64(Unmanaged<PluginSession>.fromOpaque(host).takeUnretainedValue().lossesPerPoint)
      }, host: host)
  }

  private static let panels:
    @convention(c) (
      UnsafePointer<zeroth_plugin_step>?, UnsafeMutableRawPointer?,
      (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<zeroth_plugin_block>?, Int64, Int64) -> Void)?
    ) -> Int32 = { step, context, body in
      PluginSession.serve(step?.pointee.host) { session throws(InputError) in
        guard let body else { throw session.memory.error("for_each_panel", found: "no body", expected: "a function") }
        let panels = session.layout.panels
        Parallel.forEach(
          panels.count,
          PluginPanels(
            panels: panels, layout: session.layout, fault: session.fault, subject: session.memory.subject,
            context: context, body: body))
      }
    }

  /// Measures the loss at each point of `request` and gives the plugin the address of the losses.
  private func measure(
    _ request: UnsafePointer<zeroth_plugin_request>?, _ target: UnsafeMutablePointer<UnsafePointer<Double>?>?
  ) throws(InputError) {
    guard !wasStopped else { return }
    guard !hasMoved else {
      throw memory.error("losses", found: "a request after theta was moved", expected: "it before")
    }
    let request = try memory.structure("request", at: request, of: zeroth_plugin_request.self)
    let points = try points(of: request)
    guard request.draw >= 0, drawsBatches || request.draw == 0 else {
      throw memory.error(
        "draw", found: "\(request.draw)",
        expected: drawsBatches ? "at least 0" : "0 without ZEROTH_PLUGIN_DRAWS_BATCHES")
    }
    forwards += points.count
    guard let found = ask?(.losses(points, context.batch(draw: Int(request.draw)), grain)) else {
      wasStopped = true
      return
    }
    losses += found
    lossesPerPoint = found.count / points.count
    answer.deallocate()
    answer = .allocate(capacity: found.count)
    _ = answer.initialize(from: found)
    guard let target, zeroth_guarded_writes(target, UInt64(MemoryLayout<UnsafePointer<Double>?>.size)) == 0 else {
      throw memory.error("losses", found: "an address that cannot be written", expected: "room for one address")
    }
    target.pointee = UnsafePointer(answer.baseAddress)
  }

  /// Changes values of theta in `block`.
  func move(_ block: ParameterBlock, _ change: @escaping (UnsafeMutableBufferPointer<Float>) -> Void) {
    hasMoved = true
    _ = ask?(.move(block, change))
  }

  /// Makes the plugin read theta from `stored` from now on.
  func read(from stored: StoredParameters) { self.stored = stored }

  /// The block number `index`. Throws unless it has the rows `first` ..< `first + rows`.
  func block(
    _ function: String, _ index: Int64, rows: Int64 = 1, from first: Int64 = 0
  ) throws(InputError) -> ParameterBlock {
    let blocks = layout.layout.blocks
    guard let place = Int(exactly: index), blocks.indices.contains(place), first >= 0, rows >= 1,
      rows <= Int64(blocks[place].rows), first <= Int64(blocks[place].rows) - rows
    else {
      throw memory.error(
        function, found: "\(rows) rows of block \(index) from row \(first)", expected: "rows that are there")
    }
    return blocks[place]
  }

  private func read(
    _ index: Int64, _ first: Int64, _ rows: Int64, _ target: UnsafeMutablePointer<Float>?
  ) throws(InputError) {
    let block = try block("read", index, rows: rows, from: first)
    let count = Int(rows) * block.columns
    guard let target, zeroth_guarded_writes(target, UInt64(4 * count)) == 0 else {
      throw memory.error("read", found: "an address that cannot be written", expected: "room for \(count) numbers")
    }
    stored?.read(block, rows: Int(first)..<Int(first + rows), into: target)
  }

  /// A checked copy of the direction at `address`, which the plugin gives.
  func direction(_ address: UnsafePointer<zeroth_plugin_direction>?) throws(InputError) -> PluginDirectionData {
    let data = try memory.structure("direction", at: address, of: zeroth_plugin_direction.self)
    guard data.terms == nil else {
      throw memory.error("direction", found: "terms of the host", expected: "one of its own")
    }
    return try direction(data)
  }

  func direction(_ data: zeroth_plugin_direction) throws(InputError) -> PluginDirectionData {
    guard let functions = strategy.directions else {
      throw memory.error("direction", found: "one of its own", expected: "none, as it has no functions on directions")
    }
    var rightKey = StreamKey(seed: 0)
    if data.rank != 0 {
      guard strategy.hasFactors else {
        throw memory.error("rank", found: "\(data.rank)", expected: "0, as there is no write_left")
      }
      let side = layout.layout.trainable.filter(\.isMatrix).map { min($0.rows, $0.columns) }.min() ?? 1
      guard (1...Int64(side)).contains(data.rank) else {
        throw memory.error(
          "rank", found: "\(data.rank)", expected: "1 to \(side), the smallest side of a trainable matrix")
      }
      guard data.matrix_scale.isFinite, let key = StreamKey(data.right_key) else {
        throw memory.error(
          "direction", found: "matrix_scale \(data.matrix_scale), right_key \(data.right_key)",
          expected: "a number, and a key from `child`")
      }
      rightKey = key
    }
    return PluginDirectionData(strategy, functions, data, rightKey, layout, fault, isChecked: isChecked)
  }
}

/// A loop over panels that a plugin asks for. Each call of its function is guarded, on every thread.
private struct PluginPanels: ~Copyable, ParallelWork, @unchecked Sendable {
  let panels: [Panel]
  let layout: PluginLayout
  let fault: PluginFault
  let subject: String
  let context: UnsafeMutableRawPointer?
  let body: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<zeroth_plugin_block>?, Int64, Int64) -> Void

  func run(_ i: Int, _: Int) {
    guard !fault.hasHappened, let block = layout.block(panels[i].block) else { return }
    let rows = panels[i].rows
    let signal = zeroth_guarded_panel(body, context, block, Int64(rows.lowerBound), Int64(rows.count))
    if signal != 0 { fault.record(PluginLibrary.crash(signal, subject)) }
  }
}
