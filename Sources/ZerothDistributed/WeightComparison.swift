import Zeroth
import ZerothSupport

extension Job {
  /// Throws an error on every rank unless all ranks have the same bits of theta after `steps` steps. Weights are never
  /// sent, so they are equal only as long as every rank makes the same updates. The error names the first block that
  /// differs, and the ranks.
  ///
  /// Each rank sends 8 bytes, and where they differ 8 more for each block.
  public func requireEqual(_ theta: borrowing ParameterStore, after steps: Int) throws {
    guard isShared else { return }
    let own = theta.blockHashes()
    let all = gather([ContentHash.xxh64(own)], counts: ones)
    guard !all.allSatisfy({ $0 == all[0] }) else { return }
    isAgreedEnd = true
    let blocks = theta.layout.blocks
    let hashes = gather(own, counts: ones.map { $0 * blocks.count })
    let hosts = gather(Array(host.utf8)).map { String(decoding: $0, as: UTF8.self) }
    for block in blocks {
      func hash(_ rank: Int) -> UInt64 { hashes[rank * blocks.count + block.index] }
      let others = (1..<size).filter { hash($0) != hash(0) }
      guard !others.isEmpty else { continue }
      throw InputError(
        "theta after \(steps) steps: block \(block.name)",
        found: "other bits on \(others.map { "rank \($0) (\(hosts[$0]))" }.joined(separator: ", "))",
        expected: "those of rank 0 (\(hosts[0])): do all ranks have the same kind of CPU?")
    }
    throw InputError(
      "theta after \(steps) steps", found: "ranks that differ in their number of blocks", expected: "the same")
  }
}

extension ContentHash {
  /// The hash of `words`.
  static func xxh64(_ words: [UInt64]) -> UInt64 { words.withUnsafeBytes { xxh64($0) } }
}
