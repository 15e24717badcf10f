import ZerothSupport

/// A model in which every piece of a text is one token, or unknown.
struct WordLevel: TokenModel {
  private let vocabulary: Vocabulary
  private let unknownId: Int

  /// - Parameter subject: the file and field of the model, for the errors.
  init(vocabulary: Vocabulary, unknownToken: String, subject: String) throws(InputError) {
    self.vocabulary = vocabulary
    unknownId = try vocabulary.required(unknownToken, subject: "\(subject).unk_token")
  }

  func appendTokens(of pieces: Pieces, onto ids: inout [Int]) {
    for piece in pieces.pieces {
      ids.append(piece.token ?? vocabulary.id(of: pieces.text, piece.range) ?? unknownId)
    }
  }
}
