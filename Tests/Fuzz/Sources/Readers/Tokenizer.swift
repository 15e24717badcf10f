import ZerothTasks

/// A folder of tokenizer files; what stands in front of the first mark is a text to cut.
let readTokenizer = Reader { input in
  let names = [
    "tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "vocab.txt", "tokenizer_config.json",
    "added_tokens.json", "config.json",
  ]
  let text = Scratch.unpack(input, names)
  use(try loadTokenizer(directory: Scratch.path), on: String(decoding: text, as: UTF8.self))
}

/// Cuts `text` and some others, one made of the tokens themselves, and puts them together again.
func use(_ tokenizer: any Tokenizer, on text: String) {
  let size = tokenizer.vocabularySize
  let tokens = (0..<min(size, 50)).compactMap(tokenizer.token(of:))
  let texts = [text, "It's 1984,\r\n  né\u{301} \u{4F60}\u{597D}\u{1F600} </s>don't.", tokens.joined(separator: " ")]
  for text in texts {
    for isWithSpecialTokens in [false, true] {
      let ids = tokenizer.encode(text, addSpecialTokens: isWithSpecialTokens)
      precondition(ids.allSatisfy { (0..<size).contains($0) }, "an id outside the vocabulary")
      _ = tokenizer.decode(ids, skipSpecialTokens: isWithSpecialTokens)
    }
  }
  _ = tokenizer.decode(Array(-1...min(size, 50)), skipSpecialTokens: false)
}
