import Zeroth

/// The keys and values of virtual tokens, as segments see them: in front of their own, or in front of those of the segment that
/// they continue, which are put behind a copy of them.
struct FrontKeys: Sendable {
  /// P.
  let tokens: Int
  private let keys, values: Matrix
  /// For each segment that others continue, the first of its rows here, in a variant; the virtual tokens alone come first.
  private let places: [Int: Int]
  /// Rows of a variant.
  private let height: Int

  /// Those of layer `layer` for the columns of `k` and `v`, which begin at column `column` of the layer's; nil where the model
  /// has none.
  init?(_ k: Matrix, _ v: Matrix, layer: Int, column: Int, _ batch: TokenBatch, _ weights: Weights) {
    guard let prefix = weights.prefix else { return nil }
    tokens = prefix.tokens
    let segments = batch.segments
    var places: [Int: Int] = [:]
    var height = tokens
    for case let root? in segments.map(\.prefix) where places[root] == nil {
      places[root] = height
      height += tokens + segments[root].count
    }
    self.places = places
    self.height = height
    func gather(_ index: Int, _ own: Matrix) -> Matrix {
      let block = weights.layout.blocks[index]
      let all = weights.workspace.matrix(weights.variants * height, own.columns)
      weights.workspace.scope {
        let virtual = weights.vector(block)
        let rows = own.rows / weights.variants
        for v in 0..<weights.variants {
          for first in [0] + places.values {
            for t in 0..<prefix.tokens {
              all.row(v * height + first + t)
                .update(from: virtual.row(v) + t * block.columns + column, count: own.columns)
            }
          }
          for (root, first) in places {
            all.row(v * height + first + prefix.tokens)
              .update(from: own.row(v * rows + segments[root].start), count: segments[root].count * own.columns)
          }
        }
      }
      return all
    }
    keys = gather(prefix.layers[layer].keys, k)
    values = gather(prefix.layers[layer].values, v)
  }

  /// The rows of the virtual tokens alone.
  func rows(variant: Int) -> (keys: UnsafePointer<Float>, values: UnsafePointer<Float>) {
    (UnsafePointer(keys.row(variant * height)), UnsafePointer(values.row(variant * height)))
  }

  /// The rows that `segment` sees in front of its own.
  func rows(
    before segment: TokenBatch.Segment, variant: Int
  ) -> (keys: UnsafePointer<Float>, values: UnsafePointer<Float>) {
    let first = variant * height + (segment.prefix.flatMap { places[$0] } ?? 0)
    return (UnsafePointer(keys.row(first)), UnsafePointer(values.row(first)))
  }
}
