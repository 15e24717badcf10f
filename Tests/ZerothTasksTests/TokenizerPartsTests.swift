import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothSupport

@testable import ZerothTasks

/// Every part of a `tokenizer.json`, in small tokenizers that have it, against what the reference library made of the same
/// texts (`Tests/Fixtures/tokenizers/parts.py`).
@Suite struct TokenizerPartsTests {
  struct Case: Decodable {
    var text: String
    var ids: [Int]
    /// The ids without special tokens.
    var plain: [Int]
    /// The text of the ids with special tokens spelt, and without them.
    var decoded: String
    var skipped: String
  }

  static let names = [
    "llama3", "qwen2", "smollm", "gpt4o", "possessive", "byte-level-prefix", "gemma", "llama2", "mistral",
    "bpe-without-unknown", "bpe-unknown", "unigram", "unigram-map", "bert", "bert-cased", "accents", "words", "removed",
    "previous", "next", "inverted", "anchors",
  ]

  static let fixtures = Result { try JSON(parsing: tokenizerFixture("parts.json"), subject: "parts.json") }

  /// Calls `body` with the tokenizer of that name and its cases.
  func with(_ name: String, _ body: (any Tokenizer, [Case]) throws -> Void) throws {
    let fixture = try #require(try Self.fixtures.get()[name])
    let file = Data(try #require(fixture["tokenizer"]).description.utf8)
    let cases = try JSONDecoder().decode([Case].self, from: Data(try #require(fixture["cases"]).description.utf8))
    #expect(cases.count >= 20)
    try withTokenizerFolder(["tokenizer.json": file]) { folder in try body(try loadTokenizer(directory: folder), cases)
    }
  }

  @Test func everyFixtureIsTested() throws {
    #expect(try Self.fixtures.get().members?.map(\.key) == Self.names)
  }

  @Test(arguments: names) func idsAndTextsAreTheReferences(name: String) throws {
    try with(name) { tokenizer, cases in
      for expected in cases {
        let text = expected.text
        #expect(tokenizer.encode(text) == expected.ids, "\(text.debugDescription)")
        #expect(tokenizer.encode(text, addSpecialTokens: false) == expected.plain, "\(text.debugDescription)")
        // By bytes: equal strings may differ in how they are composed.
        let decoded = tokenizer.decode(expected.ids, skipSpecialTokens: false)
        #expect(decoded.utf8.elementsEqual(expected.decoded.utf8), "\(decoded.debugDescription)")
        let skipped = tokenizer.decode(expected.ids)
        #expect(skipped.utf8.elementsEqual(expected.skipped.utf8), "\(skipped.debugDescription)")
      }
    }
  }

  /// Texts that are long in one way: a step that looked again at what was seen before would take hours for them.
  @Test(arguments: names) func longTextsAreLinear(name: String) throws {
    let texts = [
      String(repeating: "x", count: 400_000), String(repeating: "film", count: 100_000),
      String(repeating: "漢", count: 330_000), String(repeating: " ", count: 400_000),
      String(repeating: "\r\n", count: 200_000), "e" + String(repeating: "\u{301}\u{323}", count: 100_000),
      String(repeating: "1", count: 400_000), String(repeating: "'", count: 400_000),
      String(repeating: "<|b|", count: 100_000),
    ]
    try with(name) { tokenizer, _ in
      for text in texts {
        let ids = tokenizer.encode(text, addSpecialTokens: false)
        #expect(ids.count <= text.utf8.count + 1)
        _ = tokenizer.decode(ids)
      }
    }
  }

  @Test(
    .needs("tokenizers/llama3-style"),
    arguments: [
      "llama3-style", "qwen2-style", "smollm-style", "neox-style", "gemma-style", "unigram-style", "llama2-json",
    ])
  func kindsOfCheckpointsAgreeWithTheReference(name: String) throws {
    struct Golden: Decodable {
      var text: String
      var ids: [Int]
      var decoded: String
    }
    let tokenizer = try loadTokenizer(directory: SharedMaterial.path("tokenizers/\(name)"))
    let file = URL(fileURLWithPath: SharedMaterial.path("tokenizers/\(name)/golden.json"))
    let goldens = try JSONDecoder().decode([Golden].self, from: Data(contentsOf: file))
    #expect(goldens.count >= 40)
    for golden in goldens {
      #expect(tokenizer.encode(golden.text) == golden.ids, "\(golden.text.debugDescription)")
      let decoded = tokenizer.decode(golden.ids, skipSpecialTokens: false)
      #expect(decoded.utf8.elementsEqual(golden.decoded.utf8), "\(decoded.debugDescription)")
    }
  }

  // MARK: Every scalar

  /// FNV-1a of 64 bits, as in `parts.py`.
  struct Hash {
    private var value: UInt64 = 0xCBF2_9CE4_8422_2325
    var hex: String {
      let digits = String(value, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }

    mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
  }

  static let scalars = (UInt32(0)..<0x110000).compactMap(Unicode.Scalar.init)

  func unicode(_ name: String) throws -> String {
    try #require(try JSON(parsing: tokenizerFixture("unicode.json"), subject: "unicode.json")[name]?.string)
  }

  @Test(arguments: ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "BertNormalizer"])
  func everyScalarIsNormalisedAsInTheReference(type: String) throws {
    let normalizers = try Normalizers.read(JSONPart(["type": .string(type)], subject: "normalizer"))
    var hash = Hash()
    for scalar in Self.scalars {
      var text: [UInt8] = [0x61]
      UTF8Scalars.append(scalar, onto: &text)
      for byte in normalizers.normalize(text) + [0x0A] { hash.add(byte) }
    }
    #expect(try hash.hex == unicode(type))
  }

  @Test(arguments: [
    #"\p{L}"#, #"\p{Lu}"#, #"\p{Ll}"#, #"\p{Lt}"#, #"\p{Lm}"#, #"\p{Lo}"#, #"\p{M}"#, #"\p{Mn}"#, #"\p{N}"#, #"\p{Nd}"#,
    #"\p{P}"#, #"\p{S}"#, #"\p{Z}"#, #"\p{C}"#, #"\s"#, #"\d"#, #"\w"#, #"[\w]"#, #"\h"#, ".", "[[:punct:]]", "(?i:s)",
    "(?i:k)", "(?i:é)",
  ])
  func setsHaveTheScalarsOfTheReference(pattern: String) throws {
    let automaton = try PatternAutomaton(pattern, subject: "pattern")
    var hash = Hash()
    for scalar in Self.scalars {
      var text: [UInt8] = []
      UTF8Scalars.append(scalar, onto: &text)
      var isMember: UInt8 = 0
      automaton.forEachMatch(in: text, text.indices) { _ in isMember = 1 }
      hash.add(isMember)
    }
    #expect(try hash.hex == unicode(pattern))
  }
}
