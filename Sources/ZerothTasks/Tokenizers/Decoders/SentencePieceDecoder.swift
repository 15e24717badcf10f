/// Decodes the pieces of SentencePiece: U+2581 becomes a space, and the spaces that encoding put in front are removed.
struct SentencePieceDecoder: TokenDecoder {
  /// Whether one space is removed from the front of the text, and below it whether all spaces there are.
  let dropsSpace: Bool
  let dropsAll: Bool
  /// Whether tokens such as `<0xE2>` stand for bytes. A byte that belongs to no scalar becomes U+FFFD.
  let hasBytes: Bool

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    let space = SentencePieceSpaces.space
    var text: [UInt8] = []
    var bytes: [UInt8] = []
    var drops = dropsSpace
    for token in tokens {
      if hasBytes, let byte = ByteTokens.byte(token) {
        bytes.append(byte)
        continue
      }
      Self.append(&bytes, onto: &text)
      if !text.isEmpty { drops = false }
      var rest = token[...]
      if drops, rest.starts(with: space) {
        rest = rest.dropFirst(space.count)
        if !dropsAll { drops = false }
      }
      while let byte = rest.first {
        let isSpace = rest.starts(with: space)
        text.append(isSpace ? 0x20 : byte)
        rest = rest.dropFirst(isSpace ? space.count : 1)
      }
    }
    Self.append(&bytes, onto: &text)
    return [text]
  }

  private static func append(_ bytes: inout [UInt8], onto text: inout [UInt8]) {
    defer { bytes.removeAll() }
    var rest = bytes[...]
    while let first = rest.first {
      let scalar = rest.prefix(UTF8Scalars.length(first))
      if String(validating: scalar, as: UTF8.self) != nil {
        text += scalar
        rest = rest.dropFirst(scalar.count)
      } else {
        text += "\u{FFFD}".utf8
        rest = rest.dropFirst()
      }
    }
  }
}
