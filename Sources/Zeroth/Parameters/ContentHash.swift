import ZerothSupport

extension ParameterStore {
  /// A hash of all values, block by block: equal for equal bits.
  public borrowing func contentHash() -> String {
    var hash: UInt64 = 0
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
