/// Puts a text in front of each piece.
struct Prepending: Normalizer {
  let prefix: [UInt8]

  var growth: Int { 1 + prefix.count }

  func append(_ text: [UInt8], _ range: Range<Int>, onto normalized: inout [UInt8]) {
    normalized += prefix
    normalized += text[range]
  }
}
