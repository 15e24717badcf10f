import CZeroth
import Zeroth

/// The keys and values of virtual tokens, in the form in which segments see them. They stand in front of a segment's
/// own keys and values. Where a segment continues another one, they stand in front of those of that segment, which are
/// copied behind them.
struct FrontKeys: Sendable {
  /// P, the number of virtual tokens.
  let tokens: Int
  private let keys, values: Matrix
  /// For each segment that others continue, its first row here within a variant. The rows of the virtual tokens alone
  /// come first. On a tape every segment that starts a sequence has its own rows, so that no two threads add to the
  /// same adjoints.
  private let places: [Int: Int]
  /// The number of rows of a variant.
  private let height: Int

  /// The keys and values of layer `layer` for the columns of `k` and `v`, which begin at column `column` of the layer.
  /// Nil where the model has no virtual tokens.
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
    if weights.tape != nil {
      for (i, segment) in segments.enumerated() where segment.prefix == nil && places[i] == nil {
        places[i] = height
        height += tokens
      }
    }
    let continued = Set(segments.compactMap(\.prefix))
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
          for (root, first) in places where continued.contains(root) {
            all.row(v * height + first + prefix.tokens)
              .update(from: own.row(v * rows + segments[root].start), count: segments[root].count * own.columns)
          }
        }
      }
      if let tape = weights.tape {
        _ = tape.use(block)
        tape.record {
          let (d, dOwn) = (weights.adjoint(of: all), weights.adjoint(of: own))
          for (root, first) in places.sorted(by: { $0.key < $1.key }) {
            if let gradient = tape.gradient(of: block) {
              for t in 0..<prefix.tokens {
                zeroth_axpy(own.columns, 1, d.row(first + t), gradient + t * block.columns + column)
              }
            }
            guard continued.contains(root) else { continue }
            let count = segments[root].count * own.columns
            zeroth_axpy(count, 1, d.row(first + prefix.tokens), dOwn.row(segments[root].start))
          }
          d.clear()
        }
      }
      return all
    }
    keys = gather(prefix.layers[layer].keys, k)
    values = gather(prefix.layers[layer].values, v)
  }

  /// The same places in the matrices that `other` gives for the keys and for the values.
  func map(_ other: (Matrix) -> Matrix) -> FrontKeys {
    FrontKeys(tokens: tokens, keys: other(keys), values: other(values), places: places, height: height)
  }

  private init(tokens: Int, keys: Matrix, values: Matrix, places: [Int: Int], height: Int) {
    self.tokens = tokens
    self.keys = keys
    self.values = values
    self.places = places
    self.height = height
  }

  /// The rows of the virtual tokens alone.
  func rows(variant: Int) -> (keys: UnsafeMutablePointer<Float>, values: UnsafeMutablePointer<Float>) {
    (keys.row(variant * height), values.row(variant * height))
  }

  /// The rows that `segment`, which has the number `index`, sees in front of its own.
  func rows(
    before index: Int, _ segment: TokenBatch.Segment, variant: Int
  ) -> (keys: UnsafeMutablePointer<Float>, values: UnsafeMutablePointer<Float>) {
    let first = variant * height + (places[segment.prefix ?? index] ?? 0)
    return (keys.row(first), values.row(first))
  }
}
