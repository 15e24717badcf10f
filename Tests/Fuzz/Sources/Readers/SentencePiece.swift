import ZerothTasks

/// A model of SentencePiece, `tokenizer.model`. A tokenizer that it makes is used as the others are.
let readSentencePiece = Reader { input in
  _ = Scratch.file("tokenizer.model", input)
  use(try loadTokenizer(directory: Scratch.path), on: "")
}
