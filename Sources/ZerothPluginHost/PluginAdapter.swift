import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// An adapter that a plugin implements.
struct PluginAdapter: LayerAdapter {
  private let type: PluginType<zeroth_plugin_adapter>
  private var instance: PluginInstance
  /// The clip tau of the plugin; nil if it has none. Factors and ratios must lie within 1 - tau to 1 + tau.
  private let clip: Double?

  /// Makes the plugin's adapter with `options`.
  init(_ type: PluginType<zeroth_plugin_adapter>, _ options: OptionValues) throws(InputError) {
    self.type = type
    instance = try PluginInstance(type.strategy, options)
    guard type.functions.pointee.clip != nil else {
      clip = nil
      return
    }
    var clip = 0.0
    try PluginLibrary.survived(
      zeroth_guarded_clip(type.functions, instance.state, &clip), type.strategy.subject("clip"))
    guard clip.isFinite, clip >= 0 else {
      throw InputError(type.strategy.subject("clip"), found: "\(clip)", expected: "a number, at least 0")
    }
    self.clip = clip
  }

  func validate(_ layout: ParameterLayout, weightDecay: WeightDecay) throws(InputError) {
    if type.capabilities & UInt64(ZEROTH_PLUGIN_NO_WEIGHT_DECAY) != 0 {
      try require("weight-decay", weightDecay.rate, "0 with adapter '\(type.strategy.name)'") { $0 == 0 }
    }
    try instance.validate(layout)
  }

  /// The number of forward passes of a step. If the plugin gives an impossible number, it is 0 and a fault is recorded.
  func forwards(at step: Int) -> Int {
    guard type.functions.pointee.forwards != nil else { return 0 }
    let count = instance.number("forwards") {
      zeroth_guarded_adapter_forwards(type.functions, instance.state, Int64(step), $0)
    }
    let most = 1 << 40
    guard count <= most else {
      instance.fault.record(
        InputError(type.strategy.subject("forwards"), found: "\(count) at step \(step)", expected: "0 to \(most)"))
      return 0
    }
    return Int(count)
  }

  var stateCount: Int { instance.stateCount }

  mutating func codeState(_ state: StateCoder) throws(InputError) { try PluginInstance.code(&instance, state) }

  mutating func begin(_ theta: borrowing ParameterStore) {
    guard type.functions.pointee.begin != nil else { return }
    if !isKnownUniquelyReferenced(&instance) { instance = instance.copy() }
    let context = StepContext(step: 0, runKey: StreamKey(seed: 0), layout: theta.layout)
    let session = PluginSession(instance, "begin", context)
    var parameters = session.parameters
    // `begin` cannot throw. An error is kept, and the first step throws it.
    _ = try? session.run("begin", expected: "it to begin", reading: theta.stored()) { step, failure, status in
      zeroth_guarded_begin(
        type.functions, instance.state, PluginServices.table, step.pointee.layout, &parameters, failure, status)
    }
  }

  mutating func scales<U: Direction, O: Objective & ~Copyable>(
    for update: U, at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> (scales: BlockScales, outcome: AdapterOutcome) {
    // The plugin may measure in `scales`, in `did_apply`, or in both. The forward passes that are not used here are
    // left for `did_apply`.
    measured = 0
    guard type.functions.pointee.scales != nil else {
      try instance.checkFault()
      return (.ones, .none)
    }
    if !isKnownUniquelyReferenced(&instance) { instance = instance.copy() }
    let session = session("scales", update, context, after: 0)
    var (parameters, asked, moves) = (session.parameters, session.objective, session.moves)
    var thrown: O.Failure?
    let isDone = try session.run(
      "scales", expected: "factors", reading: theta.stored(),
      { request in
        guard case .losses(let points, let batch, let grain) = request else { return nil }
        do throws(O.Failure) {
          return Array(try objective.losses(at: points, from: theta, on: batch, grain: grain))
        } catch {
          thrown = error
          return nil
        }
      },
      body: { step, failure, status in
        zeroth_guarded_scales(
          type.functions, instance.state, PluginServices.table, step, &parameters, &asked, session.update.pointer,
          &moves, failure, status)
      })
    if let thrown { throw thrown }
    precondition(isDone, "an adapter that the objective stopped has an error of it")
    measured = session.forwards
    if type.functions.pointee.did_apply == nil { try session.requireAll(measured) }
    return (session.scales, try session.outcome(moves))
  }

  mutating func didApply<U: Direction, O: Objective & ~Copyable>(
    _ update: AppliedUpdate<U>, to theta: inout ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> AdapterOutcome {
    guard type.functions.pointee.did_apply != nil else { return .none }
    let session = session("did_apply", update, context, after: measured)
    var (parameters, asked, moves) = (session.parameters, session.objective, session.moves)
    var thrown: O.Failure?
    let isDone = try session.run(
      "did_apply", expected: "moves", reading: theta.stored(),
      { request in
        switch request {
        case .losses(let points, let batch, let grain):
          do throws(O.Failure) {
            return Array(try objective.losses(at: points, from: theta, on: batch, grain: grain))
          } catch {
            thrown = error
            return nil
          }
        case .move(let block, let change):
          theta.withMutableBlock(block) { values in values.withUnsafeMutableBufferPointer { change($0) } }
          session.read(from: theta.stored())
          return []
        }
      },
      body: { step, failure, status in
        zeroth_guarded_did_apply(
          type.functions, instance.state, PluginServices.table, step, &parameters, &asked, session.update.pointer,
          &moves, failure, status)
      })
    if let thrown { throw thrown }
    precondition(isDone, "an adapter that the objective stopped has an error of it")
    try session.requireAll(measured + session.forwards)
    return try session.outcome(moves)
  }

  /// The number of forward passes that `scales` has taken in this step.
  private var measured = 0

  private func session(
    _ function: String, _ update: some Direction, _ context: StepContext, after measured: Int
  ) -> MovesSession {
    let terms = PluginTerms([(1, update)], instance.layout(context.layout), type.strategy, instance.fault)
    return MovesSession(
      instance, function, context, declared: forwards(at: context.step) - measured, terms, clip: clip)
  }
}

/// One call of the plugin's `scales` or `did_apply`.
private final class MovesSession: PluginSession {
  private(set) var scales = BlockScales.ones
  let update: PluginTerms
  private let isBefore: Bool
  private let clip: Double?

  init(
    _ instance: PluginInstance, _ function: String, _ context: StepContext, declared: Int, _ update: PluginTerms,
    clip: Double?
  ) {
    self.update = update
    self.clip = clip
    isBefore = function == "scales"
    super.init(instance, function, context, declared: declared)
  }

  override var known: PluginTerms? { update }

  /// The struct through which the plugin scales and changes blocks.
  var moves: zeroth_plugin_moves {
    zeroth_plugin_moves(
      size: UInt64(MemoryLayout<zeroth_plugin_moves>.size),
      scale: { moves, block, factor in
        PluginSession.serve(moves?.pointee.host, as: MovesSession.self) { session throws(InputError) in
          let block = try session.block("scale", block, isBefore: true)
          session.scales[block] = Float(try session.inRange("scale", factor, of: block))
        }
      },
      project: { moves, block, anchor, ratio in
        PluginSession.serve(moves?.pointee.host, as: MovesSession.self) { session throws(InputError) in
          let block = try session.block("project", block, isBefore: false)
          let ratio = Float(try session.inRange("project", ratio, of: block))
          let anchor = try session.numbers("project", anchor, block.count)
          guard ratio != 1 else { return }
          session.move(block) { values in
            for i in 0..<values.count { values[i] = anchor[i] + ratio * (values[i] - anchor[i]) }
          }
        }
      },
      write: { moves, block, first, rows, values in
        PluginSession.serve(moves?.pointee.host, as: MovesSession.self) { session throws(InputError) in
          let block = try session.block("write", block, rows: rows, from: first, isBefore: false)
          let source = try session.numbers("write", values, Int(rows) * block.columns)
          let start = Int(first) * block.columns
          session.move(block) { values in
            for i in 0..<source.count { values[start + i] = source[i] }
          }
        }
      },
      non_finite_moves: 0, host: host)
  }

  /// The number of moves that the plugin left out because they were not finite.
  func outcome(_ moves: zeroth_plugin_moves) throws(InputError) -> AdapterOutcome {
    guard (0...Int64(Int32.max)).contains(moves.non_finite_moves) else {
      let error = memory.error("non_finite_moves", found: "\(moves.non_finite_moves)", expected: "at least 0")
      fault.record(error)
      throw error
    }
    return AdapterOutcome(nonFiniteMoves: Int(moves.non_finite_moves))
  }

  /// Throws unless the step took exactly the declared number of forward passes. `all` is the number that it took.
  func requireAll(_ all: Int) throws(InputError) {
    let declared = all - forwards + self.declared
    guard all != declared else { return }
    let error = memory.error("forwards", found: "\(all)", expected: "\(declared), as `forwards` declares")
    fault.record(error)
    throw error
  }

  /// The trainable block number `index`. Throws in the wrong one of the two calls: `scale` belongs to `scales`, and
  /// `project` and `write` belong to `did_apply`.
  private func block(
    _ function: String, _ index: Int64, rows: Int64 = 1, from first: Int64 = 0, isBefore: Bool
  ) throws(InputError) -> ParameterBlock {
    guard isBefore == self.isBefore else {
      throw memory.error(
        function, found: "a call in \(self.isBefore ? "scales" : "did_apply")",
        expected: "it in \(isBefore ? "scales" : "did_apply")")
    }
    let block = try block(function, index, rows: rows, from: first)
    guard block.isTrainable else {
      throw memory.error(function, found: "the frozen block '\(block.name)'", expected: "a trainable one")
    }
    return block
  }

  /// `value`, a factor or ratio. Throws if it lies outside the clip by more than the rounding of floats.
  private func inRange(
    _ function: String, _ value: Double, of block: ParameterBlock
  ) throws(InputError) -> Double {
    guard let clip else {
      guard Float(value).isFinite else {
        throw memory.error("\(function) of block '\(block.name)'", found: "\(value)", expected: "a number")
      }
      return value
    }
    guard abs(value - 1) <= clip + 1e-6 else {
      throw memory.error(
        "\(function) of block '\(block.name)'", found: "\(value)", expected: "\(1 - clip) to \(1 + clip)")
    }
    return value
  }

  /// `count` numbers at an address that the plugin gives. Throws if they cannot be read or are not finite.
  private func numbers(
    _ function: String, _ values: UnsafePointer<Float>?, _ count: Int
  ) throws(InputError) -> UnsafeBufferPointer<Float> {
    guard let values, zeroth_guarded_reads(values, UInt64(4 * count)) == 0 else {
      throw memory.error(function, found: "an address that cannot be read", expected: "\(count) numbers")
    }
    guard zeroth_all_finite(values, UInt64(count)) != 0 else {
      throw memory.error(function, found: "a value that is not finite", expected: "numbers")
    }
    return UnsafeBufferPointer(start: values, count: count)
  }
}
