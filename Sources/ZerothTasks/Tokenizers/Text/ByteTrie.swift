/// A set of byte strings, each with a value. All those that are prefixes of some bytes are found in one walk.
struct ByteTrie: Sendable {
  /// The nodes, by their parent and the byte that leads to them.
  private var children = NumberMap()
  private var values: [Int32] = [-1]

  /// Sets the value of `key`, 0 or more. The empty key is never matched.
  mutating func insert(_ key: some Sequence<UInt8>, value: Int) {
    var node: UInt64 = 0
    for byte in key {
      let edge = node << 8 | UInt64(byte)
      if let child = children[edge] {
        node = child
      } else {
        node = UInt64(values.count)
        children.set(edge, node)
        values.append(-1)
      }
    }
    values[Int(node)] = Int32(truncatingIfNeeded: value)
  }

  /// Calls `body` with the value and the end of each key that is a prefix of `bytes[start ..< end]`, shortest first.
  @inline(__always)
  func forEachPrefix(in bytes: [UInt8], from start: Int, to end: Int, _ body: (_ value: Int, _ end: Int) -> Void) {
    var node: UInt64 = 0
    var index = start
    while index < end, let child = children[node << 8 | UInt64(bytes[index])] {
      node = child
      index += 1
      let value = values[Int(node)]
      if value >= 0 { body(Int(value), index) }
    }
  }

  /// The longest key that is a prefix of `bytes[start ..< end]`: its value and its end.
  @inline(__always)
  func longestMatch(in bytes: [UInt8], from start: Int, to end: Int) -> (value: Int, end: Int)? {
    var match: (Int, Int)?
    forEachPrefix(in: bytes, from: start, to: end) { match = ($0, $1) }
    return match
  }
}
