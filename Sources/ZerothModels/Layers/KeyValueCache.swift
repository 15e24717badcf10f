import CZeroth
import Zeroth

/// The keys and values that the tokens of some sequences had so far, layer by layer, so that each further token is
/// computed alone. It takes 2 x layers x width floats a token, width being that of the key heads.
///
/// A batch that continues a cache has one segment for each of its sequences, in their order; a pass stores the new keys
/// and values, and `advance` makes them count.
final class KeyValueCache: @unchecked Sendable {
  private struct Sequence {
    /// The first row, and the number of rows that are filled.
    let start: Int
    var count: Int
    let capacity: Int
  }

  /// Rows of virtual tokens in front of each sequence, which are not counted.
  private let front: Int

  private struct Layer {
    let keys, values: UnsafeMutablePointer<Float>
    let columns: Int
  }

  private var sequences: [Sequence] = []
  private var layers: [Layer] = []
  private let capacity: Int

  /// An empty cache for sequences of at most `capacities` tokens, each behind `front` virtual ones.
  init(capacities: [Int], front: Int = 0) {
    self.front = front
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

  /// Tokens of sequence `index` that are stored.
  func count(of index: Int) -> Int { sequences[index].count }

  /// The keys and values of sequence `index`, row by row, those of the virtual tokens first.
  func rows(of index: Int, layer: Int) -> (keys: UnsafeMutablePointer<Float>, values: UnsafeMutablePointer<Float>) {
    let layer = layers[layer]
    let start = sequences[index].start * layer.columns
    return (layer.keys + start, layer.values + start)
  }

  /// Stores the rows of `segments` in `k` and `v` behind what the sequences have, or behind `front` in one that is empty; layers
  /// come in order.
  func store(
    _ k: Matrix, _ v: Matrix, layer index: Int, _ segments: [TokenBatch.Segment], behind front: FrontKeys? = nil
  ) {
    precondition((front?.tokens ?? 0) == self.front, "a cache has room for the virtual tokens of its model")
    precondition(segments.count == sequences.count, "a segment for each cached sequence")
    if index == layers.count { layers.append(makeLayer(k.columns)) }
    let layer = layers[index]
    for (segment, sequence) in zip(segments, sequences) {
      precondition(sequence.count + segment.count <= sequence.capacity, "more tokens than the cache was made for")
      if let front, sequence.count == 0 {
        let (keys, values) = front.rows(variant: 0)
        (layer.keys + sequence.start * layer.columns).update(from: keys, count: self.front * layer.columns)
        (layer.values + sequence.start * layer.columns).update(from: values, count: self.front * layer.columns)
      }
      let at = (sequence.start + self.front + sequence.count) * layer.columns
      (layer.keys + at).update(from: k.row(segment.start), count: segment.count * layer.columns)
      (layer.values + at).update(from: v.row(segment.start), count: segment.count * layer.columns)
    }
  }

  /// Counts the tokens of `batch`, which were stored in every layer.
  func advance(by batch: TokenBatch) {
    for (i, segment) in batch.segments.enumerated() { sequences[i].count += segment.count }
  }

  /// Drops all sequences but those at `indices`.
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
