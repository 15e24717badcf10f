/// The key of a stream of random numbers. Keys split: a run's key has children for its steps, those for queries,
/// those for blocks. The same path gives the same numbers, whatever the order or the thread they are asked in.
public struct StreamKey: Sendable, Hashable {
  /// The 64 bits that key the generator.
  public let bits: UInt64
  /// The generator that the streams of this key and its children run on.
  public let generator: RandomGenerator

  /// The root key of a run.
  public init(seed: UInt64, generator: RandomGenerator = .philox) {
    bits = Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15)
    self.generator = generator
  }

  /// The key of these bits, as another part of the program or a plugin had it.
  package init(bits: UInt64, generator: RandomGenerator) {
    self.bits = bits
    self.generator = generator
  }

  /// What a child is for, so that streams of different purposes cannot meet.
  public enum Purpose: UInt64, Sendable {
    case step = 1, left, right, query, block, batch, split, ratio, initial, plugin, rounding, diagnosis, sampling
  }

  /// The child number `index` for `purpose`.
  public func child(_ purpose: Purpose, _ index: Int = 0) -> StreamKey {
    let tag = Self.mix(UInt64(bitPattern: Int64(index)) &+ purpose.rawValue &* 0xD6E8_FEB8_6659_FD93)
    return StreamKey(bits: Self.mix(bits ^ tag), generator: generator)
  }

  /// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): one to one, and every bit depends on every other.
  private static func mix(_ x: UInt64) -> UInt64 {
    var z = x
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
