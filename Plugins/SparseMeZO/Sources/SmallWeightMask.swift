import Zeroth

/// A mask of the k_l weights with the smallest |theta_i| in each trainable block l, taken at one theta. It has one bit
/// for each parameter.
///
/// k_l is `density` times the number of parameters of the block, rounded. The mask has exactly k_l weights: of several
/// weights whose size equals the threshold h_l, those that come first are taken.
public struct SmallWeightMask: Sendable {
  /// The threshold h_l by block index: the largest |theta_i| in the mask. Nil where the mask of a block is empty.
  public private(set) var thresholds: [Int: Float] = [:]
  private var words: [Int: [UInt64]] = [:]

  /// The mask of `theta`; `density` in (0, 1].
  public init(_ theta: borrowing ParameterStore, density: Double) {
    var thresholds: [Int: Float] = [:]
    var words: [Int: [UInt64]] = [:]
    for block in theta.layout.trainable {
      let count = Self.count(in: block, density: density)
      guard count > 0 else { continue }
      theta.withBlock(block) { values in
        values.withUnsafeBufferPointer { values in
          let (threshold, ties) = Self.smallest(count, of: values)
          thresholds[block.index] = Float(bitPattern: threshold)
          words[block.index] = Self.mask(values, threshold, ties)
        }
      }
    }
    self.thresholds = thresholds
    self.words = words
  }

  /// An empty mask, to be filled from a checkpoint.
  init() {}

  /// Saves or restores the bits and the threshold of each block that has some.
  mutating func code(_ state: StateCoder) throws(InputError) {
    for block in state.layout.trainable {
      guard try state.codePresence("mask.\(block.name).is-there", touches(block)) else { continue }
      var threshold = Double(thresholds[block.index] ?? 0)
      var bits = words[block.index] ?? []
      try state.code("mask.\(block.name).threshold", &threshold)
      try state.code("mask.\(block.name)", &bits, count: (block.count + 63) / 64)
      thresholds[block.index] = Float(threshold)
      words[block.index] = bits
    }
  }

  /// The number k_l of parameters of `block` in a mask of density `density`.
  public static func count(in block: ParameterBlock, density: Double) -> Int {
    min(block.count, Int((density * Double(block.count)).rounded()))
  }

  /// Whether a parameter of `block` is in the mask.
  public func touches(_ block: ParameterBlock) -> Bool { words[block.index] != nil }

  /// Whether element `element` of `block`, counted row by row, is in the mask.
  public func contains(_ element: Int, of block: ParameterBlock) -> Bool {
    words[block.index].map { $0[element / 64] >> UInt64(element % 64) & 1 == 1 } ?? false
  }

  /// The number of 32-bit words that the mask takes: one for 32 parameters.
  public var storedWords: Int { words.values.reduce(0) { $0 + 2 * $1.count } }

  /// target[i] += scale source[i] for the elements from `first` on that are in the mask.
  func add(
    _ source: UnsafeBufferPointer<Float>, to target: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock,
    from first: Int, scale: Float
  ) {
    let end = first + target.count
    words[block.index]?.withUnsafeBufferPointer { words in
      var start = first
      while start < end {
        let place = start / 64
        let stop = min(end, 64 * (place + 1))
        var bits = words[place] >> UInt64(start % 64)
        if stop - start < 64 { bits &= (1 << UInt64(stop - start)) - 1 }
        while bits != 0 {
          let i = start - first + bits.trailingZeroBitCount
          target[i] += scale * source[i]
          bits &= bits - 1
        }
        start = stop
      }
    }
  }

  /// values[i] = 0 for the elements from `first` on that are not in the mask.
  func keep(_ values: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from first: Int) {
    guard let words = words[block.index] else {
      values.update(repeating: 0)
      return
    }
    words.withUnsafeBufferPointer { words in
      for i in 0..<values.count {
        let place = first + i
        let bit = UInt32(truncatingIfNeeded: words[place / 64] >> UInt64(place % 64)) & 1
        values[i] = Float(bitPattern: values[i].bitPattern & (0 &- bit))
      }
    }
  }

  /// The bit pattern of the `count`-th smallest |value|, and how many of the values equal to it are among the `count`
  /// smallest.
  ///
  /// The order of the magnitudes is that of their bit patterns. So a histogram of the upper half of the bits is made
  /// first, and then one of the lower half: two passes over the values, without a copy of them.
  private static func smallest(_ count: Int, of values: UnsafeBufferPointer<Float>) -> (bits: UInt32, ties: Int) {
    withUnsafeTemporaryAllocation(of: Int.self, capacity: 1 << 16) { bins in
      /// The bin that contains the value of rank `rank`, and the rank of this value within the bin.
      func find(_ rank: Int) -> (bin: Int, rank: Int) {
        var rank = rank
        var bin = 0
        while bin < bins.count - 1, bins[bin] < rank {
          rank -= bins[bin]
          bin += 1
        }
        return (bin, rank)
      }
      bins.initialize(repeating: 0)
      for value in values { bins[Int(value.magnitude.bitPattern >> 16)] += 1 }
      let upper = find(count)
      bins.update(repeating: 0)
      for value in values where Int(value.magnitude.bitPattern >> 16) == upper.bin {
        bins[Int(value.magnitude.bitPattern & 0xFFFF)] += 1
      }
      let lower = find(upper.rank)
      return (UInt32(upper.bin << 16 | lower.bin), lower.rank)
    }
  }

  private static func mask(_ values: UnsafeBufferPointer<Float>, _ threshold: UInt32, _ ties: Int) -> [UInt64] {
    var ties = ties
    var words = [UInt64](repeating: 0, count: (values.count + 63) / 64)
    words.withUnsafeMutableBufferPointer { words in
      for i in 0..<values.count {
        let bits = values[i].magnitude.bitPattern
        guard bits <= threshold else { continue }
        if bits == threshold {
          guard ties > 0 else { continue }
          ties -= 1
        }
        words[i / 64] |= 1 << UInt64(i % 64)
      }
    }
    return words
  }
}
