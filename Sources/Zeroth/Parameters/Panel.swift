/// Some rows of a block: the piece of work that one thread does at a time. The cut depends on the shapes alone, so the
/// number of threads never changes a result.
package struct Panel: Sendable, Equatable {
  package let block: ParameterBlock
  package let rows: Range<Int>

  /// The number of elements that a panel has, about.
  static let size = 1 << 16

  package static func cut(_ blocks: [ParameterBlock]) -> [Panel] {
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
