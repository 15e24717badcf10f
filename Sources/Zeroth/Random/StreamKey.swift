/// The key of a stream of random numbers. A key has child keys: the key of a run has one for each step, the key of a
/// step one for each query, and that of a query one for each block. The same path from the root gives the same numbers,
/// in whatever order and on whatever thread they are drawn.
public struct StreamKey: Sendable, Hashable {
  /// The 64 bits that are given to the generator as its key.
  public let bits: UInt64
  /// The generator of the streams of this key and of its children.
  public let generator: RandomGenerator

  /// The root key of a run.
  public init(seed: UInt64, generator: RandomGenerator = .philox) {
    bits = Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15)
    self.generator = generator
  }

  /// A key with these bits, as it was passed from another part of the program or from a plugin.
  package init(bits: UInt64, generator: RandomGenerator) {
    self.bits = bits
    self.generator = generator
  }

  /// What a child key is for. Keys for different purposes differ, so their streams do not coincide.
  public enum Purpose: UInt64, Sendable {
    case step = 1, left, right, query, block, batch, split, ratio, initial, plugin, rounding, diagnosis, sampling
  }

  /// Child number `index` of this key for `purpose`.
  public func child(_ purpose: Purpose, _ index: Int = 0) -> StreamKey {
    let tag = Self.mix(UInt64(bitPattern: Int64(index)) &+ purpose.rawValue &* 0xD6E8_FEB8_6659_FD93)
    return StreamKey(bits: Self.mix(bits ^ tag), generator: generator)
  }

  /// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a one-to-one map in which every output bit depends on every
  /// input bit.
  private static func mix(_ x: UInt64) -> UInt64 {
    var z = x
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
