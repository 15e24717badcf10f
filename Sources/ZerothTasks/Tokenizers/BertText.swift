import Foundation

/// BERT's cleaning of a text before it is cut into words.
struct BertNormalizer: Sendable {
  /// Drops control characters and makes every white space a space.
  var cleansText = true
  /// Puts spaces around Chinese characters.
  var spacesChinese = true
  /// Decomposes canonically (NFD) and drops the nonspacing marks.
  var stripsAccents = true
  var lowercases = true

  /// The normalised UTF-8 of a text given as valid UTF-8.
  func normalize(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var normalized: [UInt8] = []
    normalized.reserveCapacity(text.count)
    var rest = text
    while let byte = rest.first {
      if byte < 0x80 {
        appendASCII(byte, onto: &normalized)
        rest.removeFirst()
      } else {
        // No decomposition or reordering of scalars reaches across an ASCII character.
        let run = rest.prefix { $0 >= 0x80 }
        append(String(decoding: run, as: UTF8.self), onto: &normalized)
        rest = rest.dropFirst(run.count)
      }
    }
    return normalized
  }

  @inline(__always)
  private func appendASCII(_ byte: UInt8, onto normalized: inout [UInt8]) {
    switch byte {
    case 0x09...0x0D where cleansText:
      if byte != 0x0B, byte != 0x0C { normalized.append(0x20) }
    case 0..<0x20 where cleansText, 0x7F where cleansText: break
    case 0x41...0x5A where lowercases: normalized.append(byte | 0x20)
    default: normalized.append(byte)
    }
  }

  private func append(_ run: String, onto normalized: inout [UInt8]) {
    var cleaned = String.UnicodeScalarView()
    for scalar in run.unicodeScalars {
      if cleansText, Self.isDropped(scalar) { continue }
      if spacesChinese, Self.isChinese(scalar) {
        cleaned += [" ", scalar, " "]
      } else {
        cleaned.append(cleansText && scalar.properties.isWhitespace ? " " : scalar)
      }
    }
    let text = stripsAccents ? String(cleaned).decomposedStringWithCanonicalMapping : String(cleaned)
    for scalar in text.unicodeScalars {
      if stripsAccents, scalar.bertCategory == .nonspacingMark { continue }
      // Scalar by scalar, as the reference does: no rule here looks at the letters around.
      normalized += lowercases ? Array(scalar.properties.lowercaseMapping.utf8) : Array(String(scalar).utf8)
    }
  }

  private static func isDropped(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == "\u{FFFD}" { return true }
    switch scalar.bertCategory {
    case .control, .format, .privateUse: return true
    default: return false
    }
  }

  /// The blocks that BERT treats as Chinese; 2B920 is the reference's own.
  private static func isChinese(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF,
      0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}

/// BERT's cut of a text at white space, with every punctuation character a word of its own.
enum BertWords {
  static func forEachWord(in text: [UInt8], _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    var start = range.lowerBound
    var index = start
    while index < range.upperBound {
      let (scalar, length) = UTF8Scalars.scalar(in: text, at: index)
      let isPunctuation = isPunctuation(scalar)
      if isPunctuation || isSpace(scalar) {
        if start < index { body(start..<index) }
        if isPunctuation { body(index..<index + length) }
        start = index + length
      }
      index += length
    }
    if start < range.upperBound { body(start..<range.upperBound) }
  }

  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII ? scalar == " " || (0x09...0x0D).contains(scalar.value) : scalar.properties.isWhitespace
  }

  private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
    case ..<0x80: return false
    default: break
    }
    switch scalar.bertCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      return true
    default: return false
    }
  }
}

extension Unicode.Scalar {
  /// The general category by the tables of the reference library, which are those of Unicode 8: scalars added later
  /// have none, and seven had another one than today.
  fileprivate var bertCategory: Unicode.GeneralCategory {
    guard let age = properties.age, age.major <= 8 else { return .unassigned }
    return switch value {
    case 0x166D, 0x111C9: .otherPunctuation
    case 0x1734, 0x1171E: .nonspacingMark
    case 0x1885, 0x1886: .otherLetter
    case 0xA9BD: .spacingMark
    default: properties.generalCategory
    }
  }
}
