/// Puts a space in front of each token, except for the first one and for tokens that continue a word.
struct WordPieceDecoder: TokenDecoder {
  let prefix: [UInt8]
  /// Whether to remove the space in front of punctuation and of English contractions.
  let cleansUp: Bool

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    tokens.enumerated().map { index, token in
      let goesOn = token.starts(with: prefix)
      var word = index == 0 ? token : goesOn ? Array(token.dropFirst(prefix.count)) : [0x20] + token
      // Everything that is cleaned up begins with a space.
      if cleansUp, word.contains(0x20) {
        for replacement in Self.cleanups {
          var cleaned: [UInt8] = []
          replacement.append(word, word.indices, onto: &cleaned)
          word = cleaned
        }
      }
      return word
    }
  }

  private static let cleanups: [Replacement] = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
    (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
  ].map { Replacement(.literal(Array($0.0.utf8)), $0.1) }
}
