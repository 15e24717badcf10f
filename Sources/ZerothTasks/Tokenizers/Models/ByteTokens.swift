/// Tokens that stand for a byte. They are spelt `<0x00>` to `<0xFF>`.
enum ByteTokens {
  /// The id of the token for each byte; -1 where the vocabulary has none.
  static func ids(in vocabulary: Vocabulary) -> [Int] {
    (UInt8.min...UInt8.max).map { byte in
      let hex = String(byte, radix: 16, uppercase: true)
      return vocabulary.id(of: "<0x\(byte < 16 ? "0" : "")\(hex)>") ?? -1
    }
  }

  /// The byte for which a token stands; nil for other tokens.
  static func byte(_ token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }
}
