/// Removes white space at the ends.
struct Stripping: Normalizer {
  var left: Bool
  var right: Bool

  var growth: Int { 1 }

  func append(_ text: [UInt8], _ range: Range<Int>, onto normalized: inout [UInt8]) {
    var (start, end) = (range.lowerBound, range.upperBound)
    while left, start < end {
      let (scalar, length) = UTF8Scalars.scalar(in: text, at: start)
      guard ScalarProperties.isWhiteSpace(scalar) else { break }
      start += length
    }
    while right, start < end {
      let last = UTF8Scalars.start(before: end, in: text)
      guard ScalarProperties.isWhiteSpace(UTF8Scalars.scalar(in: text, at: last).scalar) else { break }
      end = last
    }
    normalized += text[start..<end]
  }

  /// White space that is removed at the end is not at the start, even where the text begins with white space too.
  func losesStart(of text: [UInt8], _ range: Range<Int>) -> Bool {
    left && ScalarProperties.isWhiteSpace(UTF8Scalars.scalar(in: text, at: range.lowerBound).scalar)
  }
}
