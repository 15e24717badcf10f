/// A set of byte strings, each with a value, that finds the longest one at the front of some bytes in one walk.
struct ByteTrie: Sendable {
  private var children: [Int: Int] = [:]
  private var values: [Int?] = [nil]

  /// Gives `key` the value; the empty key is never matched.
  mutating func insert(_ key: some Sequence<UInt8>, value: Int) {
    var node = 0
    for byte in key {
      let edge = node << 8 | Int(byte)
      if let child = children[edge] {
        node = child
      } else {
        node = values.count
        children[edge] = node
        values.append(nil)
      }
    }
    values[node] = value
  }

  /// The longest key that `bytes[start ..< end]` begins with: its value and where it ends.
  func longestMatch(in bytes: [UInt8], from start: Int, to end: Int) -> (value: Int, end: Int)? {
    var node = 0
    var match: (Int, Int)?
    for index in start..<end {
      guard let child = children[node << 8 | Int(bytes[index])] else { break }
      node = child
      if let value = values[node] { match = (value, index + 1) }
    }
    return match
  }
}
