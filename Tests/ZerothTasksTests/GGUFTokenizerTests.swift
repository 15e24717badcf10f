import Foundation
import TestSupport
import Testing
import ZerothModels
import ZerothTasks

/// Tokenizers in GGUF files against those of the folders that the files were made from.
@Suite struct GGUFTokenizerTests {
  private struct Case: Decodable {
    let text: String
    let ids: [Int]
  }

  /// File, tokenizer, and texts whose ids depend on what GGUF does not say: white space that a token takes in, or that
  /// SentencePiece removes.
  static let pairs: [(file: String, tokenizer: String, isLost: @Sendable (String) -> Bool)] = [
    ("qwen2-f16", "qwen2-style", { $0.contains("<|box_start|>") }),
    ("llama-f16", "tok512-sentencepiece", { $0.hasPrefix(" ") || $0.hasSuffix(" ") || $0.contains("  ") }),
  ]

  @Test(.needs("models/gguf", "tokenizers"), arguments: pairs.indices)
  func givesTheIdsOfTheReference(_ index: Int) throws {
    let pair = Self.pairs[index]
    let path = SharedMaterial.path("models/gguf/\(pair.file).gguf")
    let tokenizer = try loadTokenizer(directory: path)
    let golden = SharedMaterial.path("tokenizers/\(pair.tokenizer)/golden.json")
    let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: URL(fileURLWithPath: golden)))
    let known = cases.filter { !pair.isLost($0.text) }
    #expect(known.count >= 20)
    for known in known { #expect(tokenizer.encode(known.text, addSpecialTokens: false) == known.ids, "\(known.text)") }
    // What the metadata amount to, as files of a folder.
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, json) in try GGUFTokenizer.files(of: path) {
      try Data(json.indented.utf8).write(to: folder.appendingPathComponent(name))
    }
    let copy = try loadTokenizer(directory: folder.path)
    for text in cases.map(\.text) {
      let ids = tokenizer.encode(text)
      #expect(copy.encode(text) == ids && copy.decode(ids) == tokenizer.decode(ids))
    }
  }

  @Test(.needs("models/gguf")) func addsTheStartTokenWhereTheFileSaysSo() throws {
    let llama = try loadTokenizer(directory: SharedMaterial.path("models/gguf/llama-f16.gguf"))
    #expect(llama.encode("a", addSpecialTokens: true).first == 1)
    let qwen = try loadTokenizer(directory: SharedMaterial.path("models/gguf/qwen2-f16.gguf"))
    #expect(qwen.encode("a", addSpecialTokens: true) == qwen.encode("a", addSpecialTokens: false))
  }
}
