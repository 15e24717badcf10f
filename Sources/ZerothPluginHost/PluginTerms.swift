import CZerothPlugin
import Synchronization
import Zeroth
import ZerothStrategies
import ZerothSupport

/// Directions of the host in the form that a plugin reads: the terms of an estimate, or the update. It lives as long as
/// the call that it is made for, and longer while the plugin retains it.
final class PluginTerms: @unchecked Sendable {
  /// The struct through which plugins read the directions.
  let pointer: UnsafePointer<zeroth_plugin_terms>
  let layout: PluginLayout
  let directions: [any Direction]
  private let factors: [(any LowRankDirection)?]
  private let strategy: PluginStrategy
  private let fault: PluginFault
  private let terms: UnsafeMutablePointer<zeroth_plugin_term>
  private let places: UnsafeMutablePointer<UnsafePointer<zeroth_plugin_term>?>
  /// The number of times that the plugin has retained it without releasing it.
  private let users = Mutex(0)

  init(
    _ sum: [(coefficient: Double, direction: any Direction)], _ layout: PluginLayout, _ strategy: PluginStrategy,
    _ fault: PluginFault
  ) {
    self.layout = layout
    self.strategy = strategy
    self.fault = fault
    directions = sum.map(\.direction)
    factors = directions.map(\.factors)
    terms = .allocate(capacity: sum.count)
    places = .allocate(capacity: sum.count)
    for (i, term) in sum.enumerated() {
      var known = zeroth_plugin_term()
      known.size = UInt64(MemoryLayout<zeroth_plugin_term>.size)
      known.coefficient = term.coefficient
      if let factors = factors[i] {
        known.rank = Int64(factors.rank)
        known.matrix_scale = factors.matrixScale
        known.right_key = zeroth_plugin_key(factors.rightKey)
      }
      (terms + i).initialize(to: known)
      (places + i).initialize(to: UnsafePointer(terms + i))
    }
    let table = UnsafeMutablePointer<zeroth_plugin_terms>.allocate(capacity: 1)
    table.initialize(to: Self.functions)
    table.pointee.count = Int64(sum.count)
    table.pointee.terms = UnsafePointer(places)
    pointer = UnsafePointer(table)
    table.pointee.host = UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    terms.deallocate()
    places.deallocate()
    pointer.deallocate()
  }

  private static var functions: zeroth_plugin_terms {
    var table = zeroth_plugin_terms()
    table.size = UInt64(MemoryLayout<zeroth_plugin_terms>.size)
    table.add = { terms, term, block, first, rows, scale, values in
      PluginTerms.serve(terms) { terms throws(InputError) in
        let (direction, block, rows) = try terms.find("add", term, block, first, rows)
        guard scale.isFinite else { throw terms.error("add", "a scale of \(scale)", "a number") }
        let count = rows.count * block.columns
        let values = try terms.writable("add", values, count)
        guard direction.touches(block) else { return 0 }
        var span = UnsafeMutableBufferPointer(start: values, count: count).mutableSpan
        direction.add(to: &span, of: block, rows: rows, scale: scale)
        return 0
      }
    }
    table.touches = { terms, term, block in
      PluginTerms.serve(terms, failing: 0) { terms throws(InputError) in
        let (direction, block, _) = try terms.find("touches", term, block, 0, 1)
        return direction.touches(block) ? 1 : 0
      }
    }
    table.write_left = { terms, term, block, first, rows, values in
      PluginTerms.serve(terms) { terms throws(InputError) in
        let (_, block, rows) = try terms.find("write_left", term, block, first, rows)
        let factors = try terms.factors("write_left", term, block)
        let values = try terms.writable("write_left", values, rows.count * factors.rank)
        factors.writeLeft(
          of: block, rows: rows, into: UnsafeMutableBufferPointer(start: values, count: rows.count * factors.rank))
        return 0
      }
    }
    table.write_right = { terms, term, block, values in
      PluginTerms.serve(terms) { terms throws(InputError) in
        let (_, block, _) = try terms.find("write_right", term, block, 0, 1)
        let factors = try terms.factors("write_right", term, block)
        let values = try terms.writable("write_right", values, block.columns * factors.rank)
        factors.writeRight(
          of: block, into: UnsafeMutableBufferPointer(start: values, count: block.columns * factors.rank))
        return 0
      }
    }
    table.retain = { terms in
      _ = PluginTerms.serve(terms) { terms in
        terms.users.withLock { $0 += 1 }
        _ = Unmanaged.passRetained(terms)
        return 0
      }
    }
    table.release = { terms in
      _ = PluginTerms.serve(terms) { terms throws(InputError) in
        let isHeld = terms.users.withLock { users in
          guard users > 0 else { return false }
          users -= 1
          return true
        }
        guard isHeld else { throw terms.error("release", "one more than were retained", "as many as `retain`") }
        Unmanaged.passUnretained(terms).release()
        return 0
      }
    }
    return table
  }

  /// Runs `body` without the plugin's guard. An error in it is recorded as a fault of the plugin.
  private static func serve(
    _ terms: UnsafePointer<zeroth_plugin_terms>?, failing: Int32 = 1,
    _ body: (PluginTerms) throws(InputError) -> Int32
  ) -> Int32 {
    guard let host = terms?.pointee.host else { return failing }
    let guarded = zeroth_guard_suspend()
    defer { zeroth_guard_resume(guarded) }
    let terms = Unmanaged<PluginTerms>.fromOpaque(host).takeUnretainedValue()
    do throws(InputError) {
      return try body(terms)
    } catch {
      terms.fault.record(error)
      return failing
    }
  }

  private func find(
    _ function: String, _ term: Int64, _ block: UnsafePointer<zeroth_plugin_block>?, _ first: Int64, _ rows: Int64
  ) throws(InputError) -> (any Direction, ParameterBlock, Range<Int>) {
    try checkFault()
    guard let i = Int(exactly: term), directions.indices.contains(i) else {
      throw error(function, "term \(term)", "0 to \(directions.count - 1)")
    }
    guard let known = layout.block(at: block), known.isTrainable else {
      throw error(function, "another block", "a trainable one of the layout")
    }
    guard first >= 0, rows >= 1, rows <= Int64(known.rows), first <= Int64(known.rows) - rows else {
      throw error(function, "\(rows) rows of block '\(known.name)' from row \(first)", "rows that are there")
    }
    return (directions[i], known, Int(first)..<Int(first + rows))
  }

  private func factors(
    _ function: String, _ term: Int64, _ block: ParameterBlock
  ) throws(InputError) -> any LowRankDirection {
    guard block.isMatrix, let factors = factors[Int(term)] else {
      throw error(
        function, block.isMatrix ? "a direction without factors" : "block '\(block.name)'", "factors of a matrix")
    }
    return factors
  }

  private func writable(
    _ function: String, _ values: UnsafeMutablePointer<Float>?, _ count: Int
  ) throws(InputError) -> UnsafeMutablePointer<Float> {
    guard let values, zeroth_guarded_writes(values, UInt64(4 * count)) == 0 else {
      throw error(function, "an address that cannot be written", "room for \(count) numbers")
    }
    return values
  }

  /// Throws the first error, so that nothing more is done after it.
  private func checkFault() throws(InputError) {
    if let error = fault.error { throw error }
  }

  private func error(_ function: String, _ found: String, _ expected: String) -> InputError {
    InputError("\(strategy.subject("a step")): \(function) of terms", found: found, expected: expected)
  }
}
