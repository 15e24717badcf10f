import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// A direction of this library that the host holds. In C it is the payload of a `zeroth_plugin_direction`.
private final class ExportedDirection: Sendable {
  let direction: any Direction
  let factors: (any LowRankDirection)?
  let layout: ParameterLayout

  init(_ direction: any Direction, _ layout: ParameterLayout) {
    self.direction = direction
    self.layout = layout
    factors = direction.factors
  }

  /// Calls `body` with the object behind `data` and the block that `block` names.
  static func with(
    _ data: UnsafePointer<zeroth_plugin_direction>?, _ block: UnsafePointer<zeroth_plugin_block>?,
    _ body: (ExportedDirection, ParameterBlock) -> Void
  ) {
    guard let payload = data?.pointee.payload, let block else { return }
    Unmanaged<ExportedDirection>.fromOpaque(payload)._withUnsafeGuaranteedRef { direction in
      body(direction, direction.layout.blocks[Int(block.pointee.index)])
    }
  }
}

extension zeroth_plugin_direction {
  /// `direction` as the host sees it. The payload has one owner, which ends with `releasePayload`. `generator` is the
  /// number of the run's random generator in the host. The host needs its own number, because it compares the key of V
  /// with the keys of other directions.
  init(_ direction: some Direction, in layout: ParameterLayout, generator: UInt64) {
    self.init()
    let exported = ExportedDirection(direction, layout)
    size = UInt64(MemoryLayout<zeroth_plugin_direction>.size)
    payload = Unmanaged.passRetained(exported).toOpaque()
    guard let factors = exported.factors else { return }
    rank = Int64(factors.rank)
    matrix_scale = factors.matrixScale
    right_key = zeroth_plugin_key(bits: factors.rightKey.bits, generator: generator)
  }

  /// Releases the payload.
  func releasePayload() {
    if let payload { Unmanaged<ExportedDirection>.fromOpaque(payload).release() }
  }
}

extension zeroth_plugin_direction_functions {
  /// The functions of a direction. Each finds the direction behind the payload and calls its method.
  static var exported: zeroth_plugin_direction_functions {
    var functions = zeroth_plugin_direction_functions()
    functions.size = UInt64(MemoryLayout<zeroth_plugin_direction_functions>.size)
    functions.set()
    return functions
  }

  private mutating func set() {
    add = { _, data, block, first, rows, scale, values in
      ExportedDirection.with(data, block) { exported, block in
        let rows = Int(first)..<Int(first + rows)
        var span = UnsafeMutableBufferPointer(start: values, count: rows.count * block.columns).mutableSpan
        exported.direction.add(to: &span, of: block, rows: rows, scale: scale)
      }
    }
    write = { _, data, block, first, rows, firstColumn, columns, values in
      ExportedDirection.with(data, block) { exported, block in
        let rows = Int(first)..<Int(first + rows)
        let columns = Int(firstColumn)..<Int(firstColumn + columns)
        var span = UnsafeMutableBufferPointer(start: values, count: rows.count * columns.count).mutableSpan
        exported.direction.write(to: &span, of: block, rows: rows, columns: columns)
      }
    }
    touches = { data, block in
      var result: Int32 = 1
      ExportedDirection.with(data, block) { exported, block in
        result = exported.direction.touches(block) ? 1 : 0
      }
      return result
    }
    write_left = { _, data, block, first, rows, values in
      ExportedDirection.with(data, block) { exported, block in
        guard let factors = exported.factors else { return }
        let target = UnsafeMutableBufferPointer(start: values, count: Int(rows) * factors.rank)
        factors.writeLeft(of: block, rows: Int(first)..<Int(first + rows), into: target)
      }
    }
    write_right = { _, data, block, values in
      ExportedDirection.with(data, block) { exported, block in
        guard let factors = exported.factors else { return }
        let target = UnsafeMutableBufferPointer(start: values, count: block.columns * factors.rank)
        factors.writeRight(of: block, into: target)
      }
    }
    retain = { payload in
      if let payload { _ = Unmanaged<ExportedDirection>.fromOpaque(payload).retain() }
    }
    release = { payload in
      if let payload { Unmanaged<ExportedDirection>.fromOpaque(payload).release() }
    }
  }
}
