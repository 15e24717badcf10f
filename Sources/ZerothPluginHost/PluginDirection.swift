import CZerothPlugin
import Synchronization
import Zeroth
import ZerothStrategies
import ZerothSupport

/// Keeps the first error of a plugin from places that cannot throw. Later errors are ignored, because they may follow
/// from the first.
final class PluginFault: Sendable {
  private let happened = Atomic(false)
  private let first = Mutex<InputError?>(nil)

  /// The first error; nil if there is none.
  var error: InputError? { hasHappened ? first.withLock { $0 } : nil }
  /// Whether there was an error.
  var hasHappened: Bool { happened.load(ordering: .acquiring) }

  /// Throws the first error, if there was one.
  @Sendable func check() throws {
    if let error { throw error }
  }

  func record(_ error: InputError) {
    first.withLock { first in
      if first == nil { first = error }
    }
    happened.store(true, ordering: .releasing)
  }
}

/// A direction of a plugin's strategy: the data that describe it, and the plugin's functions that compute it from them.
final class PluginDirectionData: @unchecked Sendable {
  let strategy: PluginStrategy
  let functions: UnsafePointer<zeroth_plugin_direction_functions>
  let layout: PluginLayout
  let data: UnsafeMutablePointer<zeroth_plugin_direction>
  let rightKey: StreamKey
  private let fault: PluginFault
  private let isChecked: Bool
  private var touched: [Bool]

  /// A direction of `data`, which must have been checked.
  init(
    _ strategy: PluginStrategy, _ functions: UnsafePointer<zeroth_plugin_direction_functions>,
    _ data: zeroth_plugin_direction, _ rightKey: StreamKey, _ layout: PluginLayout, _ fault: PluginFault,
    isChecked: Bool
  ) {
    self.strategy = strategy
    self.functions = functions
    self.layout = layout
    self.fault = fault
    self.isChecked = isChecked
    self.rightKey = rightKey
    self.data = .allocate(capacity: 1)
    self.data.initialize(to: data)
    touched = []
    if let retain = functions.pointee.retain, let payload = data.payload {
      survive(zeroth_guarded_count(retain, payload), "retain")
    }
    touched = layout.layout.blocks.map { block in
      guard block.isTrainable, functions.pointee.touches != nil else { return block.isTrainable }
      var result: Int32 = 1
      survive(zeroth_guarded_touches(functions, self.data, layout.block(block), &result), "touches")
      return result != 0
    }
  }

  deinit {
    if let release = functions.pointee.release, let payload = data.pointee.payload {
      survive(zeroth_guarded_count(release, payload), "release")
    }
    data.deallocate()
  }

  var rank: Int { Int(data.pointee.rank) }

  func touches(_ block: ParameterBlock) -> Bool { touched.indices.contains(block.index) && touched[block.index] }

  /// Computes values += scale D[rows].
  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    values.withUnsafeMutableBufferPointer { values in
      make("add", values, of: block, adds: true) { known, target in
        zeroth_guarded_add(
          functions, PluginServices.table, data, known, Int64(rows.lowerBound), Int64(rows.count), scale, target)
      }
    }
  }

  /// Computes values = D[rows, columns].
  func write(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>
  ) {
    values.withUnsafeMutableBufferPointer { values in
      make("write", values, of: block) { known, target in
        zeroth_guarded_write(
          functions, PluginServices.table, data, known, Int64(rows.lowerBound), Int64(rows.count),
          Int64(columns.lowerBound), Int64(columns.count), target)
      }
    }
  }

  /// Computes values = U[rows].
  func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    make("write_left", UnsafeMutableBufferPointer(rebasing: values[..<(rows.count * rank)]), of: block) {
      known, target in
      zeroth_guarded_left(
        functions, PluginServices.table, data, known, Int64(rows.lowerBound), Int64(rows.count), target)
    }
  }

  /// Computes values = V^T.
  func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    make("write_right", UnsafeMutableBufferPointer(rebasing: values[..<(block.columns * rank)]), of: block) {
      known, target in
      zeroth_guarded_right(functions, PluginServices.table, data, known, target)
    }
  }

  /// Lets the plugin fill `values` or add to them. Records a fault if a value is not finite.
  private func make(
    _ function: String, _ values: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, adds: Bool = false,
    _ call: (UnsafePointer<zeroth_plugin_block>, UnsafeMutablePointer<Float>) -> Int32
  ) {
    guard let start = values.baseAddress, !values.isEmpty else { return }
    if !adds, isChecked || fault.hasHappened { values.update(repeating: 0) }
    guard !fault.hasHappened else { return }
    guard let known = layout.block(block) else {
      fault.record(
        InputError(strategy.subject(function), found: "block '\(block.name)'", expected: "one that it was measured on"))
      return
    }
    if isChecked {
      let check = PluginCall(values: values, adds: adds) { call(known, $0) }
      if let problem = check.problem { report(function, block, problem.found, problem.expected) }
      return
    }
    let signal = call(known, start)
    if signal != 0 {
      survive(signal, function)
    } else if zeroth_all_finite(start, UInt64(values.count)) == 0 {
      report(function, block, "a value that is not finite", "numbers")
    }
  }

  private func report(_ function: String, _ block: ParameterBlock, _ found: String, _ expected: String) {
    fault.record(InputError("\(strategy.subject(function)) on block '\(block.name)'", found: found, expected: expected))
  }

  private func survive(_ signal: Int32, _ function: String) {
    if signal != 0 { fault.record(PluginLibrary.crash(signal, strategy.subject(function))) }
  }
}

/// A kind of direction that comes from a plugin.
protocol PluginDirectionKind: Direction {
  init(_ data: PluginDirectionData)
  var data: PluginDirectionData { get }
}

extension PluginDirectionKind {
  /// Uses the plugin's `write`. Without one, adds the direction to zeros.
  func write(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>) {
    guard data.functions.pointee.write != nil, data.rank == 0 else {
      values.update(repeating: 0)
      return add(to: &values, of: block, rows: rows, scale: 1)
    }
    data.write(to: &values, of: block, rows: rows, columns: 0..<block.columns)
  }

  /// Asks the plugin whether the direction touches the block.
  func touches(_ block: ParameterBlock) -> Bool { data.touches(block) }
}

/// A direction of a plugin that is only known to add itself.
struct PluginDirection: PluginDirectionKind {
  let data: PluginDirectionData

  init(_ data: PluginDirectionData) { self.data = data }

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    if data.rank > 0 { return LowRankPluginDirection(data).add(to: &values, of: block, rows: rows, scale: scale) }
    data.add(to: &values, of: block, rows: rows, scale: scale)
  }

  func write(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>
  ) {
    guard columns.count < block.columns, data.functions.pointee.write != nil, data.rank == 0 else {
      return writeWhole(to: &values, of: block, rows: rows, columns: columns)
    }
    data.write(to: &values, of: block, rows: rows, columns: columns)
  }

  var structure: DirectionStructure { data.rank > 0 ? .lowRank(LowRankPluginDirection(data)) : .dense }
}

/// A direction of a plugin that has factors U and V.
struct LowRankPluginDirection: PluginDirectionKind, LowRankDirection {
  let data: PluginDirectionData

  init(_ data: PluginDirectionData) { self.data = data }

  var rank: Int { data.rank }
  var matrixScale: Float { data.data.pointee.matrix_scale }
  var rightKey: StreamKey { data.rightKey }

  func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    data.writeLeft(of: block, rows: rows, into: values)
  }

  func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    data.writeRight(of: block, into: values)
  }

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    if block.isMatrix {
      addLowRank(to: &values, of: block, rows: rows, scale: scale * matrixScale)
    } else {
      data.add(to: &values, of: block, rows: rows, scale: scale)
    }
  }
}
