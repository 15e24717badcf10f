import Foundation
import Testing
import Zeroth
import ZerothTasks

/// Files that cannot be used give one error that names the file and the field, whatever is wrong with them.
@Suite struct TokenizerBadInputTests {
  /// The one error that loading these files gives.
  func error(_ files: [String: Data]) throws -> InputError {
    var thrown: InputError?
    try withTokenizerFolder(files) { folder in
      thrown = #expect(throws: InputError.self) { try loadTokenizer(directory: folder) }
    }
    let error = try #require(thrown)
    #expect(!error.found.isEmpty && !error.expected.isEmpty)
    return error
  }

  /// A fixture's text with `old`, which must be there, replaced by `new`.
  func changed(_ fixture: String, _ old: String, _ new: String) throws -> Data {
    let text = String(decoding: try tokenizerFixture(fixture), as: UTF8.self)
    try #require(text.contains(old), "\(old)")
    return Data(text.replacingOccurrences(of: old, with: new).utf8)
  }

  @Test func aFolderWithoutTokenizerNamesItselfAndWhatItMayHold() throws {
    let error = try error(["config.json": Data("{}".utf8)])
    #expect(error.subject.contains("zeroth-tokenizer-"))
    for name in ["tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "vocab.txt"] {
      #expect(error.expected.contains(name))
    }
  }

  @Test(arguments: [
    (#""type":"BPE""#, #""type":"Other""#, "model.type"),
    (#""type":"BPE""#, #""type":"Unigram""#, "model.vocab"),
    (#""version":"1.0""#, #""version":"2.0""#, "version"),
    (#""dropout":null"#, #""dropout":0.1"#, "model.dropout"),
    (#""merges":"#, #""mergers":"#, "model.merges"),
    (#""vocab":"#, #""vocap":"#, "model.vocab"),
    (#""<pad>":1"#, #""<pad>":"1""#, "model.vocab.<pad>"),
    (#""<pad>":1"#, #""<pad>":-1"#, "model.vocab"),
    (#""id":1,"content":"<pad>""#, #""id":2,"content":"<pad>""#, "added_tokens '<pad>'"),
    (#""!":3"#, #""!":4"#, "model.vocab"),
    (#""!":3"#, #""!":4000000000"#, "model.vocab"),
    (#"["Ġ","t"]"#, #"["Ġ","film"]"#, "model.merges[1]"),
    (#"["Ġ","t"]"#, #"["Ġ"]"#, "model.merges[1]"),
    (#"["Ġ","t"]"#, #""Ġ t h""#, "model.merges[1]"),
    (#"["Ġ","t"]"#, #"7"#, "model.merges[1]"),
    (#""content":"<mask>""#, #""contents":"<mask>""#, "added_tokens[3].content"),
    (#""type":"RobertaProcessing""#, #""type":"Other""#, "post_processor.type"),
    (#""sep":["</s>",2]"#, #""sep":["</s>",2000]"#, "post_processor"),
    (#""sep":["</s>",2]"#, #""sep":[]"#, "post_processor.sep"),
    (#""sep":["</s>",2]"#, #""sap":["</s>",2]"#, "post_processor"),
    (#""pre_tokenizer":{"type":"ByteLevel""#, #""pre_tokenizer":{"type":"Other""#, "pre_tokenizer.type"),
    (#""normalizer":null"#, #""normalizer":{"type":"Other"}"#, "normalizer.type"),
    (#""normalizer":null"#, #""normalizer":"NFC""#, "normalizer"),
    (#""continuing_subword_prefix":null"#, #""continuing_subword_prefix":"@@""#, "model.continuing_subword_prefix"),
    (#""unk_token":null"#, #""unk_token":"<unk>""#, "model.unk_token"),
  ])
  func byteLevelJSON(old: String, new: String, field: String) throws {
    let error = try error(["tokenizer.json": try changed("byte-level/tokenizer.json", old, new)])
    #expect(error.subject.contains("tokenizer.json: \(field)"), "\(error)")
  }

  @Test(arguments: [
    (#""unk_token":"[UNK]""#, #""unk_token":"[NONE]""#, "model.unk_token"),
    (#""max_input_chars_per_word":100"#, #""max_input_chars_per_word":-1"#, "model.max_input_chars_per_word"),
    (#""type":"BertNormalizer""#, #""type":"Other""#, "normalizer.type"),
    (#""type":"BertPreTokenizer""#, #""type":"Other""#, "pre_tokenizer.type"),
    (#"{"Sequence":{"id":"A","type_id":0}},{"SpecialToken""#, #"{"SpecialToken""#, "post_processor.single"),
    (#""special_tokens":{"[CLS]""#, #""special_tokens":{"[CLZ]""#, "post_processor.special_tokens"),
    (#""ids":[2]"#, #""ids":[true]"#, "post_processor.special_tokens.[CLS].ids"),
  ])
  func wordPieceJSON(old: String, new: String, field: String) throws {
    let error = try error(["tokenizer.json": try changed("word-piece/tokenizer.json", old, new)])
    #expect(error.subject.contains("tokenizer.json: \(field)"), "\(error)")
  }

  @Test func aFileThatIsNotWholeJSON() throws {
    let whole = try tokenizerFixture("byte-level/tokenizer.json")
    var bad = stride(from: 0, to: whole.count, by: 41).map { whole.prefix($0) }
    bad += [
      Data("[]".utf8), Data("null".utf8), Data([0xFF, 0xFE]), Data(repeating: UInt8(ascii: "["), count: 1_000_000),
    ]
    for data in bad {
      let error = try error(["tokenizer.json": data])
      #expect(error.subject.hasSuffix("tokenizer.json"), "\(error)")
    }
  }

  @Test(arguments: [
    ("{\"a\": 0, \"b\": 0}", "a b\n", "vocab.json"),
    ("{\"a\": 0, \"b\": 99999999}", "", "vocab.json"),
    ("{\"a\": 0", "", "vocab.json"),
    ("{}", "", "vocab.json"),
    ("{\"a\": \"0\"}", "", "vocab.json: a"),
    ("{\"a\": 0, \"b\": 1}", "#version: 0.2\na b\n", "merges.txt: merges[0]"),
    ("{\"a\": 0, \"b\": 1, \"ab\": 2}", "#version: 0.2\na b\nab\n", "merges.txt: line 3"),
    ("{\"a\": 0, \"b\": 1, \"ab\": 2}", "a  b\n", "merges.txt: line 1"),
  ])
  func vocabJSONAndMerges(vocabulary: String, merges: String, subject: String) throws {
    let error = try error(["vocab.json": Data(vocabulary.utf8), "merges.txt": Data(merges.utf8)])
    #expect(error.subject.hasSuffix(subject), "\(error)")
  }

  @Test func vocabTxt() throws {
    for (text, found) in [
      ("", "no token"), ("[PAD]\na\na\n", "'a'"), ("[UNK]\na\n", "[CLS]"), ("[CLS]\n[SEP]\n", "[UNK]"),
    ] {
      let error = try error(["vocab.txt": Data(text.utf8)])
      #expect(error.subject.contains("vocab.txt") && error.found.contains(found), "\(error)")
    }
    #expect(try error(["vocab.txt": Data([0x61, 0xFF])]).found.contains("UTF-8"))
  }

  /// A protobuf field of bytes, and one of a number below 128.
  func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(bytes.count)] + bytes }

  func field(_ number: UInt8, _ value: UInt8) -> [UInt8] { [number << 3, value] }

  func piece(_ text: String, kind: UInt8 = 1) -> [UInt8] { field(1, field(1, Array(text.utf8)) + field(3, kind)) }

  @Test func sentencePieceModels() throws {
    let bpe = field(2, field(3, 2))
    let unknown = piece("<unk>", kind: 2)
    let models: [(model: [UInt8], subject: String, found: String)] = [
      ([], ": pieces", "none"),
      (unknown, "trainer_spec", "none"),
      (unknown + field(2, field(3, 1)), "trainer_spec.model_type", "unigram"),
      (unknown + field(2, []), "trainer_spec.model_type", "unigram"),
      (piece("a") + bpe, ": pieces", "0 of type unknown"),
      (unknown + unknown + bpe, ": pieces", "'<unk>'"),
      (unknown + piece("a", kind: 5) + bpe, "pieces[1].type", "5"),
      (unknown + piece("a", kind: 99) + bpe, "pieces[1].type", "99"),
      (unknown + piece("") + bpe, "pieces[1].piece", "no text"),
      (unknown + field(1, field(1, [0xFF])) + bpe, "pieces[1].piece", "not UTF-8"),
      (unknown + field(1, field(1, [0x61]) + [0x15, 0, 0, 0xC0, 0x7F]) + bpe, "pieces[1].score", "nan"),
      (unknown + field(1, field(1, [0x61]) + [0x15, 0, 0]) + bpe, "pieces[1]", "where 2 are left"),
      (unknown + bpe + field(3, field(2, [1, 2])), "normalizer_spec.precompiled_charsmap", "character map"),
      (unknown + field(2, field(3, 2) + [0x98, 0x02, 0x01]), ": pieces", "0 of <0x00>"),
      (unknown + bpe + field(1, 7), "field 1", "a number"),
      (unknown + bpe + [0x0A, 0x7F], "", "127 bytes where 0 are left"),
      (unknown + bpe + [0x0A] + [UInt8](repeating: 0xFF, count: 9) + [1], "", "18446744073709551615 bytes"),
      (unknown + bpe + [0x08, 0x80], "", "varint"),
      (unknown + bpe + [UInt8](repeating: 0xFF, count: 12), "", "varint"),
      (unknown + bpe + [0x0F], "", "wire type 7"),
      (unknown + bpe + [0x00, 0x00], "", "field number 0"),
    ]
    for (model, subject, found) in models {
      let error = try error(["tokenizer.model": Data(model)])
      #expect(error.subject.contains("tokenizer.model") && error.subject.hasSuffix(subject), "\(error)")
      #expect(error.found.contains(found), "\(error)")
    }
    try withTokenizerFolder(["tokenizer.model": Data(unknown + piece("a") + bpe)]) { folder in
      let ids = try loadTokenizer(directory: folder).encode("a")
      #expect(ids == [0, 1])
    }
  }

  @Test func cutAndDamagedFilesNeverCrash() throws {
    var state: UInt64 = 1
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for (fixture, file) in [
      ("sentence-piece-unk/tokenizer.model", "tokenizer.model"), ("sentence-piece/tokenizer.model", "tokenizer.model"),
      ("word-piece/tokenizer.json", "tokenizer.json"), ("byte-level/tokenizer.json", "tokenizer.json"),
    ] {
      let whole = try tokenizerFixture(fixture)
      var damaged = stride(from: 0, to: whole.count, by: 17).map { whole.prefix($0) }
      for _ in 0..<100 {
        var copy = whole
        for _ in 0...next(3) { copy[next(copy.count)] = UInt8(next(256)) }
        damaged.append(copy)
      }
      for data in damaged {
        try withTokenizerFolder([file: data]) { folder in
          guard let tokenizer = try? loadTokenizer(directory: folder) else { return }
          _ = tokenizer.decode(tokenizer.encode("The film\t🙂 wasn't <s>great"), skipSpecialTokens: false)
        }
      }
    }
  }
}
