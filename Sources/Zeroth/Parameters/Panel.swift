import CZeroth

/// Some rows of a block: the piece of work that one thread does. The cut depends on shapes alone, so that the number
/// of threads never changes a result.
struct Panel: Sendable, Equatable {
  let block: ParameterBlock
  let rows: Range<Int>

  /// About this many elements make a panel.
  static let size = 1 << 16

  static func cut(_ blocks: [ParameterBlock]) -> [Panel] {
    var panels: [Panel] = []
    for block in blocks {
      let height = max(1, size / block.columns)
      for start in stride(from: 0, to: block.rows, by: height) {
        panels.append(Panel(block: block, rows: start..<min(start + height, block.rows)))
      }
    }
    return panels
  }
}

/// Loops over independent pieces of work on the threads that `Parallel.threads` allows.
public enum Parallel {
  /// How many threads work at a time, the caller counted. Results do not depend on it.
  public static var threads: Int {
    get { Int(zeroth_threads()) }
    set { zeroth_set_threads(Int32(clamping: newValue)) }
  }

  /// Calls `body` once for each index below `count`, on any thread.
  public static func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
    forEach(count) { index, _ in body(index) }
  }

  /// Calls `body` once for each index below `count`, with the number of the thread that does it, below `workers` even
  /// where `threads` is raised meanwhile.
  public static func forEach(
    _ count: Int, workers: Int = threads, _ body: @Sendable (_ index: Int, _ worker: Int) -> Void
  ) {
    withoutActuallyEscaping(body) { body in
      var box = Box(body: body)
      withUnsafeMutablePointer(to: &box) { pointer in
        zeroth_parallel(Int32(count), Int32(clamping: workers), pointer) { context, index, worker in
          context?.assumingMemoryBound(to: Box.self).pointee.body(Int(index), Int(worker))
        }
      }
    }
  }

  private struct Box {
    let body: @Sendable (Int, Int) -> Void
  }
}
