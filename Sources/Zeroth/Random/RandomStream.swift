import CZeroth

/// A sequence of random numbers from one key, drawn one after another by the distributions of GSL. It is used for
/// mini-batches, splits of data and small vectors.
public struct RandomStream: ~Copyable {
  private let stream: OpaquePointer

  /// The stream of `key`, from its start.
  public init(_ key: StreamKey) {
    guard let stream = zeroth_stream_make(key.generator.index, key.bits) else {
      zeroth_end_without_memory("a stream of random numbers")
    }
    self.stream = stream
  }

  deinit { zeroth_stream_free(stream) }

  /// 32 random bits.
  public mutating func bits() -> UInt32 { zeroth_stream_bits(stream) }
  /// Uniform on [0, 1).
  public mutating func uniform() -> Double { zeroth_stream_uniform(stream) }
  /// Standard normal, by GSL's ziggurat.
  public mutating func gaussian() -> Double { zeroth_stream_gaussian(stream) }
  /// Uniform on 0 ..< `bound`, which is at least 1 and below 2^32.
  public mutating func below(_ bound: Int) -> Int { Int(zeroth_stream_below(stream, UInt32(bound))) }

  /// `elements` in a random order.
  public mutating func shuffled<T>(_ elements: [T]) -> [T] {
    var result = elements
    shuffle(&result)
    return result
  }

  /// Puts `elements` into a random order, each order equally likely (Fisher and Yates).
  @inlinable
  public mutating func shuffle<T>(_ elements: inout [T]) {
    for i in stride(from: elements.count - 1, to: 0, by: -1) { elements.swapAt(i, below(i + 1)) }
  }
}
