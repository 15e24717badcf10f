import Zeroth

/// SentencePiece's byte-pair encoding over the scalars of the whole text, as of Llama.
///
/// Control pieces such as `</s>` are never found in a text, as in SentencePiece itself.
struct SentencePieceBPE: Tokenizer {
  private let model: SentencePieceModel
  private let vocabulary: Vocabulary
  private let template: SequenceTemplate
  private let merges: PairMerges
  /// The symbol that a scalar starts as: its piece, or an id above the vocabulary if only longer pieces hold it.
  private let scalarSymbols: [Unicode.Scalar: Int]
  private let userDefined: ByteTrie
  /// A user-defined piece merges with nothing, so in a text it is this plus its id.
  private let frozenOffset: Int
  private let unknownId: Int
  private let byteIds: [Int]
  /// The byte that a byte piece stands for.
  private let bytes: [Int: UInt8]

  private static let escapedSpace = "\u{2581}"

  var vocabularySize: Int { vocabulary.count }

  init(_ model: SentencePieceModel, addsBos: Bool, addsEos: Bool, path: String) throws(InputError) {
    self.model = model
    let vocabulary = try Vocabulary(
      model.pieces.enumerated().map { (token: $0.element.text, id: $0.offset) }, subject: "\(path): pieces")
    self.vocabulary = vocabulary
    let unknown = model.pieces.indices.filter { model.pieces[$0].kind == .unknown }
    guard unknown.count == 1 else {
      throw InputError("\(path): pieces", found: "\(unknown.count) of type unknown", expected: "one")
    }
    unknownId = unknown[0]

    let byteIds = (UInt8.min...UInt8.max).map { byte in
      let hex = String(byte, radix: 16, uppercase: true)
      let id = vocabulary.id(of: "<0x\(byte < 16 ? "0" : "")\(hex)>")
      return id.flatMap { model.pieces[$0].kind == .byte ? $0 : nil } ?? -1
    }
    self.byteIds = byteIds
    let byteCount = byteIds.count { $0 >= 0 }
    guard byteCount == model.pieces.count(where: { $0.kind == .byte }), byteCount == 256 || !model.fallsBackToBytes
    else {
      throw InputError("\(path): pieces", found: "\(byteCount) of <0x00> to <0xFF>", expected: "all 256 byte pieces")
    }
    bytes = Dictionary(uniqueKeysWithValues: zip(byteIds, UInt8.min...UInt8.max).filter { $0.0 >= 0 })

    func control(_ piece: String) -> [Int] {
      vocabulary.id(of: piece).flatMap { model.pieces[$0].kind == .control ? [$0] : nil } ?? []
    }
    template = SequenceTemplate(
      prefix: addsBos ? control(model.bosPiece) : [], suffix: addsEos ? control(model.eosPiece) : [])

    var userDefined = ByteTrie()
    for (id, piece) in model.pieces.enumerated() where piece.kind == .userDefined {
      userDefined.insert(piece.text.utf8, value: id)
    }
    self.userDefined = userDefined
    (merges, scalarSymbols, frozenOffset) = Self.merges(of: model.pieces)
  }

  /// Every cut of a piece into two symbols is a merge, ranked by the piece's score.
  private static func merges(of pieces: [SentencePieceModel.Piece]) -> (PairMerges, [Unicode.Scalar: Int], Int) {
    let mergeable = pieces.indices.filter { pieces[$0].kind == .normal || pieces[$0].kind == .userDefined }
    var symbols: [[UInt8]: Int] = [:]
    var scalarSymbols: [Unicode.Scalar: Int] = [:]
    for id in mergeable { symbols[Array(pieces[id].text.utf8)] = id }
    var nextSymbol = pieces.count
    for id in mergeable {
      for scalar in pieces[id].text.unicodeScalars where scalarSymbols[scalar] == nil {
        let bytes = Array(String(scalar).utf8)
        if symbols[bytes] == nil {
          symbols[bytes] = nextSymbol
          nextSymbol += 1
        }
        scalarSymbols[scalar] = symbols[bytes]
      }
    }
    let scores = Set(mergeable.map { pieces[$0].score }).sorted(by: >)
    let ranks = Dictionary(uniqueKeysWithValues: scores.enumerated().map { ($0.element, $0.offset) })
    var merges = PairMerges()
    for id in mergeable {
      let text = Array(pieces[id].text.utf8)
      for cut in text.indices.dropFirst() where text[cut] & 0xC0 != 0x80 {
        if let left = symbols[Array(text[..<cut])], let right = symbols[Array(text[cut...])] {
          merges.add(left, right, into: id, rank: ranks[pieces[id].score] ?? 0)
        }
      }
    }
    return (merges, scalarSymbols, nextSymbol)
  }

  func encode(_ text: String, addSpecialTokens: Bool) -> [Int] {
    let text = normalized(text)
    var symbols: [PairMerges.Symbol] = []
    var index = 0
    while index < text.count {
      if let match = userDefined.longestMatch(in: text, from: index, to: text.count) {
        symbols.append(PairMerges.Symbol(id: frozenOffset + match.value, start: index))
        index = match.end
      } else {
        let (scalar, length) = UTF8Scalars.scalar(in: text, at: index)
        symbols.append(PairMerges.Symbol(id: scalarSymbols[scalar] ?? -1, start: index))
        index += length
      }
    }
    merges.apply(to: &symbols)
    var ids = addSpecialTokens ? template.prefix : []
    var followsUnknown = false
    for (index, symbol) in symbols.enumerated() {
      let id = Int(symbol.id) >= frozenOffset ? Int(symbol.id) - frozenOffset : Int(symbol.id)
      let isKnown = model.pieces.indices.contains(id)
      if isKnown {
        ids.append(id)
      } else if model.fallsBackToBytes {
        let end = index + 1 < symbols.count ? Int(symbols[index + 1].start) : text.count
        for byte in text[Int(symbol.start)..<end] { ids.append(byteIds[Int(byte)]) }
      } else if !followsUnknown {
        ids.append(unknownId)
      }
      followsUnknown = !isKnown
    }
    if addSpecialTokens { ids += template.suffix }
    return ids
  }

  /// The text as the pieces spell it: spaces as U+2581, one in front, and none superfluous, as the model says.
  private func normalized(_ text: String) -> [UInt8] {
    let space = UInt8(ascii: " ")
    var source = Array(text.utf8)[...]
    if model.removesExtraSpaces { source = source.drop { $0 == space } }
    guard !source.isEmpty else { return [] }
    let escaped = model.escapesSpaces ? Array(Self.escapedSpace.utf8) : [space]
    var normalized = model.addsDummyPrefix ? escaped : []
    var followsSpace = false
    for byte in source {
      if byte != space {
        normalized.append(byte)
      } else if !(model.removesExtraSpaces && followsSpace) {
        normalized += escaped
      }
      followsSpace = byte == space
    }
    if model.removesExtraSpaces {
      while normalized.suffix(escaped.count) == escaped[...] { normalized.removeLast(escaped.count) }
    }
    return normalized
  }

  func decode(_ ids: [Int], skipSpecialTokens: Bool) -> String {
    let (escapedSpace, space) = (Array(Self.escapedSpace.utf8), UInt8(ascii: " "))
    var text: [UInt8] = []
    var pendingBytes: [UInt8] = []
    // The space that encoding puts in front is taken away again.
    var dropsSpace = model.addsDummyPrefix || model.removesExtraSpaces
    for id in ids where model.pieces.indices.contains(id) {
      if let byte = bytes[id] {
        pendingBytes.append(byte)
        continue
      }
      text += Self.decodeBytes(&pendingBytes).utf8
      if !text.isEmpty { dropsSpace = false }
      let piece = model.pieces[id]
      switch piece.kind {
      case .control: if !skipSpecialTokens { text += piece.text.utf8 }
      case .unknown: text += model.unknownSurface.utf8
      default:
        var rest = Array(piece.text.utf8)[...]
        if dropsSpace, rest.starts(with: escapedSpace) {
          rest = rest.dropFirst(escapedSpace.count)
          if !model.removesExtraSpaces { dropsSpace = false }
        }
        while !rest.isEmpty {
          let isSpace = rest.starts(with: escapedSpace)
          text.append(isSpace ? space : rest[rest.startIndex])
          rest = rest.dropFirst(isSpace ? escapedSpace.count : 1)
        }
      }
    }
    text += Self.decodeBytes(&pendingBytes).utf8
    return String(decoding: text, as: UTF8.self)
  }

  /// The text of a run of byte pieces; as in SentencePiece, every byte that is not UTF-8 becomes one U+FFFD.
  private static func decodeBytes(_ bytes: inout [UInt8]) -> String {
    defer { bytes.removeAll() }
    var text = ""
    var rest = bytes[...]
    while let first = rest.first {
      let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
      if let scalar = String(validating: rest.prefix(length), as: UTF8.self) {
        text += scalar
        rest = rest.dropFirst(length)
      } else {
        text += "\u{FFFD}"
        rest = rest.dropFirst()
      }
    }
    return text
  }

  func id(of token: String) -> Int? { vocabulary.id(of: token) }

  func token(of id: Int) -> String? { vocabulary.token(of: id) }
}
