import Zeroth
import ZerothSupport

extension PretrainedModel {
  /// The number of virtual tokens in front of every sequence; 0 without a prefix.
  var frontTokens: Int { folder.tuning?.plan.prefix?.tokens ?? 0 }

  /// Sets the start of a fresh prefix: the keys and values that the frozen model computes for as many real tokens,
  /// which are drawn from the key of the run (Malladi et al. 2023, Appendix E.5: better than random values).
  func startPrefix(_ theta: inout ParameterStore) throws {
    guard let tuning = folder.tuning, let prefix = tuning.plan.prefix, case .fresh(_, let key) = tuning.source else {
      return
    }
    var stream = RandomStream(key)
    var tokens: [Int] = []
    for _ in 0..<prefix.tokens { tokens.append(stream.below(vocabulary)) }
    let cache = KeyValueCache(capacities: [tokens.count])
    computeKeys(of: TokenBatch([tokens], continuing: cache), at: theta)
    for (i, layer) in prefix.layers.enumerated() {
      let (keys, values) = cache.rows(of: 0, layer: i)
      for (index, rows) in [(layer.keys, keys), (layer.values, values)] {
        let block = theta.layout.blocks[index]
        theta.fill(block, with: Array(UnsafeBufferPointer(start: rows, count: block.count)))
      }
    }
  }
}
