import Zeroth

/// Decompresses gzip files (RFC 1952 around RFC 1951), for data sets that are handed around compressed.
enum Gzip {
  /// The first bytes of every gzip file of the one method there is.
  static let magic: [UInt8] = [0x1F, 0x8B, 8]

  /// The contents of all members of a gzip file, checked against their checksums.
  static func decompress(_ bytes: [UInt8], path: String) throws(InputError) -> [UInt8] {
    var bits = BitReader(bytes: bytes, path: path)
    var result: [UInt8] = []
    repeat {
      try skipHeader(&bits)
      let start = result.count
      try inflate(&bits, into: &result)
      bits.alignToByte()
      let checksum = try bits.take(16) | (try bits.take(16)) << 16
      let size = try bits.take(16) | (try bits.take(16)) << 16
      let member = result[start...]
      guard size == member.count & 0xFFFF_FFFF, checksum == Int(crc32(member)) else {
        throw bits.corrupt("contents that disagree with their checksum")
      }
    } while !bits.isAtEnd
    return result
  }

  private static func skipHeader(_ bits: inout BitReader) throws(InputError) {
    for byte in magic where try bits.take(8) != Int(byte) { throw bits.corrupt("no gzip header") }
    let flags = try bits.take(8)
    for _ in 0..<6 { _ = try bits.take(8) }
    if flags & 4 != 0 { for _ in 0..<(try bits.take(16)) { _ = try bits.take(8) } }
    // The file's name, then a comment, each up to a zero byte.
    for flag in [8, 16] where flags & flag != 0 { while try bits.take(8) != 0 {} }
    if flags & 2 != 0 { _ = try bits.take(16) }
  }

  private static func inflate(_ bits: inout BitReader, into result: inout [UInt8]) throws(InputError) {
    let start = result.count
    var isLast = false
    while !isLast {
      isLast = try bits.take(1) == 1
      switch try bits.take(2) {
      case 0:
        bits.alignToByte()
        let size = try bits.take(16)
        guard try bits.take(16) == ~size & 0xFFFF else { throw bits.corrupt("a stored block of two sizes") }
        for _ in 0..<size { result.append(UInt8(try bits.take(8))) }
      case 1:
        let literals = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
        try copy(&bits, HuffmanCode(literals), HuffmanCode(Array(repeating: 5, count: 30)), start, into: &result)
      case 2:
        let (literals, distances) = try dynamicCodes(&bits)
        try copy(&bits, literals, distances, start, into: &result)
      default: throw bits.corrupt("a block of an unknown kind")
      }
    }
  }

  private static func dynamicCodes(_ bits: inout BitReader) throws(InputError) -> (HuffmanCode, HuffmanCode) {
    let literals = try bits.take(5) + 257
    let distances = try bits.take(5) + 1
    let used = try bits.take(4) + 4
    var lengths = Array(repeating: 0, count: 19)
    for place in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15].prefix(used) {
      lengths[place] = try bits.take(3)
    }
    let code = HuffmanCode(lengths)
    lengths = []
    while lengths.count < literals + distances {
      let symbol = try code.next(&bits)
      switch symbol {
      case 16:
        guard let last = lengths.last else { throw bits.corrupt("a repeated length before the first") }
        lengths += Array(repeating: last, count: try bits.take(2) + 3)
      case 17: lengths += Array(repeating: 0, count: try bits.take(3) + 3)
      case 18: lengths += Array(repeating: 0, count: try bits.take(7) + 11)
      default: lengths.append(symbol)
      }
    }
    guard lengths.count == literals + distances else { throw bits.corrupt("more lengths than codes") }
    return (HuffmanCode(Array(lengths[..<literals])), HuffmanCode(Array(lengths[literals...])))
  }

  private static let lengthBases = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
  ]
  private static let distanceBases = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
  ]

  private static func copy(
    _ bits: inout BitReader, _ literals: HuffmanCode, _ distances: HuffmanCode, _ start: Int, into result: inout [UInt8]
  ) throws(InputError) {
    while true {
      let symbol = try literals.next(&bits)
      if symbol < 256 {
        result.append(UInt8(symbol))
        continue
      }
      if symbol == 256 { return }
      guard symbol < 286 else { throw bits.corrupt("an unknown length") }
      let extra = symbol < 265 || symbol == 285 ? 0 : (symbol - 261) / 4
      let length = lengthBases[symbol - 257] + (try bits.take(extra))
      let place = try distances.next(&bits)
      guard place < 30 else { throw bits.corrupt("an unknown distance") }
      let distance = distanceBases[place] + (try bits.take(place < 4 ? 0 : (place - 2) / 2))
      guard distance <= result.count - start else { throw bits.corrupt("a distance before the start") }
      for _ in 0..<length { result.append(result[result.count - distance]) }
    }
  }

  private static let crcTable: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? 0xEDB8_8320 ^ (crc >> 1) : crc >> 1 }
  }

  private static func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes { crc = crcTable[Int((crc ^ UInt32(byte)) & 0xFF)] ^ (crc >> 8) }
    return ~crc
  }
}

/// Bits of a file from the lowest of each byte.
private struct BitReader {
  let bytes: [UInt8]
  let path: String
  private var next = 0
  private var held = 0
  private var heldBits = 0

  init(bytes: [UInt8], path: String) {
    self.bytes = bytes
    self.path = path
  }

  var isAtEnd: Bool { next >= bytes.count && heldBits == 0 }

  /// The next `count` bits, at most 16.
  mutating func take(_ count: Int) throws(InputError) -> Int {
    while heldBits < count {
      guard next < bytes.count else { throw corrupt("an end before the contents are complete") }
      held |= Int(bytes[next]) << heldBits
      next += 1
      heldBits += 8
    }
    let bits = held & (1 << count - 1)
    held >>= count
    heldBits -= count
    return bits
  }

  mutating func alignToByte() {
    held >>= heldBits % 8
    heldBits -= heldBits % 8
  }

  func corrupt(_ found: String) -> InputError { InputError(path, found: found, expected: "a whole gzip file") }
}

/// A canonical Huffman code, decoded a bit at a time: among the codes of each length, the values run on.
private struct HuffmanCode {
  private var counts = Array(repeating: 0, count: 16)
  private var symbols: [Int]

  init(_ lengths: [Int]) {
    for length in lengths { counts[length] += 1 }
    counts[0] = 0
    symbols = (1..<16).flatMap { length in lengths.indices.filter { lengths[$0] == length } }
  }

  func next(_ bits: inout BitReader) throws(InputError) -> Int {
    var code = 0
    var first = 0
    var index = 0
    for length in 1..<16 {
      code |= try bits.take(1)
      let count = counts[length]
      if code - count < first {
        guard symbols.indices.contains(index + code - first) else { break }
        return symbols[index + code - first]
      }
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    throw bits.corrupt("a code that stands for nothing")
  }
}
