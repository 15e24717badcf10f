import Zeroth
import ZerothRecords

/// The copies of parameters that a run with `run.layers` keeps, to report how far each block has moved: theta_0 and,
/// around an evaluation, theta before the last step. Each takes as much memory as the parameters in fp32.
struct LayerStatistics: ~Copyable {
  private let start: ParameterStore
  private var previous: ParameterStore?

  /// Statistics of a run that starts at `theta`.
  init(from theta: borrowing ParameterStore) { start = theta.clone() }

  /// Keeps theta. It is called before a step that is followed by an evaluation.
  mutating func willStep(_ theta: borrowing ParameterStore) { previous = theta.clone() }

  /// The row after `step` steps. The copy of theta before the last step is then released.
  mutating func row(
    after step: Int, _ theta: borrowing ParameterStore, ratios: [(block: ParameterBlock, ratio: Double)]
  ) -> MetricsRow.Layers {
    let ratios = Dictionary(ratios.map { ($0.block.index, $0.ratio) }) { $1 }
    let hasPrevious = previous != nil
    var updates: [Double] = []
    if let before = previous.take() {
      for block in theta.layout.trainable { updates.append(before.distance(of: block, to: theta)) }
    }
    let blocks = theta.layout.trainable.enumerated().map { l, block in
      MetricsRow.Layers.Block(
        name: block.name, norm: theta.norm(of: block), distance: start.distance(of: block, to: theta),
        update: hasPrevious ? updates[l] : nil, ratio: ratios[block.index])
    }
    return MetricsRow.Layers(step: step, blocks: blocks)
  }
}

extension ParameterStore {
  /// Whether all elements of a block are finite.
  borrowing func isFinite(_ block: ParameterBlock) -> Bool {
    withBlock(block) { values in
      for i in values.indices where !values[i].isFinite { return false }
      return true
    }
  }

  /// The Euclidean norm of a block.
  fileprivate borrowing func norm(of block: ParameterBlock) -> Double {
    withBlock(block) { values in
      var sum = 0.0
      for i in values.indices { sum += Double(values[i]) * Double(values[i]) }
      return sum.squareRoot()
    }
  }

  /// The Euclidean distance between a block here and in a store of the same layout.
  fileprivate borrowing func distance(of block: ParameterBlock, to other: borrowing ParameterStore) -> Double {
    withBlock(block) { here in
      other.withBlock(block) { there in
        var sum = 0.0
        for i in here.indices {
          let difference = Double(here[i]) - Double(there[i])
          sum += difference * difference
        }
        return sum.squareRoot()
      }
    }
  }
}
