import CZeroth

/// A change of the values of some blocks, which is applied panel by panel.
protocol PanelChange: Sendable {
  func includes(_ block: ParameterBlock) -> Bool
  func apply(to values: UnsafeMutableBufferPointer<Float>, of panel: Panel)
}

/// No change besides the pending updates: those of one block, or of all blocks where `block` is nil, are written.
struct PendingAlone: PanelChange {
  let block: Int?

  func includes(_ block: ParameterBlock) -> Bool { self.block == nil || self.block == block.index }
  func apply(to values: UnsafeMutableBufferPointer<Float>, of panel: Panel) {}
}

/// theta_l = k_l theta_l + scale s_l D_l, where k_l is the decay factor.
struct Addition<D: Direction>: PanelChange {
  let direction: D
  let scales: BlockScales
  let scale: Float
  let decayFactor: (@Sendable (ParameterBlock) -> Float)?
  let leavesMatrices: Bool

  func includes(_ block: ParameterBlock) -> Bool {
    !(leavesMatrices && block.isMatrix) && (decayFactor != nil || direction.touches(block))
  }

  func apply(to values: UnsafeMutableBufferPointer<Float>, of panel: Panel) {
    if let decayFactor {
      let factor = decayFactor(panel.block)
      if factor != 1, let start = values.baseAddress { zeroth_scale(values.count, factor, start) }
    }
    guard direction.touches(panel.block) else { return }
    var span = values.mutableSpan
    direction.add(to: &span, of: panel.block, rows: panel.rows, scale: scale * scales[panel.block])
  }
}

/// The work of the threads that write a change.
struct Writing<Change: PanelChange>: ~Copyable, ParallelWork {
  let panels: [Panel]
  let stored: StoredParameters
  let key: StreamKey
  let change: Change

  func run(_ i: Int, _: Int) {
    let panel = panels[i]
    guard change.includes(panel.block) else { return }
    let n = panel.block.columns
    let count = panel.rows.count * n
    if stored.floats(of: panel.block) != nil {
      let start = stored.base + panel.block.offset + panel.rows.lowerBound * n
      stored.addPending(of: panel.block, rows: panel.rows, to: start)
      change.apply(to: UnsafeMutableBufferPointer(start: start, count: count), of: panel)
    } else {
      withScratch(count) { values in
        guard let start = values.baseAddress else { return }
        stored.read(panel.block, rows: panel.rows, into: start)
        change.apply(to: values, of: panel)
        stored.narrow(UnsafeBufferPointer(values), panel.block, rows: panel.rows, key: key)
      }
    }
  }
}

/// The work of the threads that add an update to the thin factors.
struct Gathering: ~Copyable, ParallelWork {
  let updates: PendingUpdates
  let panels: [Panel]
  let direction: any LowRankDirection
  let scales: BlockScales
  let scale: Float

  func run(_ i: Int, _: Int) {
    let block = panels[i].block
    guard block.isMatrix, direction.touches(block) else { return }
    updates.add(direction, of: block, rows: panels[i].rows, scale: scale * direction.matrixScale * scales[block])
  }
}

extension StoredParameters {
  /// Rounds `values` and stores them as the rows `rows` of a half-precision block.
  func narrow(
    _ values: UnsafeBufferPointer<Float>, _ block: ParameterBlock, rows: Range<Int>, key: StreamKey
  ) {
    guard let place = elsewhere?.places[block.index], let start = values.baseAddress else { return }
    precondition(place.isWritable, "block '\(block.name)' is stored where it cannot be written")
    let first = rows.lowerBound * block.columns
    zeroth_narrow(
      place.format.kernel, values.count, start, key.child(.block, block.index).bits, UInt64(first),
      UnsafeMutableRawPointer(mutating: place.address) + place.format.bytes(of: first))
  }
}
