import Foundation
import TestSupport
import Testing
import ZerothTasks

@Suite struct TokenizerBehaviourTests {
  static let fixtures = ["byte-level", "sentence-piece", "word-piece"]

  func fixture(_ name: String) throws -> any Tokenizer {
    try loadTokenizer(directory: SharedMaterial.fixture("tokenizers/\(name)"))
  }

  @Test func byteLevelDecodingInvertsEncoding() throws {
    // Every scalar once, with the space in front that this tokenizer would add.
    var text = " "
    for value in UInt32(0)...0x10FFFF {
      if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
    }
    let tokenizer = try fixture("byte-level")
    #expect(Array(tokenizer.decode(tokenizer.encode(text)).utf8) == Array(text.utf8))
  }

  @Test(arguments: fixtures)
  func aWordOfAMegabyteIsEncoded(name: String) throws {
    let tokenizer = try fixture(name)
    let word = String(repeating: "film", count: 250_000)
    let ids = tokenizer.encode(word, addSpecialTokens: false)
    if name == "word-piece" {
      #expect(ids == [tokenizer.id(of: "[UNK]")])
    } else {
      #expect(tokenizer.decode(ids).drop { $0 == " " } == word[...])
    }
  }

  @Test(arguments: fixtures)
  func tokensAndIdsInvertEachOther(name: String) throws {
    let tokenizer = try fixture(name)
    for id in 0..<tokenizer.vocabularySize {
      let token = try #require(tokenizer.token(of: id))
      #expect(tokenizer.id(of: token) == id)
    }
    #expect(tokenizer.token(of: tokenizer.vocabularySize) == nil)
    #expect(tokenizer.token(of: -1) == nil)
    #expect(tokenizer.id(of: "no such token") == nil)
    #expect(tokenizer.decode([-1, tokenizer.vocabularySize, .max, .min]).isEmpty)
  }

  /// White space that is stripped in front of a text takes its start along, so that `Metaspace` puts nothing there; white
  /// space that stays, or goes at the end, does not. Ids by tokenizers 0.23.3.
  @Test(arguments: [
    (false, true, "\u{A0}a", 1), (false, true, "a\u{A0}", 4), (true, false, "\u{A0}a", 3),
    (true, true, "\u{A0}a\u{A0}", 3),
  ])
  func strippedTextsBeginWhereTheyDid(left: Bool, right: Bool, text: String, id: Int) throws {
    let file = """
      {"normalizer": {"type": "Strip", "strip_left": \(left), "strip_right": \(right)},
       "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false},
       "model": {"type": "WordLevel", "unk_token": "<unk>",
                 "vocab": {"<unk>": 0, "▁\u{A0}a": 1, "▁": 2, "a": 3, "▁a": 4, "\u{A0}a": 5}}}
      """
    try withTokenizerFolder(["tokenizer.json": Data(file.utf8)]) { folder in
      let ids = try loadTokenizer(directory: folder).encode(text)
      #expect(ids == [id])
    }
  }

  @Test func specialTokensAreSpeltOnRequest() throws {
    let tokenizer = try fixture("byte-level")
    let ids = tokenizer.encode("film")
    #expect(tokenizer.decode(ids) == " film")
    #expect(tokenizer.decode(ids, skipSpecialTokens: false) == "<s> film</s>")
  }

  /// `vocab.json` of `tokens` and the byte-level letters, and a `merges.txt` without merges.
  func byteVocabulary(_ tokens: [String]) throws -> [String: Data] {
    let byteLevel = try fixture("byte-level")
    let letters = (0..<byteLevel.vocabularySize).compactMap(byteLevel.token(of:)).filter {
      $0.unicodeScalars.count == 1
    }
    #expect(letters.count == 256)
    let ids = Dictionary(uniqueKeysWithValues: (tokens + letters).enumerated().map { ($0.element, $0.offset) })
    return ["vocab.json": try JSONEncoder().encode(ids), "merges.txt": Data("#version: 0.2\n".utf8)]
  }

  @Test(arguments: [
    ("", "", [2], []),
    (#"{"add_bos_token": true, "tokenizer_class": "GPT2Tokenizer"}"#, "", [2], []),
    (#"{"add_bos_token": false}"#, "", [], []),
    (#"{"tokenizer_class": "RobertaTokenizer"}"#, "", [0], [2]),
    ("", #"{"model_type": "roberta"}"#, [0], [2]),
    ("", #"{"model_type": "opt"}"#, [2], []),
  ])
  func specialTokensOfVocabJSONFollowTheModel(tokenizerConfig: String, config: String, prefix: [Int], suffix: [Int])
    throws
  {
    var files = try byteVocabulary(["<s>", "<pad>", "</s>", "<mask>"])
    if !tokenizerConfig.isEmpty { files["tokenizer_config.json"] = Data(tokenizerConfig.utf8) }
    if !config.isEmpty { files["config.json"] = Data(config.utf8) }
    try withTokenizerFolder(files) { folder in
      let tokenizer = try loadTokenizer(directory: folder)
      let a = try #require(tokenizer.id(of: "a"))
      #expect(tokenizer.encode("a<pad>a") == prefix + [a, 1, a] + suffix)
    }
  }

  @Test func sentencePieceAddsWhatItsConfigurationSays() throws {
    let model = try tokenizerFixture("sentence-piece/tokenizer.model")
    let config = Data(#"{"add_bos_token": false, "add_eos_token": true}"#.utf8)
    try withTokenizerFolder(["tokenizer.model": model, "tokenizer_config.json": config]) { folder in
      let tokenizer = try loadTokenizer(directory: folder)
      #expect(tokenizer.encode("film") == tokenizer.encode("film", addSpecialTokens: false) + [2])
    }
  }

  @Test func vocabTxtIsUncasedUnlessItsConfigurationSaysOtherwise() throws {
    let vocabulary = Data("[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\nCaf\u{E9}\r\ncafe".utf8)
    try withTokenizerFolder(["vocab.txt": vocabulary]) { folder in
      let ids = try loadTokenizer(directory: folder).encode("Caf\u{E9}")
      #expect(ids == [2, 5, 3])
    }
    let config = Data(#"{"do_lower_case": false}"#.utf8)
    try withTokenizerFolder(["vocab.txt": vocabulary, "tokenizer_config.json": config]) { folder in
      let tokenizer = try loadTokenizer(directory: folder)
      #expect(tokenizer.encode("Caf\u{E9}") == [2, 4, 3])
      // The same text to Swift, but not the same bytes.
      #expect(tokenizer.encode("Cafe\u{301}") == [2, 1, 3])
    }
  }
}
