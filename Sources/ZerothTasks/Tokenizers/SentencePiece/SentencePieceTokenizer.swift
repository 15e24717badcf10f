import ZerothSupport

extension TokenizerFolder {
  /// `tokenizer.model`: SentencePiece's byte-pair encoding over the whole text, as in Llama 2.
  ///
  /// As in SentencePiece itself, control pieces such as `</s>` are not recognised in a text, unless
  /// `tokenizer_config.json` or `added_tokens.json` names them.
  func sentencePiece(_ others: [AddedToken]) throws(InputError) -> ComposedTokenizer {
    let file = file("tokenizer.model")
    let model = try SentencePieceModel(file)
    let pieces = try Vocabulary(
      model.pieces.enumerated().map { (token: $0.element.text, id: $0.offset) }, subject: "\(file): pieces")
    let unknown = model.pieces.indices.filter { model.pieces[$0].kind == .unknown }
    guard unknown.count == 1 else {
      throw InputError("\(file): pieces", found: "\(unknown.count) of type unknown", expected: "one")
    }
    let byteCount = ByteTokens.ids(in: pieces).count { $0 >= 0 && model.pieces[$0].kind == .byte }
    guard byteCount == model.pieces.count(where: { $0.kind == .byte }), byteCount == 256 || !model.fallsBackToBytes
    else {
      throw InputError("\(file): pieces", found: "\(byteCount) of <0x00> to <0xFF>", expected: "all 256 byte pieces")
    }
    let scores = model.pieces.indices.filter { model.pieces[$0].isMergeable }
      .map { (id: $0, score: model.pieces[$0].score) }
    let encoding = BytePairEncoding(
      vocabulary: pieces, scores: scores,
      options: .init(fallsBackToBytes: model.fallsBackToBytes, unknownId: unknown[0], fusesUnknown: true))
    func control(_ piece: String) -> [Int] {
      pieces.id(of: piece).flatMap { model.pieces[$0].kind == .control ? [$0] : nil } ?? []
    }
    var vocabulary = pieces
    let named = try vocabulary.adding(others, others: [])
    let isNamed = Set(named.map(\.id))
    func tokens(_ kind: SentencePieceModel.Kind) -> [AddedToken] {
      model.pieces.indices.filter { model.pieces[$0].kind == kind && !isNamed.contains($0) }
        .map { AddedToken(id: $0, content: model.pieces[$0].text, source: file) }
    }
    return ComposedTokenizer(
      vocabulary: vocabulary, model: encoding, addedTokens: named, pieces: tokens(.userDefined),
      specialIds: tokens(.control).map(\.id),
      parts: .init(
        normalizers: [SentencePieceSpaces(model, isLegacy: try config?.bool("legacy") ?? false)],
        template: .init(
          prefix: try config?.bool("add_bos_token") ?? true ? control(model.bosPiece) : [],
          suffix: try config?.bool("add_eos_token") ?? false ? control(model.eosPiece) : []),
        decoders: [
          SentencePieceDecoder(
            dropsSpace: model.addsDummyPrefix || model.removesExtraSpaces, dropsAll: model.removesExtraSpaces,
            hasBytes: byteCount == 256)
        ],
        surfaces: isNamed.contains(unknown[0]) ? [:] : [unknown[0]: Array(model.unknownSurface.utf8)]))
  }
}
