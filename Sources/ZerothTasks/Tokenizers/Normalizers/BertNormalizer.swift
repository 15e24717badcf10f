import ZerothSupport

/// BERT's cleaning of a text before it is cut into words.
struct BertNormalizer: Normalizer {
  /// Whether control characters are removed and every white space becomes a space.
  var cleansText = true
  /// Whether spaces are put around Chinese characters.
  var spacesChinese = true
  /// Whether the text is decomposed canonically (NFD) and nonspacing marks are removed.
  var stripsAccents = true
  var lowercases = true

  init(cleansText: Bool = true, spacesChinese: Bool = true, stripsAccents: Bool? = nil, lowercases: Bool = true) {
    self.cleansText = cleansText
    self.spacesChinese = spacesChinese
    self.stripsAccents = stripsAccents ?? lowercases
    self.lowercases = lowercases
  }

  init(_ part: JSONPart) throws(InputError) {
    self.init(
      cleansText: try part.bool("clean_text") ?? true, spacesChinese: try part.bool("handle_chinese_chars") ?? true,
      stripsAccents: try part.bool("strip_accents"), lowercases: try part.bool("lowercase") ?? true)
  }

  /// Reached by a decomposition, and by two spaces around a character.
  var growth: Int { 3 }

  func append(_ text: [UInt8], _ range: Range<Int>, onto normalized: inout [UInt8]) {
    let isASCII = text[range].allSatisfy { $0 < 0x80 }
    if isASCII {
      for byte in text[range] { appendASCII(byte, onto: &normalized) }
      return
    }
    var cleaned: [UInt8] = []
    cleaned.reserveCapacity(range.count)
    forEachScalar(
      text, range, ascii: { appendASCII($0, onto: &cleaned) },
      scalar: { scalar, place in
        if cleansText, Self.isDropped(scalar) { return }
        if spacesChinese, Self.isChinese(scalar) {
          cleaned.append(0x20)
          cleaned += text[place]
          cleaned.append(0x20)
        } else if cleansText, ScalarProperties.isWhiteSpace(scalar) {
          cleaned.append(0x20)
        } else {
          cleaned += text[place]
        }
      })
    if stripsAccents {
      var decomposed: [UInt8] = []
      UnicodeForm.NFD.append(cleaned, cleaned.indices, onto: &decomposed)
      cleaned = decomposed
    }
    forEachScalar(
      cleaned, cleaned.indices, ascii: { normalized.append(lowercases ? Lowercase.lower($0) : $0) },
      scalar: { scalar, place in
        if stripsAccents, ScalarProperties.category(scalar, in: .unicode8) == .mn { return }
        if lowercases {
          Lowercase.append(scalar, cleaned[place], onto: &normalized)
        } else {
          normalized += cleaned[place]
        }
      })
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

  private static func isDropped(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == "\u{FFFD}" { return true }
    switch ScalarProperties.category(scalar, in: .unicode8) {
    case .cc, .cf, .co: return true
    default: return false
    }
  }

  /// The blocks that BERT treats as Chinese. The value 2B920 is that of the reference.
  private static func isChinese(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF,
      0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
