import ZerothSupport

extension ParameterStore {
  /// A hash of all values, block by block. Stores with equal bits have equal hashes. A base that is never written is
  /// hashed in its stored format, followed by the low-rank factors that are kept beside it.
  public borrowing func contentHash() -> String {
    var hash: UInt64 = 0
    for block in layout.blocks { hash = contentHash(of: block, after: hash) }
    return ContentHash.hex(hash)
  }

  /// The hash of each block alone, in the order of the layout. Comparing them shows which blocks differ.
  public borrowing func blockHashes() -> [UInt64] {
    var hashes: [UInt64] = []
    for block in layout.blocks { hashes.append(contentHash(of: block, after: 0)) }
    return hashes
  }

  private borrowing func contentHash(of block: ParameterBlock, after before: UInt64) -> UInt64 {
    guard keepsFactors else {
      return withBlock(block) { values in values.withUnsafeBytes { ContentHash.xxh64($0, seed: before) } }
    }
    let stored = stored()
    var hash = ContentHash.xxh64(stored.bytes(of: block), seed: before)
    if let (left, right, _) = stored.factors(of: block) {
      hash = left.withUnsafeBytes { ContentHash.xxh64($0, seed: hash) }
      hash = right.withUnsafeBytes { ContentHash.xxh64($0, seed: hash) }
    }
    return hash
  }
}

extension ParameterLayout {
  /// A hash of the names, shapes and roles of the blocks, and of which blocks are trained. The random numbers of a run
  /// depend on these.
  public var contentHash: String {
    let lines = blocks.map { "\($0.name)\t\($0.rows)\t\($0.columns)\t\($0.role.rawValue)\t\($0.isTrainable)" }
    return ContentHash.hex(ContentHash.xxh64(lines.joined(separator: "\n")))
  }
}
