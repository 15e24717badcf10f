import CZeroth
import Synchronization

extension Direction {
  /// ||D||^2 over `blocks`, in double. Each panel has a partial sum, and these are added in the order of the panels.
  package func sumOfSquares(on blocks: [ParameterBlock]) -> Double {
    let panels = Panel.cut(blocks)
    let partial = Mutex([Double](repeating: 0, count: panels.count))
    Parallel.forEach(panels.count) { i in
      let panel = panels[i]
      let count = panel.rows.count * panel.block.columns
      withScratch(count) { buffer in
        buffer.initialize(repeating: 0)
        var span = buffer.mutableSpan
        write(to: &span, of: panel.block, rows: panel.rows)
        guard let start = buffer.baseAddress else { return }
        let sum = zeroth_dot(count, start, start)
        partial.withLock { $0[i] = sum }
      }
    }
    return partial.withLock { $0.reduce(0, +) }
  }
}
