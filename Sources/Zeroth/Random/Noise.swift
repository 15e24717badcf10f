import CZeroth

/// Where the elements of a dense direction come from.
public enum NoiseDistribution: String, CaseIterable, Sendable, Hashable {
  /// Standard normal. Philox's come from 32-bit words by Box and Muller's method, so that none is larger than
  /// sqrt(-2 ln 2^-32) = 6.66: right noise passes that once in 4e10 numbers.
  case gaussian
  /// -1 or 1, each with probability 1/2. Philox's are single bits of its words: element n is bit n mod 32 of word
  /// floor(n / 32), set for -1, so that a sign costs a thirty-second of the word that a normal number takes.
  case rademacher
  /// Uniform on the sphere of radius sqrt(d) in R^d, so that E[z z^T] = I as for the others.
  case sphere
}

/// The noise of one stream key: a sequence of which any part can be made again.
package struct Noise: Sendable, Hashable {
  /// The version of what the elements of a stream are: 2 since a sign takes one bit of a word, where it took a whole word
  /// in version 1. Normal numbers are the same in both.
  package static let version = 2

  let key: StreamKey
  let distribution: NoiseDistribution

  /// The noise of `key`.
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
