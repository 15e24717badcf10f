import TestSupport
import Testing
import Zeroth
import ZerothModels

/// Generation from cached keys and values against whole passes for every token.
@Suite struct GenerationTests {
  static let names = MadeModels.configurations.keys.sorted()
  static let prompts = [[3, 14, 15, 9, 26], [5], [35, 8, 9, 7, 9, 3, 23, 8], [46, 26]]

  func uncached(_ model: CausalModel, _ prompt: [Int], _ count: Int, _ theta: borrowing ParameterStore) throws -> [Int]
  {
    var tokens = prompt
    while tokens.count < min(prompt.count + count, model.context) {
      let logits = try model.evaluate(TokenBatch([tokens]), .logits(rows: [tokens.count - 1], ids: nil), at: theta)[0]
      tokens.append(logits.firstIndex(of: logits.max() ?? 0) ?? 0)
    }
    return Array(tokens.dropFirst(prompt.count))
  }

  func parameters(_ model: CausalModel) -> ParameterStore {
    // Large enough that what is generated depends on all of the text.
    var theta = model.randomParameters(StreamKey(seed: 1))
    theta.add(DenseDirection(StreamKey(seed: 2), layout: model.layout), scale: 0.3)
    return theta
  }

  @Test(arguments: names) func equalsWholePasses(model name: String) throws {
    let model = try MadeModels.make(name)
    let theta = parameters(model)
    let expected = try Self.prompts.map { try uncached(model, $0, 20, theta) }
    #expect(Set(expected.joined()).count > 5, "the texts vary")
    #expect(try model.generateGreedily(Self.prompts, count: 20, at: theta) == expected)
    #expect(try model.generateGreedily(Self.prompts, count: 20, at: theta, tokensAtOnce: 30) == expected)
    #expect(try model.generateGreedily(Self.prompts[2], count: 20, at: theta) == expected[2])
  }

  @Test(.needs("models"), arguments: ["tiny/llama-gqa", "tiny/llama3-tied", "stories260K"])
  func equalsWholePassesOfCheckpoints(model path: String) throws {
    let model = try CausalModel(directory: SharedMaterial.path("models/" + path))
    let theta = try model.loadParameters()
    let expected = try Self.prompts.map { try uncached(model, $0, 30, theta) }
    #expect(try model.generateGreedily(Self.prompts, count: 30, at: theta) == expected)
  }

  /// A token alone meets quantised weights otherwise than a whole sequence does.
  @Test(
    .needs("models/gguf"),
    arguments: ["f16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k_m", "q4_k_m", "q5_k_s", "q6_k", "iq4_nl"])
  func equalsWholePassesOfQuantised(type: String) throws {
    let model = try CausalModel(directory: SharedMaterial.path("models/gguf/llama-\(type).gguf"))
    let theta = try model.loadFrozenParameters()
    let expected = try Self.prompts.map { try uncached(model, $0, 16, theta) }
    for (prompt, expected) in zip(Self.prompts, expected) {
      #expect(try model.generateGreedily(prompt, count: 16, at: theta) == expected)
    }
  }

  @Test(arguments: names) func endsWhereItIsTold(model name: String) throws {
    let model = try MadeModels.make(name)
    let theta = parameters(model)
    let whole = try Self.prompts.map { try uncached(model, $0, 100, theta) }
    #expect(whole.map(\.count) == Self.prompts.map { 40 - $0.count }, "up to the context")
    #expect(try model.generateGreedily(Self.prompts, count: 100, at: theta) == whole)
    // Each prompt ends on its own, after one that the others do not have to share.
    let stops = whole.map { $0[2] }
    let stopped = try model.generateGreedily(Self.prompts, count: 100, at: theta) {
      $0.last.map(stops.contains) ?? false
    }
    for (tokens, whole) in zip(stopped, whole) {
      #expect(tokens == Array(whole.prefix((whole.firstIndex(where: stops.contains) ?? 0) + 1)))
    }
    #expect(try model.generateGreedily(Self.prompts, count: 0, at: theta) == [[], [], [], []])
    let full = [Int](repeating: 3, count: 40)
    #expect(try model.generateGreedily([full, [3]], count: 1, at: theta).map { $0?.count } == [0, 1])
  }

  @Test func badPromptsAreErrors() throws {
    let model = try MadeModels.make("opt")
    let theta = parameters(model)
    for prompt in [[], [101], [-1], [Int](repeating: 3, count: 41)] {
      #expect(throws: InputError.self) { try model.generateGreedily(prompt, count: 3, at: theta) }
    }
    #expect(try model.generateGreedily([[Int]](), count: 3, at: theta) == [])
  }
}
