import ZerothSupport

/// Rewrites a text before it is cut into words.
protocol Normalizer: Sendable {
  /// Appends the rewritten `text[range]`, which is not empty.
  func append(_ text: [UInt8], _ range: Range<Int>, onto normalized: inout [UInt8])

  /// The most times as long that a text can become.
  var growth: Int { get }

  /// Whether the rewritten `text[range]` no longer begins at the same place, because its first scalar is removed.
  func losesStart(of text: [UInt8], _ range: Range<Int>) -> Bool

  /// Rewrites each piece of text, by default independently of the others.
  func rewrite(_ pieces: inout Pieces)
}

extension Normalizer {
  func losesStart(of text: [UInt8], _ range: Range<Int>) -> Bool {
    let first = range.lowerBound
    var normalized: [UInt8] = []
    append(text, first..<first + UTF8Scalars.length(text[first]), onto: &normalized)
    return normalized.isEmpty
  }

  func rewrite(_ pieces: inout Pieces) {
    let loses =
      pieces.startsText
      && pieces.pieces.first.map { $0.token == nil && losesStart(of: pieces.text, $0.range) } ?? false
    pieces.rewrite { text, range, _, normalized in append(text, range, onto: &normalized) }
    if loses { pieces.startsText = false }
  }
}

/// Reads the parts of `normalizer`, in order.
enum Normalizers {
  static func read(_ part: JSONPart) throws(InputError) -> [any Normalizer] {
    let type = try part.type()
    switch type {
    case "Sequence":
      var parts: [any Normalizer] = []
      for part in try part.parts("normalizers") { parts += try read(part) }
      return parts
    case "NFC", "NFD", "NFKC", "NFKD": return [UnicodeForm(rawValue: type) ?? .NFC]
    case "Lowercase": return [Lowercase()]
    case "StripAccents": return [StripAccents()]
    case "Replace": return [Replacement(try part.pattern("pattern"), try part.required("content"))]
    case "Prepend": return [Prepending(prefix: Array(try part.required("prepend").utf8))]
    case "Strip":
      return [Stripping(left: try part.bool("strip_left") ?? false, right: try part.bool("strip_right") ?? false)]
    case "BertNormalizer": return [try BertNormalizer(part)]
    case "Nmt": return [NmtNormalizer()]
    case "Precompiled": return [try CharacterMap(part)]
    case "ByteLevel": return [ByteLevel()]
    default:
      throw part.unknownType(
        type,
        [
          "Sequence", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Replace", "Prepend", "Strip",
          "BertNormalizer", "Nmt", "Precompiled", "ByteLevel",
        ])
    }
  }
}

extension [any Normalizer] {
  /// The rewritten form of a whole text.
  func normalize(_ text: [UInt8]) -> [UInt8] {
    reduce(text) { text, normalizer in
      guard !text.isEmpty else { return [] }
      var normalized: [UInt8] = []
      normalizer.append(text, text.indices, onto: &normalized)
      return normalized
    }
  }
}

extension Normalizer {
  /// Calls `scalar` with each scalar beyond ASCII, and `ascii` with each other byte.
  @inline(__always)
  func forEachScalar(
    _ text: [UInt8], _ range: Range<Int>, ascii: (UInt8) -> Void, scalar: (Unicode.Scalar, Range<Int>) -> Void
  ) {
    var index = range.lowerBound
    while index < range.upperBound {
      if text[index] < 0x80 {
        ascii(text[index])
        index += 1
      } else {
        let (value, length) = UTF8Scalars.scalar(in: text, at: index)
        scalar(value, index..<index + length)
        index += length
      }
    }
  }
}
