import ZerothSupport

extension ParameterStore {
  /// A hash of all values, block by block: equal for equal bits. A base that is never written goes in as it is stored, with the
  /// factors beside it.
  public borrowing func contentHash() -> String {
    var hash: UInt64 = 0
    if keepsFactors {
      let stored = stored()
      for block in layout.blocks {
        hash = ContentHash.xxh64(stored.bytes(of: block), seed: hash)
        guard let (left, right, _) = stored.factors(of: block) else { continue }
        hash = left.withUnsafeBytes { ContentHash.xxh64($0, seed: hash) }
        hash = right.withUnsafeBytes { ContentHash.xxh64($0, seed: hash) }
      }
      return ContentHash.hex(hash)
    }
    for block in layout.blocks {
      hash = withBlock(block) { values in
        values.withUnsafeBytes { ContentHash.xxh64($0, seed: hash) }
      }
    }
    return ContentHash.hex(hash)
  }
}

extension ParameterLayout {
  /// A hash of names, shapes, roles and which blocks are trained: what a run's random numbers depend on.
  public var contentHash: String {
    let lines = blocks.map { "\($0.name)\t\($0.rows)\t\($0.columns)\t\($0.role.rawValue)\t\($0.isTrainable)" }
    return ContentHash.hex(ContentHash.xxh64(lines.joined(separator: "\n")))
  }
}
