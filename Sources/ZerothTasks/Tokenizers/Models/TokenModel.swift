/// Cuts the pieces of a text into tokens.
protocol TokenModel: Sendable {
  /// Appends the ids of the tokens of `pieces`, and of the added tokens between them.
  func appendTokens(of pieces: Pieces, onto ids: inout [Int])
}
