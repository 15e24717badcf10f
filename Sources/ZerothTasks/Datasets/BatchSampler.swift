import Zeroth

/// Chooses the examples of the mini-batch of each step: shuffled passes over the data, without replacement within a
/// pass.
///
/// A batch depends on (seed, step, draw) alone, so any step of a run can be made again without the steps before it.
/// Every batch has the same size and contains no example twice. In each pass the last `count mod size` examples do not
/// fill a batch and are left out; they are different ones in each pass.
public struct BatchSampler: Sendable {
  /// The number of examples.
  public let count: Int
  /// The number of examples in a batch, at most `count`.
  public let size: Int
  private let key: StreamKey
  /// The positions in each mini-batch of the examples that are drawn.
  private var drawnPart: Range<Int>
  /// The order of the examples in the last pass that was shuffled.
  private var order: [Int] = []
  private var drawn: (draw: Int, epoch: Int)?

  /// Batches of `size` out of `count` examples. Where `size` is above `count`, every batch has all examples.
  public init(count: Int, size: Int, seed: UInt64) throws(InputError) {
    guard count > 0 else { throw InputError("examples to draw batches from", found: "none", expected: "at least one") }
    guard size > 0 else { throw InputError("batch size", found: "\(size)", expected: "at least 1") }
    self.count = count
    self.size = min(size, count)
    key = StreamKey(seed: seed).child(.batch)
    drawnPart = 0..<self.size
  }

  /// The position in each mini-batch of the first example that is drawn.
  var firstDrawn: Int { drawnPart.lowerBound }

  /// A sampler of the same mini-batches that draws only the examples at the positions `part` of each.
  func drawing(_ part: Range<Int>) -> BatchSampler {
    var sampler = self
    sampler.drawnPart = part
    return sampler
  }

  /// The number of batches in a pass over the data.
  public var batchesPerEpoch: Int { count / size }

  /// The indices of the examples in the batch of `step`, from 0. A `draw` above 0 gives a further batch of the same
  /// step, independent of the first, for methods that measure on several batches.
  public func indices(step: Int, draw: Int = 0) -> [Int] {
    var sampler = self
    return Array(sampler.draw(step: step, draw: draw))
  }

  /// The same indices. The order of the pass is kept for the following steps.
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
