/// SentencePiece's treatment of spaces. They are written as U+2581. Where the model says so, one is put in front, and
/// superfluous ones are removed.
///
/// Next to an added token a space is not superfluous, and none is put behind one, except in the older form.
struct SentencePieceSpaces: Normalizer {
  static let space = Array("\u{2581}".utf8)

  private let written: [UInt8]
  private let addsPrefix: Bool
  private let removesExtra: Bool
  /// Whether every piece of text gets a space in front, and not only the first (`legacy` in `tokenizer_config.json`).
  private let isLegacy: Bool

  init(_ model: SentencePieceModel, isLegacy: Bool) {
    written = model.escapesSpaces ? Self.space : [0x20]
    addsPrefix = model.addsDummyPrefix
    removesExtra = model.removesExtraSpaces
    self.isLegacy = isLegacy
  }

  var growth: Int { 1 + written.count }

  func rewrite(_ pieces: inout Pieces) {
    pieces.rewrite { text, range, startsText, normalized in
      append(text, range, starts: startsText, ends: range.upperBound == text.count, onto: &normalized)
    }
  }

  func append(_ text: [UInt8], _ range: Range<Int>, onto normalized: inout [UInt8]) {
    append(text, range, starts: true, ends: true, onto: &normalized)
  }

  private func append(
    _ text: [UInt8], _ range: Range<Int>, starts: Bool, ends: Bool, onto normalized: inout [UInt8]
  ) {
    var source = text[range]
    if removesExtra, starts || isLegacy { source = source.drop { $0 == 0x20 } }
    guard !source.isEmpty else { return }
    let start = normalized.count
    if addsPrefix, starts || isLegacy { normalized += written }
    var followsSpace = false
    for byte in source {
      if byte != 0x20 {
        normalized.append(byte)
      } else if !(removesExtra && followsSpace) {
        normalized += written
      }
      followsSpace = byte == 0x20
    }
    while removesExtra, ends, normalized[start...].suffix(written.count) == written[...] {
      normalized.removeLast(written.count)
    }
  }
}
