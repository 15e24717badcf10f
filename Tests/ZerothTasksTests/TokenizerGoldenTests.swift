import Foundation
import TestSupport
import Testing
import ZerothTasks

/// Ids and decoded texts against what the reference libraries gave (`Tests/Fixtures/tokenizers/make.py`, and the
/// golden files of the shared material).
@Suite struct TokenizerGoldenTests {
  struct Case: Decodable {
    var text: String
    var ids: [Int]
    /// The ids without special tokens.
    var plain: [Int]
    var decoded: String
  }

  struct Golden: Decodable {
    var text: String
    var ids: [Int]
  }

  struct ModelGolden: Decodable {
    struct Greedy: Decodable {
      var ids: [Int]
      var text: String
    }

    var texts: [Golden]
    var greedy: Greedy?
  }

  func read<Value: Decodable>(_ type: Value.Type, _ path: String) throws -> Value {
    try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  func cases(_ name: String) throws -> [Case] {
    let all = try read([String: [Case]].self, SharedMaterial.fixture("tokenizers/cases.json"))
    let cases = try #require(all[name])
    #expect(cases.count >= 20)
    return cases
  }

  func expectEqual(_ tokenizer: any Tokenizer, _ golden: Case) {
    #expect(tokenizer.encode(golden.text) == golden.ids, "\(golden.text.debugDescription)")
    #expect(tokenizer.encode(golden.text, addSpecialTokens: false) == golden.plain, "\(golden.text.debugDescription)")
    // By scalars: equal strings may differ in how they are composed.
    #expect(Array(tokenizer.decode(golden.ids).unicodeScalars) == Array(golden.decoded.unicodeScalars))
  }

  @Test(arguments: ["byte-level", "word-piece", "sentence-piece", "sentence-piece-unk"])
  func fixturesAgreeWithTheReference(name: String) throws {
    let tokenizer = try loadTokenizer(directory: SharedMaterial.fixture("tokenizers/\(name)"))
    for golden in try cases(name) { expectEqual(tokenizer, golden) }
  }

  @Test(
    .needs("tokenizers/imdb-4k"),
    arguments: ["imdb-4k", "opt-roberta", "bert-wordpiece", "tok512-sentencepiece"])
  func realTokenizersAgreeWithTheReference(name: String) throws {
    let tokenizer = try loadTokenizer(directory: SharedMaterial.path("tokenizers/\(name)"))
    for golden in try cases("tokenizers/\(name)") { expectEqual(tokenizer, golden) }
    let goldens = try read([Golden].self, SharedMaterial.path("tokenizers/\(name)/golden.json"))
    #expect(goldens.count >= 30)
    for golden in goldens {
      #expect(tokenizer.encode(golden.text, addSpecialTokens: false) == golden.ids, "\(golden.text.debugDescription)")
    }
  }

  @Test(
    .needs("models/imdb-opt"),
    arguments: ["imdb-opt", "stories260K", "all-minilm-l6-v2"])
  func modelsSeeTheGoldenIds(name: String) throws {
    let tokenizer = try loadTokenizer(directory: SharedMaterial.path("models/\(name)"))
    let golden = try read(ModelGolden.self, SharedMaterial.path("models/\(name)/golden.json"))
    #expect(!golden.texts.isEmpty)
    for text in golden.texts { #expect(tokenizer.encode(text.text) == text.ids) }
    if let greedy = golden.greedy { #expect(tokenizer.decode(greedy.ids) == greedy.text) }
  }

  @Test(.needs("tokenizers/bert-wordpiece"))
  func vocabTxtGivesTheIdsOfTokenizerJSON() throws {
    let vocabulary = SharedMaterial.path("tokenizers/bert-wordpiece/vocab.txt")
    try withTokenizerFolder(["vocab.txt": Data(contentsOf: URL(fileURLWithPath: vocabulary))]) { folder in
      let tokenizer = try loadTokenizer(directory: folder)
      for golden in try cases("tokenizers/bert-wordpiece") { expectEqual(tokenizer, golden) }
    }
  }
}
