import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothSupport

/// A family that another package adds, by what is public alone.
@Suite struct OutsideFamilyTests {
  @Test func aFamilyFromOutside() throws {
    var families = ModelFamilies.standard
    try families.add(
      ModelFamily(decoder: "granite") { c in
        var d = try DecoderDescription(llamaLike: c, DecoderDefaults())
        try d.turn(by: c)
        d.embeddingScale = try c.positiveNumber("embedding_multiplier", default: 1)
        return (d, DecoderTensors())
      })
    let taken = inputError { try families.add(ModelFamily(decoder: "llama") { _ in throw CancellationError() }) }
    #expect(taken?.subject.contains("llama") == true)
    let text = (MadeModels.configurations["llama"] ?? "").replacingOccurrences(of: "llama", with: "granite")
    let scaled = text.replacingOccurrences(of: "{", with: #"{"embedding_multiplier": 1.5, "#)
    func logits(_ text: String, _ families: ModelFamilies) throws -> [Double] {
      let model = try CausalModel(configuration: ConfigurationFile(parsing: text, name: "made"), families: families)
      let theta = model.randomParameters(StreamKey(seed: 1))
      return try model.evaluate(TokenBatch([[3, 4, 5]]), .logits(rows: [2], ids: nil), at: theta)[0]
    }
    let llama = try logits(MadeModels.configurations["llama"] ?? "", .standard)
    #expect(try logits(text, families) == llama)
    #expect(try logits(scaled, families) != llama)
    #expect(inputError { _ = try logits(text, .standard) }?.expected.contains("gpt2") == true)
  }
}
