import CZeroth

/// A direction whose d values are stored, unlike those of other directions. It is the state of classical momentum.
public struct StoredDirection: Direction {
  private let vector: StoredVector
  private let scale: Float

  /// scale times `vector`, on the blocks that it stores.
  public init(_ vector: StoredVector, scale: Float) {
    self.vector = vector
    self.scale = scale
  }

  /// Whether `block` is stored.
  public func touches(_ block: ParameterBlock) -> Bool { vector.contains(block) }

  /// values += scale times the stored rows.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    values.withUnsafeMutableBufferPointer { target in
      _ = vector.withRows(rows, of: block) { stored in
        guard let out = target.baseAddress, let start = stored.baseAddress else { return }
        zeroth_axpy(target.count, scale * self.scale, start, out)
      }
    }
  }
}
