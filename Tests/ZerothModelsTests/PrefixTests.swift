import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothSupport

@testable import ZerothModels

/// Keys and values of virtual tokens: a fresh prefix is the real tokens that it starts from.
@Suite struct PrefixTests {
  static let count = 3
  static let key = StreamKey(seed: 8)

  /// The tokens that a fresh prefix starts from.
  static func tokens(_ vocabulary: Int) -> [Int] {
    var stream = RandomStream(key)
    return (0..<count).map { _ in stream.below(vocabulary) }
  }

  /// A made model, the same behind a fresh prefix, and the parameters of the latter.
  final class Tuned {
    let plain, model: CausalModel
    let theta: ParameterStore

    init(_ name: String) throws {
      plain = try MadeModels.make(name)
      model = try MadeModels.make(name)
      try model.attach(.fresh(.prefix(tokens: count), key))
      var theta = model.randomParameters(StreamKey(seed: 1))
      try model.startPrefix(&theta)
      self.theta = theta
    }
  }

  @Test(arguments: MadeModels.configurations.keys.sorted())
  func aFreshPrefixEqualsItsTokens(model name: String) throws {
    let made = try Tuned(name)
    let (plain, tuned) = (made.plain, made.model)
    #expect(tuned.context == plain.context - Self.count)
    let front = Self.tokens(plain.vocabulary)
    let base = plain.randomParameters(StreamKey(seed: 1))
    let prompt = [3, 14, 15, 9, 26]
    var batch = TokenBatch()
    var rows = [4]
    batch.append(prompt)
    rows.append(batch.append([5, 35, 8]).rows.upperBound - 1)
    for tail in [[9, 7], [31]] { rows.append(batch.append(tail, after: 0).rows.upperBound - 1) }
    let whole = TokenBatch([prompt, [5, 35, 8], prompt + [9, 7], prompt + [31]].map { front + $0 })
    var end = -1
    let ends = [5, 3, 7, 6].map { length in
      end += Self.count + length
      return end
    }
    let a = try tuned.evaluate(batch, .logits(rows: rows, ids: nil), at: made.theta)[0]
    let b = try plain.evaluate(whole, .logits(rows: ends, ids: nil), at: base)[0]
    let difference = zip(a, b).map { abs($0 - $1) }.max() ?? .infinity
    #expect(difference < 1e-5, "\(difference)")
  }

  @Test(arguments: MadeModels.encoders.keys.sorted()) func aPrefixReachesEveryTokenOfAnEncoder(model name: String)
    throws
  {
    let model = try MadeModels.makeEncoder(name)
    try model.attach(.fresh(.prefix(tokens: Self.count), Self.key))
    var theta = model.randomParameters(StreamKey(seed: 1))
    try model.startPrefix(&theta)
    let prefix = theta.layout.trainable
    #expect(prefix.allSatisfy { $0.role.rawValue.hasPrefix("prefix-") && $0.rows == Self.count } && !prefix.isEmpty)
    for block in prefix { #expect(theta.values(of: block).contains { $0 != 0 }) }
    let batch = TokenBatch([[3, 14, 15], [9, 26]])
    let before = try model.evaluate(batch, .hidden(rows: [0, 2, 4]), at: theta)[0]
    var moved = theta.clone()
    moved.add(DenseDirection(StreamKey(seed: 2), layout: theta.layout), scale: 0.5)
    let after = try model.evaluate(batch, .hidden(rows: [0, 2, 4]), at: moved)[0]
    let displaced = try model.evaluate(
      batch, .hidden(rows: [0, 2, 4]), at: theta, along: DenseDirection(StreamKey(seed: 2), layout: theta.layout),
      offsets: [0.5])[0]
    for row in 0..<3 {
      let range = (row * model.width)..<((row + 1) * model.width)
      #expect(zip(before[range], after[range]).contains { abs($0 - $1) > 1e-4 })
    }
    #expect(zip(displaced, after).allSatisfy { abs($0 - $1) < 1e-4 })
  }

  @Test(arguments: ["llama", "gpt2", "gemma2"], EvaluationTests.Kind.allCases.filter { $0 != .oneBlock })
  func displacedEqualsMoved(model name: String, kind: EvaluationTests.Kind) throws {
    let made = try Tuned(name)
    let tuned = made.model
    let direction = EvaluationTests.direction(kind, made.theta.layout)
    for batch in [MadeModels.batch(vocabulary: tuned.vocabulary), TokenBatch([[Int](repeating: 4, count: 35), [6]])] {
      let offsets: Few<Float> = [0.02, 0, -0.02]
      let displaced = try tuned.evaluate(
        batch, .logits(rows: [4, 16, batch.tokens.count - 1], ids: nil), at: made.theta, along: direction,
        offsets: offsets)
      for (v, offset) in offsets.enumerated() {
        var moved = made.theta.clone()
        if offset != 0 { moved.add(direction, scale: offset) }
        let expected = try tuned.evaluate(batch, .logits(rows: [4, 16, batch.tokens.count - 1], ids: nil), at: moved)[0]
        #expect(zip(displaced[v], expected).allSatisfy { abs($0 - $1) < 1e-4 })
      }
      #expect(displaced[0] != displaced[1])
    }
  }

  @Test(arguments: ["llama", "gpt2", "mistral", "phi3"]) func generatesFromTheCacheAsInWholePasses(model name: String)
    throws
  {
    let made = try Tuned(name)
    let tuned = made.model
    let prompts = [[3, 14, 15, 9, 26], [5]]
    for (prompt, generated) in zip(prompts, try tuned.generateGreedily(prompts, count: 12, at: made.theta)) {
      var tokens = prompt
      for _ in 0..<12 {
        let logits = try tuned.evaluate(
          TokenBatch([tokens]), .logits(rows: [tokens.count - 1], ids: nil), at: made.theta)[0]
        tokens.append(logits.firstIndex(of: logits.max() ?? 0) ?? 0)
      }
      #expect(generated == Array(tokens.dropFirst(prompt.count)))
    }
  }

  @Test func isWrittenAndReadInPEFTsShape() throws {
    let scratch = try Scratch()
    let made = try MadeModels.make("llama")
    try made.save(made.randomParameters(StreamKey(seed: 3)), to: scratch.path + "/base")
    let model = try CausalModel(directory: scratch.path + "/base")
    try model.attach(.fresh(.prefix(tokens: 5), Self.key))
    let theta = try model.loadParameters()
    try model.save(theta, to: scratch.path + "/adapter")
    let file = try SafetensorsFile(path: scratch.path + "/adapter/adapter_model.safetensors")
    // Two layers with two key heads of width 8.
    #expect(file.names == ["prompt_embeddings"] && file.tensors["prompt_embeddings"]?.shape == [5, 2 * 2 * 16])
    let read = try CausalModel(directory: scratch.path + "/base")
    try read.attach(PEFTAdapter(directory: scratch.path + "/adapter"))
    #expect(try read.loadParameters().contentHash() == theta.contentHash())
    let merged = #expect(throws: InputError.self) {
      try read.folder.saveMerged(read.loadFrozenParameters(), to: scratch.path + "/merged")
    }
    #expect("\(merged.map { "\($0)" } ?? "")".contains("virtual tokens"))
    let full = try CausalModel(directory: scratch.path + "/base")
    #expect(throws: InputError.self) { try full.attach(.fresh(.prefix(tokens: 40), Self.key)) }
  }
}
