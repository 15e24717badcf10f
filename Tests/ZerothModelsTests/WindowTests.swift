import Testing
import Zeroth
import ZerothModels

/// Sliding windows in sequences of more rows than attention takes at once.
@Suite struct WindowTests {
  static let count = 300

  private func model() throws -> CausalModel {
    let text = """
      {"model_type": "mistral", "vocab_size": 89, "hidden_size": 32, "intermediate_size": 44, "num_hidden_layers": 2,
       "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 400, "sliding_window": 7}
      """
    return try CausalModel(configuration: ConfigurationFile(parsing: text, name: "mistral"))
  }

  private func logits(_ batch: TokenBatch, rows: [Int], _ model: CausalModel) throws -> [Double] {
    try model.evaluate(batch, .logits(rows: rows, ids: nil), at: model.randomParameters(StreamKey(seed: 2)))[0]
  }

  private let tokens = (0..<count).map { $0 * 31 % 89 }

  /// With two layers a token depends on the thirteen up to itself, wherever they stand: positions count by their distance.
  @Test func aTokenSeesItsWindowsAlone() throws {
    let model = try model()
    for end in [20, 128, 129, 200, Self.count] {
      let whole = try logits(TokenBatch([tokens]), rows: [end - 1], model)
      let alone = try logits(TokenBatch([Array(tokens[(end - 13)..<end])]), rows: [12], model)
      #expect(zip(whole, alone).allSatisfy { abs($0 - $1) < 1e-5 }, "the thirteen tokens before \(end)")
      var changed = tokens
      changed[end - 14] = 1
      let other = try logits(TokenBatch([changed]), rows: [end - 1], model)
      #expect(whole == other, "the token before them")
      changed[end - 13] = 1
      #expect(try logits(TokenBatch([changed]), rows: [end - 1], model) != whole, "the first of them")
    }
  }

  /// What continues a sequence sees the end of it through its windows.
  @Test func windowsReachIntoWhatASegmentContinues() throws {
    let model = try model()
    for cut in [3, 100, 150, 295] {
      let whole = try logits(TokenBatch([tokens]), rows: [cut, Self.count - 1], model)
      var batch = TokenBatch()
      batch.append(Array(tokens[..<cut]))
      batch.append(Array(tokens[cut...]), after: 0)
      let continued = try logits(batch, rows: [cut, Self.count - 1], model)
      #expect(zip(whole, continued).allSatisfy { abs($0 - $1) < 1e-5 }, "cut at \(cut)")
    }
  }
}
