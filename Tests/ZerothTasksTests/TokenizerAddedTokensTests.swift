import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothSupport
import ZerothTasks

/// Added tokens that stand beside a tokenizer, letters that are written in two ways, and ids beyond a model.
@Suite struct TokenizerAddedTokensTests {
  /// Tokens of `added_tokens.json` and `tokenizer_config.json` are found in the text. Ids by transformers 5.24
  /// (`Tests/Fixtures/tokenizers/added.py`).
  @Test func tokensBesideASentencePieceModel() throws {
    struct Expected: Decodable {
      var config: String
      var addedTokens: String?
      var size: Int
      var cases: [Case]

      struct Case: Decodable {
        var text: String
        var ids: [Int]
      }
    }
    let model = try tokenizerFixture("sentence-piece/tokenizer.model")
    for expected in try JSONDecoder().decode([Expected].self, from: tokenizerFixture("added.json")) {
      var files = ["tokenizer.model": model, "tokenizer_config.json": Data(expected.config.utf8)]
      files["added_tokens.json"] = expected.addedTokens.map { Data($0.utf8) }
      try withTokenizerFolder(files) { folder in
        let tokenizer = try loadTokenizer(directory: folder)
        #expect(tokenizer.vocabularySize == expected.size && tokenizer.id(of: "<|im_end|>") == expected.size - 1)
        for golden in expected.cases {
          let ids = tokenizer.encode(golden.text, addSpecialTokens: false)
          #expect(ids == golden.ids, "\(expected.config) \(golden.text.debugDescription)")
        }
        #expect(Set(files.keys) == Set(tokenizerFiles(in: folder)))
      }
    }
  }

  /// WordPiece of `tokens`, with added ones.
  private func wordPiece(_ tokens: [String], added: [JSON] = []) -> Data {
    let vocabulary = JSON.object(tokens.enumerated().map { .init($0.element, .int($0.offset)) })
    let json: JSON = [
      "added_tokens": .array(added), "pre_tokenizer": ["type": "WhitespaceSplit"],
      "model": ["type": "WordPiece", "unk_token": "[UNK]", "vocab": vocabulary],
    ]
    return Data(json.description.utf8)
  }

  @Test func twoSpellingsOfALetterAreTwoTokens() throws {
    let added: JSON = ["id": 7, "content": "e\u{301}", "normalized": false]
    let tokens = ["[UNK]", "caf\u{E9}", "cafe\u{301}", "\u{6A02}", "\u{F914}", "\u{E9}", "x"]
    try withTokenizerFolder(["tokenizer.json": wordPiece(tokens, added: [added])]) { folder in
      let tokenizer = try loadTokenizer(directory: folder)
      #expect(tokenizer.encode("caf\u{E9} \u{6A02} \u{F914} \u{E9}") == [1, 3, 4, 5])
      #expect(tokenizer.encode("xe\u{301} e\u{301}") == [6, 7, 7])
      #expect(tokenizer.id(of: "cafe\u{301}") == 2)
      #expect(tokenizer.decode([1, 2]).utf8.elementsEqual("caf\u{E9} cafe\u{301}".utf8))
    }
    let merges = [["e", "\u{301}"], ["c", "\u{E9}"]].map { JSON.array($0.map { .string($0) }) }
    let vocabulary = ["e", "\u{301}", "e\u{301}", "\u{E9}", "c", "c\u{E9}", "ce\u{301}"]
    let bpe: JSON = [
      "model": [
        "type": "BPE", "merges": .array(merges),
        "vocab": .object(vocabulary.enumerated().map { .init($0.element, .int($0.offset)) }),
      ]
    ]
    try withTokenizerFolder(["tokenizer.json": Data(bpe.description.utf8)]) { folder in
      let tokenizer = try loadTokenizer(directory: folder)
      #expect(tokenizer.encode("ce\u{301}c\u{E9}\u{E9}") == [4, 2, 5, 3])
    }
  }

  @Test func tokensThatContradictEachOtherAreRefused() throws {
    let base = wordPiece(["[UNK]", "a", "b"])
    for (name, text, found) in [
      ("added_tokens.json", #"{"a": 2}"#, "id 2"), ("added_tokens.json", #"{"c": 2}"#, "id 2 for both 'b' and 'c'"),
      ("added_tokens.json", #"{"c": "3"}"#, "\"3\""), ("added_tokens.json", #"{"c": 90000000}"#, "id 90000000"),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"x": {"content": "c"}}}"#, "the key 'x'"),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"3": {}}}"#, "no such field"),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"1": {"content": "b"}}}"#, "id 1"),
    ] {
      try withTokenizerFolder(["tokenizer.json": base, name: Data(text.utf8)]) { folder in
        let error = try #require(throws: InputError.self, "\(text)") { try loadTokenizer(directory: folder) }
        #expect(error.subject.contains(name) && error.found.contains(found), "\(error)")
      }
    }
    // A gap is none: some checkpoints leave ids free.
    try withTokenizerFolder(["tokenizer.json": base, "added_tokens.json": Data(#"{"c": 9}"#.utf8)]) { folder in
      let tokenizer = try loadTokenizer(directory: folder)
      #expect(tokenizer.encode("a c b") == [1, 9, 2] && tokenizer.vocabularySize == 10)
      #expect(tokenizer.token(of: 5) == nil && tokenizer.decode([5]) == "")
    }
  }

  @Test(.needs("models/imdb-opt")) func aTokenWithoutARowIsFoundWhenLoading() throws {
    let source = URL(fileURLWithPath: SharedMaterial.path("models/imdb-opt"))
    var files: [String: Data] = [:]
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
      files[name] = try Data(contentsOf: source.appendingPathComponent(name))
    }
    try withTokenizerFolder(files) { folder in _ = try loadTaskModel(directory: folder, task: .sst2) }
    files["added_tokens.json"] = Data(#"{"<new>": 4096}"#.utf8)
    try withTokenizerFolder(files) { folder in
      let error = try #require(throws: InputError.self) { try loadTaskModel(directory: folder, task: .sst2) }
      #expect(error.subject == "\(folder): tokenizer" && error.found == "the token '<new>' with id 4096", "\(error)")
      #expect(error.expected.hasPrefix("ids below 4096"), "\(error)")
    }
  }
}
