/// The letters with which byte-level vocabularies write bytes. A printable byte is written as itself. The others are
/// written as U+0100 and up, in order, so a space is "Ġ".
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

  /// The bytes that a token, given in UTF-8, stands for. A token with a letter outside this alphabet stands for itself.
  static func decode(_ token: [UInt8]) -> [UInt8] {
    var decoded: [UInt8] = []
    var index = 0
    while index < token.count {
      let (scalar, length) = UTF8Scalars.scalar(in: token, at: index)
      guard let byte = bytes[scalar] else { return token }
      decoded.append(byte)
      index += length
    }
    return decoded
  }
}
