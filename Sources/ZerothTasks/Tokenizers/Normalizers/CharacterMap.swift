import Foundation
import ZerothSupport

/// SentencePiece's map of characters (`precompiled_charsmap`), applied as in the reference. A grapheme of less than 6
/// bytes is replaced as a whole where a key of the map is its beginning. Other graphemes are replaced scalar by scalar.
///
/// The format is: the size of a trie in bytes, the trie, and the replacements, each ended by a zero byte. The trie is a
/// double array of darts-clone: a unit has a label, the offset of its children, and a flag that says whether a value is
/// among them.
struct CharacterMap: Normalizer {
  private let trie: [UInt32]
  private let replacements: [UInt8]
  /// The length of the longest replacement.
  let growth: Int

  init(_ part: JSONPart) throws(InputError) {
    let subject = "\(part.subject).precompiled_charsmap"
    let text = try part.required("precompiled_charsmap")
    guard let data = Data(base64Encoded: text) else {
      throw InputError(subject, found: "a text that is not base64", expected: "a character map in base64")
    }
    try self.init(Array(data), subject: subject)
  }

  /// - Parameter subject: the file and field of the map, for the errors.
  init(_ bytes: [UInt8], subject: String) throws(InputError) {
    func number(_ place: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
    }
    guard bytes.count >= 4, number(0) >= 4, number(0) % 4 == 0, Int(number(0)) <= bytes.count - 4 else {
      throw InputError(
        subject,
        found: "a map of \(bytes.count) bytes"
          + (bytes.count < 4 ? "" : " with a trie of \(number(0))"), expected: "a trie that is whole, and replacements")
    }
    let end = 4 + Int(number(0))
    trie = stride(from: 4, to: end, by: 4).map(number)
    replacements = Array(bytes[end...])
    guard String(validating: replacements, as: UTF8.self) != nil else {
      throw InputError(subject, found: "replacements that are not UTF-8", expected: "UTF-8 texts")
    }
    growth = max(1, replacements.split(separator: 0).map(\.count).max() ?? 0)
    for unit in trie where unit >> 31 == 1 {
      let start = Int(unit & 0x7FFF_FFFF)
      guard start <= replacements.count, start == replacements.count || replacements[start] & 0xC0 != 0x80 else {
        throw InputError(
          subject, found: "a replacement at byte \(start) of \(replacements.count)",
          expected: "places where a replacement begins")
      }
    }
  }

  func append(_ text: [UInt8], _ range: Range<Int>, onto normalized: inout [UInt8]) {
    // ASCII is a grapheme of its own, except next to other scalars and for CR before LF.
    var index = range.lowerBound
    while index < range.upperBound {
      var end = index + 1
      if text[index] >= 0x80 || text[index] == 0x0D || (end < range.upperBound && text[end] >= 0x80) {
        while end < range.upperBound,
          text[end] >= 0x80 || text[end - 1] >= 0x80 || text[end - 1] == 0x0D
            || (end + 1 < range.upperBound && text[end + 1] >= 0x80)
        {
          end += 1
        }
        for grapheme in String(decoding: text[index..<end], as: UTF8.self) {
          appendGrapheme(Array(grapheme.utf8), onto: &normalized)
        }
      } else {
        append(scalarAt: index..<end, of: text, onto: &normalized)
      }
      index = end
    }
  }

  /// False: where a grapheme is removed, the next one takes its place.
  func losesStart(of text: [UInt8], _ range: Range<Int>) -> Bool { false }

  private func appendGrapheme(_ grapheme: [UInt8], onto normalized: inout [UInt8]) {
    if grapheme.count < 6, let replacement = replacement(grapheme, grapheme.indices) {
      normalized += replacement
      return
    }
    var index = 0
    while index < grapheme.count {
      let length = UTF8Scalars.length(grapheme[index])
      append(scalarAt: index..<index + length, of: grapheme, onto: &normalized)
      index += length
    }
  }

  private func append(scalarAt range: Range<Int>, of text: [UInt8], onto normalized: inout [UInt8]) {
    normalized += replacement(text, range) ?? text[range]
  }

  /// The replacement of the shortest key that is a beginning of `text[range]`.
  private func replacement(_ text: [UInt8], _ range: Range<Int>) -> ArraySlice<UInt8>? {
    var node = Self.offset(trie[0])
    for index in range {
      let byte = text[index]
      guard byte != 0 else { return nil }
      node ^= Int(byte)
      guard trie.indices.contains(node), trie[node] & 0x8000_00FF == UInt32(byte) else { return nil }
      let unit = trie[node]
      node ^= Self.offset(unit)
      guard unit >> 8 & 1 == 1, trie.indices.contains(node), trie[node] >> 31 == 1 else { continue }
      return replacements[Int(trie[node] & 0x7FFF_FFFF)...].prefix { $0 != 0 }
    }
    return nil
  }

  private static func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 0x200) >> 6) }
}
