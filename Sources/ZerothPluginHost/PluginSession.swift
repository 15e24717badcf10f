import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// One call of a plugin's `estimate`: answers what it asks, and keeps what it measured and returned.
final class PluginSession {
  private(set) var losses: [Double] = []
  private(set) var terms: [(coefficient: Double, direction: PluginDirectionData)] = []
  private(set) var projectedGradient = Double.nan
  /// Whether the objective threw an error.
  private(set) var wasStopped = false
  private let type: PluginType
  private let layout: PluginLayout
  private let fault: PluginFault
  private let declared: Int
  private let step: Int
  private let drawsBatches: Bool
  /// The draw that the plugin has selected: what it measures from then on is on it.
  private var draw = 0
  private var batch: Batch { Batch(step: step, draw: draw) }
  private let isChecked: Bool
  private let memory: PluginMemory
  private var ask: ((PluginRequest) -> [Double]?)?

  init(
    _ type: PluginType, _ layout: PluginLayout, _ fault: PluginFault, declared: Int, step: Int,
    drawsBatches: Bool, isChecked: Bool
  ) {
    self.type = type
    self.layout = layout
    self.fault = fault
    self.declared = declared
    self.step = step
    self.drawsBatches = drawsBatches
    self.isChecked = isChecked
    memory = PluginMemory(subject: type.subject("estimate"))
  }

  /// Calls `estimate`, and returns what was wrong with how it ended.
  func run(
    _ state: UnsafeMutableRawPointer?, _ context: StepContext, _ ask: (PluginRequest) -> [Double]?
  ) -> InputError? {
    withoutActuallyEscaping(ask) { ask in
      self.ask = ask
      defer { self.ask = nil }
      let host = Unmanaged.passUnretained(self).toOpaque()
      var objective = Self.objective
      objective.host = host
      var result = Self.result
      result.host = host
      var step = zeroth_plugin_step(
        size: UInt64(MemoryLayout<zeroth_plugin_step>.size), step: Int64(context.step),
        run_key: zeroth_plugin_key(context.runKey), step_key: zeroth_plugin_key(context.key), layout: layout.pointer)
      var failure = zeroth_plugin_failure.none
      var status: Int32 = 0
      let signal = zeroth_guarded_estimate(
        type.functions, state, PluginServices.table, &step, &objective, &result, &failure, &status)
      if signal != 0 { return PluginLibrary.crash(signal, type.subject("estimate")) }
      if status != 0 { return failure.error(type.subject("estimate"), expected: "an estimate") }
      projectedGradient =
        result.projected_gradient.isNaN ? terms.reduce(0) { $0 + $1.coefficient } : result.projected_gradient
      return nil
    }
  }

  /// What is wrong with the estimate, if anything.
  func problem(isLowRank: Bool, rank: Int?) -> InputError? {
    guard losses.count == declared else {
      return memory.error("evaluations", found: "\(losses.count)", expected: "\(declared), as `evaluations` declares")
    }
    guard draw == 0 else {
      return memory.error("select_batch", found: "draw \(draw) in the end", expected: "draw 0, the step's own")
    }
    // Losses that are not finite are the run's business.
    guard losses.allSatisfy(\.isFinite) else { return nil }
    guard let first = terms.first?.direction else {
      return memory.error("terms", found: "none", expected: "at least one")
    }
    if let term = terms.first(where: { !$0.coefficient.isFinite }) {
      return memory.error("coefficient", found: "\(term.coefficient)", expected: "a number, as all losses are")
    }
    guard projectedGradient.isFinite else {
      return memory.error("projected_gradient", found: "\(projectedGradient)", expected: "a number")
    }
    guard isLowRank else { return nil }
    for term in terms {
      let direction = term.direction
      guard direction.rank > 0, direction.rank == rank ?? first.rank else {
        return memory.error(
          "rank of a term", found: "\(direction.rank)",
          expected: first.rank > 0
            ? "\(rank ?? first.rank), as of the others" : "at least 1 of an estimator of low rank")
      }
      guard direction.rightKey == first.rightKey else {
        return memory.error("right_key of a term", found: "another one", expected: "one V in all terms")
      }
    }
    return nil
  }

  // MARK: What the plugin calls

  private static var objective: zeroth_plugin_objective {
    zeroth_plugin_objective(
      size: UInt64(MemoryLayout<zeroth_plugin_objective>.size),
      losses: { objective, direction, offsets, count, losses in
        PluginSession.serve(objective?.pointee.host) { session throws(InputError) in
          try session.measure(direction, offsets, count, losses)
        }
      },
      loss: { objective, loss in
        PluginSession.serve(objective?.pointee.host) { session throws(InputError) in
          try session.measure(.loss(session.batch), 1, loss)
        }
      },
      select_batch: { objective, draw in
        PluginSession.serve(objective?.pointee.host) { session throws(InputError) in try session.select(draw) }
      },
      read: { objective, block, first, rows, values in
        PluginSession.serve(objective?.pointee.host) { session throws(InputError) in
          try session.read(block, first, rows, values)
        }
      }, host: nil)
  }

  private static var result: zeroth_plugin_result {
    zeroth_plugin_result(
      size: UInt64(MemoryLayout<zeroth_plugin_result>.size),
      add_term: { result, coefficient, direction in
        PluginSession.serve(result?.pointee.host) { session throws(InputError) in
          guard session.terms.count < 1 << 24 else {
            throw session.memory.error("terms", found: "more than \(1 << 24)", expected: "fewer")
          }
          session.terms.append((coefficient, try session.direction(direction)))
          return true
        }
      }, projected_gradient: .nan, host: nil)
  }

  /// Runs `body` without the plugin's guard; what it throws is the fault of the plugin. Returns 0 if the plugin may go on.
  private static func serve(
    _ host: UnsafeMutableRawPointer?, _ body: (PluginSession) throws(InputError) -> Bool
  ) -> Int32 {
    let guarded = zeroth_guard_suspend()
    defer { zeroth_guard_resume(guarded) }
    guard let host else { return 1 }
    let session = Unmanaged<PluginSession>.fromOpaque(host).takeUnretainedValue()
    guard !session.wasStopped, !session.fault.hasHappened else { return 1 }
    do throws(InputError) {
      return try body(session) && !session.fault.hasHappened ? 0 : 1
    } catch {
      session.fault.record(error)
      return 1
    }
  }

  /// What the objective says; nil when it threw.
  private func answer(_ request: PluginRequest) -> [Double]? {
    let answer = ask?(request)
    if answer == nil { wasStopped = true }
    return answer
  }

  private func measure(
    _ direction: UnsafePointer<zeroth_plugin_direction>?, _ offsets: UnsafePointer<Float>?, _ count: Int64,
    _ losses: UnsafeMutablePointer<Double>?
  ) throws(InputError) -> Bool {
    try checkCount(count)
    let data = try self.direction(direction)
    let copy = UnsafeMutableBufferPointer<Float>.allocate(capacity: Int(count))
    defer { copy.deallocate() }
    guard offsets != nil, zeroth_guarded_copy(copy.baseAddress, offsets, UInt64(4 * count)) == 0 else {
      throw memory.error("offsets", found: "an address that cannot be read", expected: "\(count) numbers")
    }
    guard copy.allSatisfy(\.isFinite) else {
      throw memory.error("offsets", found: "\(Array(copy))", expected: "finite numbers")
    }
    // Opened once here, so that the objective sees which of the two it is.
    let kind: any Direction = data.rank > 0 ? LowRankPluginDirection(data) : PluginDirection(data)
    return try measure(.losses(kind, Few(copy), batch), Int(count), losses)
  }

  private func measure(
    _ request: PluginRequest, _ count: Int, _ target: UnsafeMutablePointer<Double>?
  ) throws(InputError) -> Bool {
    try checkCount(Int64(count))
    guard let found = answer(request) else { return false }
    losses += found
    guard target != nil, zeroth_guarded_copy(target, found, UInt64(8 * found.count)) == 0 else {
      throw memory.error("losses", found: "an address that cannot be written", expected: "room for \(count) numbers")
    }
    return true
  }

  private func select(_ draw: Int64) throws(InputError) -> Bool {
    guard drawsBatches, draw >= 0 else {
      throw memory.error(
        "select_batch", found: "draw \(draw)",
        expected: drawsBatches ? "at least 0" : "none without ZEROTH_PLUGIN_DRAWS_BATCHES")
    }
    self.draw = Int(draw)
    return true
  }

  private func checkCount(_ count: Int64) throws(InputError) {
    guard count >= 1, count <= Int64(declared - losses.count) else {
      throw memory.error(
        "evaluations", found: "\(count) more after \(losses.count)", expected: "\(declared), as `evaluations` declares")
    }
  }

  private func read(
    _ index: Int64, _ first: Int64, _ rows: Int64, _ target: UnsafeMutablePointer<Float>?
  ) throws(InputError) -> Bool {
    let blocks = layout.layout.blocks
    guard let index = Int(exactly: index), blocks.indices.contains(index), first >= 0, rows >= 1,
      rows <= Int64(blocks[index].rows), first <= Int64(blocks[index].rows) - rows
    else {
      throw memory.error(
        "read", found: "\(rows) rows of block \(index) from row \(first)", expected: "rows that are there")
    }
    let block = blocks[index]
    let count = Int(rows) * block.columns
    let values = UnsafeMutablePointer<Float>.allocate(capacity: count)
    defer { values.deallocate() }
    guard answer(.read(block, Int(first)..<Int(first + rows), values)) != nil else { return false }
    guard target != nil, zeroth_guarded_copy(target, values, UInt64(4 * count)) == 0 else {
      throw memory.error("read", found: "an address that cannot be written", expected: "room for \(count) numbers")
    }
    return true
  }

  /// A copy of the plugin's direction, once it makes sense.
  private func direction(
    _ address: UnsafePointer<zeroth_plugin_direction>?
  ) throws(InputError) -> PluginDirectionData {
    let data = try memory.structure("direction", at: address, of: zeroth_plugin_direction.self)
    var rightKey = StreamKey(seed: 0)
    if data.rank != 0 {
      guard type.hasFactors else {
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
    return PluginDirectionData(type, data, rightKey, layout, fault, isChecked: isChecked)
  }
}
