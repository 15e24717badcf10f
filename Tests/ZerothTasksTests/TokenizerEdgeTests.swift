import Foundation
import TestSupport
import Testing
import ZerothTasks

/// Emoji sequences, combining marks, control characters and words of 100 KB against what the reference libraries gave
/// (`Tests/Fixtures/tokenizers/edge.py`), and the speed.
@Suite struct TokenizerEdgeTests {
  struct Edge: Decodable {
    struct Text: Decodable {
      var text: String
      var ids: [Int]
    }

    struct Word: Decodable {
      var unit: String
      var repeats: Int
      var count: Int
      var first: [Int]
      var last: [Int]
      var checksum: Int
    }

    var texts: [Text]
    var words: [Word]
  }

  func edge(_ name: String) throws -> Edge {
    let all = try JSONDecoder().decode([String: Edge].self, from: tokenizerFixture("edge.json"))
    return try #require(all[name])
  }

  func expectEqual(_ tokenizer: any Tokenizer, _ edge: Edge) {
    #expect(edge.texts.count >= 25)
    for expected in edge.texts {
      let ids = tokenizer.encode(expected.text, addSpecialTokens: false)
      #expect(ids == expected.ids, "\(expected.text.debugDescription)")
    }
    #expect(edge.words.count >= 10)
    for word in edge.words {
      let ids = tokenizer.encode(String(repeating: word.unit, count: word.repeats), addSpecialTokens: false)
      #expect(ids.count == word.count, "\(word.unit.debugDescription)")
      #expect(Array(ids.prefix(8)) == word.first && Array(ids.suffix(8)) == word.last)
      let checksum = ids.enumerated().reduce(0) { ($0 + ($1.offset + 1) * $1.element) % 2_147_483_647 }
      #expect(checksum == word.checksum, "\(word.unit.debugDescription)")
    }
  }

  @Test(arguments: ["byte-level", "word-piece", "sentence-piece", "sentence-piece-unk"])
  func fixturesAgreeWithTheReference(name: String) throws {
    expectEqual(try loadTokenizer(directory: SharedMaterial.fixture("tokenizers/\(name)")), try edge(name))
  }

  @Test(
    .needs("tokenizers/imdb-4k"),
    arguments: ["imdb-4k", "opt-roberta", "bert-wordpiece", "tok512-sentencepiece"])
  func realTokenizersAgreeWithTheReference(name: String) throws {
    let tokenizer = try loadTokenizer(directory: SharedMaterial.path("tokenizers/\(name)"))
    expectEqual(tokenizer, try edge("tokenizers/\(name)"))
  }
}
