/// GPT-2's cut of a text into words, which its byte-level BPE never merges across.
///
/// Each word is the first alternative of this pattern that matches where the last word ended:
///
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// Written by hand, because a regular expression of the standard library is much slower and because its classes
/// are about characters, not scalars. Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners.
enum ByteLevelWords {
  private enum Class {
    case letter, number, space, other
  }

  private static let asciiClasses: [Class] = (0..<128).map { unicodeClass(Unicode.Scalar(UInt8($0))) }

  private static func unicodeClass(_ scalar: Unicode.Scalar) -> Class {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: .letter
    case .decimalNumber, .letterNumber, .otherNumber: .number
    default: scalar.properties.isWhitespace ? .space : .other
    }
  }

  @inline(__always)
  private static func classify(_ text: [UInt8], _ index: Int) -> (class: Class, length: Int) {
    let byte = text[index]
    if byte < 0x80 { return (asciiClasses[Int(byte)], 1) }
    let (scalar, length) = UTF8Scalars.scalar(in: text, at: index)
    return (unicodeClass(scalar), length)
  }

  /// Where the word ends that starts at `start`, before `end`, in valid UTF-8.
  static func wordEnd(in text: [UInt8], from start: Int, to end: Int) -> Int {
    if let length = contraction(text, start, end) { return start + length }
    let first = classify(text, start)
    let afterFirst = start + first.length
    if first.class != .space { return runEnd(text, afterFirst, end, first.class) }
    if text[start] == UInt8(ascii: " "), afterFirst < end {
      let second = classify(text, afterFirst)
      if second.class != .space { return runEnd(text, afterFirst + second.length, end, second.class) }
    }
    // White space before a word leaves its last scalar to that word.
    var (last, index) = (start, afterFirst)
    while index < end {
      let next = classify(text, index)
      guard next.class == .space else { return last > start ? last : index }
      last = index
      index += next.length
    }
    return end
  }

  private static func runEnd(_ text: [UInt8], _ start: Int, _ end: Int, _ runClass: Class) -> Int {
    var index = start
    while index < end {
      let next = classify(text, index)
      guard next.class == runClass else { break }
      index += next.length
    }
    return index
  }

  private static func contraction(_ text: [UInt8], _ start: Int, _ end: Int) -> Int? {
    guard text[start] == UInt8(ascii: "'"), start + 1 < end else { return nil }
    switch text[start + 1] {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return 2
    default: break
    }
    guard start + 2 < end else { return nil }
    switch (text[start + 1], text[start + 2]) {
    case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
      (UInt8(ascii: "l"), UInt8(ascii: "l")):
      return 3
    default: return nil
    }
  }
}

/// The letters that byte-level vocabularies write bytes with: printable ones stand for themselves, the others for
/// U+0100 and up in order, so that a space is "Ġ".
enum ByteAlphabet {
  /// The letter of each byte.
  static let letters: [Unicode.Scalar] = {
    var other: UInt32 = 0x100
    return (0...255).map { (byte: UInt8) in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)
      default:
        defer { other += 1 }
        return Unicode.Scalar(other) ?? "\u{FFFD}"
      }
    }
  }()

  private static let bytes = Dictionary(uniqueKeysWithValues: zip(letters, UInt8.min...UInt8.max))

  /// The bytes that a token spells; a token with a foreign letter in it spells itself.
  static func decode(_ token: String) -> [UInt8] {
    var decoded: [UInt8] = []
    for scalar in token.unicodeScalars {
      guard let byte = bytes[scalar] else { return Array(token.utf8) }
      decoded.append(byte)
    }
    return decoded
  }
}
