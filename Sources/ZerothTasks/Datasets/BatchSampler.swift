import Zeroth

/// The examples of each step's mini-batch: a shuffled pass over the data after another, without replacement.
///
/// A batch depends on (seed, step, draw) alone, so that any step of a run can be made again without the steps before it.
/// Every batch is of the same size and holds no example twice: of a pass, the `count mod size` examples that fill no
/// batch are left out, others in each pass.
public struct BatchSampler: Sendable {
  /// The number of examples.
  public let count: Int
  /// Examples a batch, at most `count`.
  public let size: Int
  private let key: StreamKey
  /// Which examples of each mini-batch are drawn, of all of them.
  private var drawnPart: Range<Int>
  /// The order of the pass that was drawn last.
  private var order: [Int] = []
  private var drawn: (draw: Int, epoch: Int)?

  /// Batches of `size` out of `count` examples; a size above `count` means all of them in every batch.
  public init(count: Int, size: Int, seed: UInt64) throws(InputError) {
    guard count > 0 else { throw InputError("examples to draw batches from", found: "none", expected: "at least one") }
    guard size > 0 else { throw InputError("batch size", found: "\(size)", expected: "at least 1") }
    self.count = count
    self.size = min(size, count)
    key = StreamKey(seed: seed).child(.batch)
    drawnPart = 0..<self.size
  }

  /// The place in each mini-batch of the first example that is drawn.
  var firstDrawn: Int { drawnPart.lowerBound }

  /// A sampler of the same mini-batches that draws the examples `part` of each alone, counted in their order.
  func drawing(_ part: Range<Int>) -> BatchSampler {
    var sampler = self
    sampler.drawnPart = part
    return sampler
  }

  /// Batches in a pass over the data.
  public var batchesPerEpoch: Int { count / size }

  /// The indices of the batch of `step`, from 0. A `draw` above 0 gives further batches of the same step, independent
  /// of the first, for methods that measure on more than one.
  public func indices(step: Int, draw: Int = 0) -> [Int] {
    var sampler = self
    return Array(sampler.draw(step: step, draw: draw))
  }

  /// The same indices; the order of a pass is kept, for the steps that follow in it.
  public mutating func draw(step: Int, draw: Int = 0) -> ArraySlice<Int> {
    let (epoch, place) = step.quotientAndRemainder(dividingBy: batchesPerEpoch)
    if drawn?.draw != draw || drawn?.epoch != epoch {
      order.removeAll(keepingCapacity: true)
      order.append(contentsOf: 0..<count)
      var stream = RandomStream(key.child(.batch, draw).child(.step, epoch))
      stream.shuffle(&order)
      drawn = (draw, epoch)
    }
    return order[(place * size + drawnPart.lowerBound)..<(place * size + drawnPart.upperBound)]
  }
}
