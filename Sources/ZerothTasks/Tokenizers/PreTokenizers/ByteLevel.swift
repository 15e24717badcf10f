import ZerothSupport

/// Writes the bytes of a text as the letters of ``ByteAlphabet``.
struct ByteLevel: PreTokenizer, Normalizer {
  var growth: Int { 2 }

  func cut(_ pieces: inout Pieces) {
    pieces.rewrite { text, range, _, rewritten in append(text, range, onto: &rewritten) }
  }

  func append(_ text: [UInt8], _ range: Range<Int>, onto normalized: inout [UInt8]) {
    for byte in text[range] {
      // ASCII, except for white space and control characters.
      if byte > 0x20, byte < 0x7F {
        normalized.append(byte)
      } else {
        UTF8Scalars.append(ByteAlphabet.letters[Int(byte)], onto: &normalized)
      }
    }
  }

  /// The parts of which a part `ByteLevel` consists: a space in front, GPT-2's cut into words, and the letters for
  /// bytes.
  static func parts(_ part: JSONPart) throws(InputError) -> [any PreTokenizer] {
    parts(
      addsPrefixSpace: try part.bool("add_prefix_space") ?? true, splitsWords: try part.bool("use_regex") ?? true)
  }

  static func parts(addsPrefixSpace: Bool, splitsWords: Bool) -> [any PreTokenizer] {
    var parts: [any PreTokenizer] = []
    if addsPrefixSpace { parts.append(PrefixSpace()) }
    if splitsWords { parts.append(words) }
    return parts + [ByteLevel()]
  }

  /// GPT-2's cut of a text into words. Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners.
  private static let words: PatternSplit = {
    let pattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    do {
      return PatternSplit(.expression(try PatternAutomaton(pattern, subject: "the words of GPT-2")), .isolated)
    } catch {
      preconditionFailure("\(error)")
    }
  }()
}

/// Puts a space in front of a text that does not begin with one.
private struct PrefixSpace: PreTokenizer {
  var growth: Int { 2 }

  func cut(_ pieces: inout Pieces) {
    pieces.rewrite { text, range, _, rewritten in
      if text[range.lowerBound] != 0x20 { rewritten.append(0x20) }
      rewritten += text[range]
    }
  }
}
