/// Puts a text in front.
struct Prepending: Normalizer {
  let prefix: [UInt8]

  func append(_ text: [UInt8], _ range: Range<Int>, onto normalized: inout [UInt8]) {
    normalized += prefix
    normalized += text[range]
  }
}
