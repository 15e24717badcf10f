/// A set of byte strings, each with a value, that finds those at the front of some bytes in one walk.
struct ByteTrie: Sendable {
  /// Nodes by their parent and the byte that leads to them.
  private var children = NumberMap()
  private var values: [Int32] = [-1]

  /// Gives `key` the value, 0 or more; the empty key is never matched.
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

  /// Calls `body` with the value and the end of each key that `bytes[start ..< end]` begins with, shortest first.
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

  /// The longest key that `bytes[start ..< end]` begins with: its value and where it ends.
  @inline(__always)
  func longestMatch(in bytes: [UInt8], from start: Int, to end: Int) -> (value: Int, end: Int)? {
    var match: (Int, Int)?
    forEachPrefix(in: bytes, from: start, to: end) { match = ($0, $1) }
    return match
  }
}
