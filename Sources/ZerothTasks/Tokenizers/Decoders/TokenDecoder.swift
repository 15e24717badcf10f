import ZerothSupport

/// Converts the spellings of tokens to the text that they stand for.
protocol TokenDecoder: Sendable {
  /// The tokens, after this part has undone its share of their spelling. All of them joined are the text.
  func decode(_ tokens: [[UInt8]]) -> [[UInt8]]

  /// The most times as long that this part can make a token.
  var growth: Int { get }
}

extension TokenDecoder {
  var growth: Int { 2 }
}

/// Reads the parts of `decoder`, in order.
enum TokenDecoders {
  static func read(_ part: JSONPart) throws(InputError) -> [any TokenDecoder] {
    let type = try part.type()
    switch type {
    case "Sequence":
      var parts: [any TokenDecoder] = []
      for part in try part.parts("decoders") { parts += try read(part) }
      return parts
    case "ByteLevel": return [ByteLevelDecoder()]
    case "Metaspace":
      return [
        MetaspaceDecoder(
          replacement: Array(String(try part.scalar("replacement")).utf8),
          dropsFirst: try Metaspace.prepending(part) != .never)
      ]
    case "Replace": return [Replacement(try part.pattern("pattern"), try part.required("content"))]
    case "ByteFallback": return [ByteFallbackDecoder()]
    case "Fuse": return [FuseDecoder()]
    case "Strip": return [try StripDecoder(part)]
    case "WordPiece":
      return [
        WordPieceDecoder(
          prefix: Array((try part.string("prefix") ?? "##").utf8), cleansUp: try part.bool("cleanup") ?? true)
      ]
    default:
      throw part.unknownType(
        type, ["Sequence", "ByteLevel", "Metaspace", "Replace", "ByteFallback", "Fuse", "Strip", "WordPiece"])
    }
  }
}
