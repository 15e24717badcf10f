import CZeroth
import Zeroth

/// The keys and values of the earlier tokens of some sequences, layer by layer, with which each further token is
/// computed alone. It takes 2 x layers x width floats for a token, where width is that of the key heads.
///
/// A batch that continues a cache says to which sequence each segment belongs, unless the segments are those of all
/// sequences in their order. A pass stores the new keys and values, and `advance` then counts them.
final class KeyValueCache: @unchecked Sendable {
  private struct Sequence {
    /// The first row, and the number of rows in use.
    let start: Int
    var count: Int
    let capacity: Int
  }

  /// The number of rows of virtual tokens in front of each sequence. They are not counted.
  private let front: Int

  private struct Layer {
    let keys, values: UnsafeMutablePointer<Float>
    let columns: Int
  }

  private var sequences: [Sequence] = []
  private var layers: [Layer] = []
  private let capacity: Int
  /// The number of a sequence for rows that belong to no real sequence; what it holds is never used. Nil without one.
  let spare: Int?

  /// An empty cache for sequences of at most `capacities` tokens, each behind `front` virtual tokens. With `hasSpare`
  /// there is one more sequence, which never keeps tokens.
  init(capacities: [Int], front: Int = 0, hasSpare: Bool = false) {
    self.front = front
    spare = hasSpare ? capacities.count : nil
    let capacities = capacities + (hasSpare ? [1] : [])
    for capacity in capacities {
      let start = sequences.last.map { $0.start + front + $0.capacity } ?? 0
      sequences.append(Sequence(start: start, count: 0, capacity: capacity))
    }
    capacity = capacities.reduce(0) { $0 + front + $1 }
  }

  deinit {
    for layer in layers {
      zeroth_deallocate(layer.keys, bytes(layer.columns))
      zeroth_deallocate(layer.values, bytes(layer.columns))
    }
  }

  /// The number of tokens of sequence `index` that are stored.
  func count(of index: Int) -> Int { sequences[index].count }

  /// The keys and values of sequence `index`, row by row, those of the virtual tokens first.
  func rows(of index: Int, layer: Int) -> (keys: UnsafeMutablePointer<Float>, values: UnsafeMutablePointer<Float>) {
    let layer = layers[layer]
    let start = sequences[index].start * layer.columns
    return (layer.keys + start, layer.values + start)
  }

  /// Stores the rows of the segments of `batch` in `k` and `v`, which have `variants` variants, behind those that the
  /// sequences have; in an empty sequence behind `front`. Layers are stored in order.
  func store(
    _ k: Matrix, _ v: Matrix, layer index: Int, _ batch: TokenBatch, variants: Int, behind front: FrontKeys? = nil
  ) {
    precondition((front?.tokens ?? 0) == self.front, "a cache has room for the virtual tokens of its model")
    if index == layers.count { layers.append(makeLayer(k.columns)) }
    let layer = layers[index]
    for item in 0..<batch.segmentCount(variants: variants) {
      let (variant, place) = item.quotientAndRemainder(dividingBy: batch.segments.count)
      let segment = batch.segments[place]
      let sequence = sequences[batch.sequence(of: item)]
      precondition(sequence.count + segment.count <= sequence.capacity, "more tokens than the cache was made for")
      if let front, sequence.count == 0 {
        let (keys, values) = front.rows(variant: variant)
        (layer.keys + sequence.start * layer.columns).update(from: keys, count: self.front * layer.columns)
        (layer.values + sequence.start * layer.columns).update(from: values, count: self.front * layer.columns)
      }
      let at = (sequence.start + self.front + sequence.count) * layer.columns
      let row = variant * (k.rows / variants) + segment.start
      (layer.keys + at).update(from: k.row(row), count: segment.count * layer.columns)
      (layer.values + at).update(from: v.row(row), count: segment.count * layer.columns)
    }
  }

  /// Counts the tokens of `batch`, which were stored in every layer for `variants` variants.
  func advance(by batch: TokenBatch, variants: Int = 1) {
    for item in 0..<batch.segmentCount(variants: variants) {
      let sequence = batch.sequence(of: item)
      if sequence != spare { sequences[sequence].count += batch.segments[item % batch.segments.count].count }
    }
  }

  /// Removes all sequences except those at `indices`.
  func keep(_ indices: [Int]) { sequences = indices.map { sequences[$0] } }

  private func bytes(_ columns: Int) -> Int { capacity * columns * MemoryLayout<Float>.stride }

  private func makeLayer(_ columns: Int) -> Layer {
    guard let keys = zeroth_allocate(bytes(columns)), let values = zeroth_allocate(bytes(columns)) else {
      zeroth_end_without_memory("the keys and values of \(capacity) tokens")
    }
    return Layer(
      keys: keys.assumingMemoryBound(to: Float.self), values: values.assumingMemoryBound(to: Float.self),
      columns: columns)
  }
}
