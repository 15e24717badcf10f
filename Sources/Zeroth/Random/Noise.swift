import CZeroth

/// The distribution of the elements of a dense direction.
public enum NoiseDistribution: String, CaseIterable, Sendable, Hashable {
  /// Standard normal. Philox makes a normal number from 32-bit words by the method of Box and Muller, so none is larger
  /// than sqrt(-2 ln 2^-32) = 6.66. Exact normal noise exceeds that once in 4e10 numbers.
  case gaussian
  /// -1 or 1, each with probability 1/2. Philox uses single bits of its words: element n is bit n mod 32 of word
  /// floor(n / 32), and a set bit stands for -1. So a sign takes one bit, where a normal number takes a word of 32
  /// bits.
  case rademacher
  /// Uniform on the sphere of radius sqrt(d) in R^d. With this radius E[z z^T] = I, as for the other distributions.
  case sphere
}

/// The noise of one stream key: a sequence z of random numbers. Any part of it can be made again at any time.
package struct Noise: Sendable, Hashable {
  /// The version of the mapping from a key to the elements of its stream. In version 2 a sign takes one bit of a word,
  /// in version 1 a whole word. Normal numbers are the same in both versions.
  package static let version = 2

  let key: StreamKey
  let distribution: NoiseDistribution

  /// The noise of `key` with elements drawn from `distribution`.
  package init(key: StreamKey, distribution: NoiseDistribution) {
    self.key = key
    self.distribution = distribution
  }

  /// values[i] += scale z[first + i]. The sphere's elements are normal here: its radius is the caller's scale.
  package func add(to values: inout MutableSpan<Float>, from first: Int, scale: Float) {
    values.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return }
      zeroth_noise(
        key.generator.index, cDistribution, key.bits, UInt64(first), buffer.count, scale, start, start)
    }
  }

  /// out[i] = base[i] + scale z[first + i] for i in 0..<count, without z in memory.
  package func displace(
    _ base: UnsafePointer<Float>, from first: Int, count: Int, scale: Float, into out: UnsafeMutablePointer<Float>
  ) {
    zeroth_noise(key.generator.index, cDistribution, key.bits, UInt64(first), count, scale, base, out)
  }

  /// values[i] = scale z[first + i].
  package func fill(_ values: UnsafeMutableBufferPointer<Float>, from first: Int = 0, scale: Float = 1) {
    guard let start = values.baseAddress else { return }
    zeroth_noise(key.generator.index, cDistribution, key.bits, UInt64(first), values.count, scale, nil, start)
  }

  private var cDistribution: zeroth_distribution { distribution == .rademacher ? zeroth_rademacher : zeroth_gaussian }
}
