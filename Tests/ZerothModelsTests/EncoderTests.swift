import Foundation
import Testing
import Zeroth
import ZerothModels
import ZerothTestKit

@Suite struct EncoderTests {
  static let names = MadeModels.encoders.keys.sorted()
  static let cases = names.flatMap { name in EvaluationTests.Kind.allCases.map { (name, $0) } }
  static let sequences = [[3, 14, 15, 9, 26], [5, 35, 8], [9], [7, 9, 3, 23, 8, 46, 26, 43]]
  static let readouts: [EncoderReadout] = [
    .logits(rows: [0, 6, 16], ids: nil), .logits(rows: [2, 8], ids: [3, 60, 3]), .hidden(rows: [1, 8, 9]), .pooled,
    .labelScores,
  ]

  @Test(arguments: cases)
  func displacedEqualsMoved(model name: String, kind: EvaluationTests.Kind) throws {
    let model = try MadeModels.makeEncoder(name, classes: 3)
    let theta = model.randomParameters(StreamKey(seed: 1))
    let direction = EvaluationTests.direction(kind, model.layout)
    let offsets: Few<Float> = [0.02, 0, -0.02]
    for readout in Self.readouts {
      let batch = TokenBatch(Self.sequences)
      let displaced = try model.evaluate(batch, readout, at: theta, along: direction, offsets: offsets)
      for (v, offset) in offsets.enumerated() {
        var moved = theta.clone()
        moved.add(direction, scale: offset)
        let expected = try model.evaluate(batch, readout, at: moved)[0]
        #expect(displaced[v].count == expected.count && !expected.isEmpty)
        let scale = expected.map(abs).max() ?? 1
        let difference = zip(displaced[v], expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(difference < 2e-5 * max(1, scale), "\(readout) at \(offset): \(difference)")
      }
      if kind != .oneBlock { #expect(displaced[0] != displaced[1] && displaced[0] != displaced[2]) }
    }
  }

  @Test(arguments: names) func sameBitsForAnyNumberOfThreads(model name: String) throws {
    let model = try MadeModels.makeEncoder(name, classes: 3)
    let theta = model.randomParameters(StreamKey(seed: 1))
    let direction = EvaluationTests.direction(.gaussian, model.layout)
    for readout in Self.readouts {
      var results: [[[Double]]] = []
      for threads in [1, 2, 3] {
        results.append(
          try withThreads(threads) {
            try model.evaluate(
              TokenBatch(Self.sequences), readout, at: theta, along: direction, offsets: [0.01, -0.01])
          })
      }
      #expect(results[0] == results[1] && results[0] == results[2])
    }
  }

  /// Sequences in one pass do not see each other, and within one every token sees those after it.
  @Test(arguments: names) func attentionStaysWithinASequence(model name: String) throws {
    let model = try MadeModels.makeEncoder(name)
    let theta = model.randomParameters(StreamKey(seed: 1))
    let together = try model.evaluate(TokenBatch(Self.sequences), .pooled, at: theta)[0]
    let apart = try Self.sequences.flatMap { try model.evaluate(TokenBatch([$0]), .pooled, at: theta)[0] }
    #expect(zip(together, apart).allSatisfy { abs($0 - $1) < 1e-5 })
    func first(_ sequence: [Int]) throws -> [Double] {
      try model.evaluate(TokenBatch([sequence]), .hidden(rows: [0]), at: theta)[0]
    }
    #expect(try first([3, 14, 15]) != first([3, 14, 16]))
  }

  @Test func longSequencesSeeAllOfThemselves() throws {
    // More rows than attention takes at once: a token far behind still changes the first.
    let text = MadeModels.encoders["bert"]?.replacingOccurrences(of: ": 40}", with: ": 300}") ?? ""
    let model = try EncoderModel(configuration: ConfigurationFile(parsing: text, name: "long"))
    let theta = model.randomParameters(StreamKey(seed: 1))
    let sequence = (0..<300).map { $0 * 31 % 67 }
    let whole = try model.evaluate(TokenBatch([sequence]), .hidden(rows: [0, 140, 299]), at: theta)[0]
    let other = try model.evaluate(TokenBatch([Array(sequence.dropLast()) + [1]]), .hidden(rows: [0, 140]), at: theta)[
      0]
    #expect(whole[0..<24] != other[0..<24] && whole[24..<48] != other[24..<48])
  }

  @Test func labelHeadStartsFromSentences() throws {
    let model = try MadeModels.makeEncoder("bert", classes: 2)
    var theta = model.randomParameters(StreamKey(seed: 1))
    let labels = [[3, 14, 15], [9, 26, 5, 35]]
    try model.startLabelHead(of: &theta, from: labels)
    let batch = TokenBatch(Self.sequences)
    let pooled = try model.evaluate(batch, .pooled, at: theta)[0]
    let ofLabels = try model.evaluate(TokenBatch(labels), .pooled, at: theta)[0]
    func row(_ values: [Double], _ i: Int) -> ArraySlice<Double> { values[(i * 24)..<((i + 1) * 24)] }
    func dot(_ a: ArraySlice<Double>, _ b: ArraySlice<Double>) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    let scores = try model.evaluate(batch, .labelScores, at: theta)[0]
    #expect(scores.count == 8)
    for (i, score) in scores.enumerated() {
      let (a, b) = (row(pooled, i / 2), row(ofLabels, i % 2))
      #expect(abs(score - 20 * dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()) < 1e-4)
    }
    #expect(throws: InputError.self) { try model.startLabelHead(of: &theta, from: [[3]]) }
  }

  /// Weight decay leaves out blocks of one column. In every family those are the norms and the biases.
  @Test func whatDoesNotDecayIsNormsAndBiases() throws {
    var layouts = try MadeModels.configurations.keys.sorted().map { try MadeModels.make($0).layout }
    for name in Self.names {
      layouts.append(try MadeModels.makeEncoder(name).layout)
      layouts.append(try MadeModels.makeEncoder(name, classes: 2).layout)
    }
    for block in layouts.flatMap(\.blocks) {
      #expect((WeightDecay(0.5).rate(on: block) == 0) == [.norm, .bias].contains(block.role), "\(block.name)")
      #expect(WeightDecay(0.5, excluding: .roles(.norm, .bias)).rate(on: block) == WeightDecay(0.5).rate(on: block))
      #expect(BlockRole.ofModels.contains(block.role))
    }
  }

  @Test(arguments: names) func rolesAndTiedWeights(model name: String) throws {
    let layout = try MadeModels.makeEncoder(name, classes: 2).layout
    let layers = name == "bert" ? 2 : 1
    func count(_ role: BlockRole) -> Int { layout.blocks.filter { $0.role == role }.count }
    for role in [BlockRole.query, .key, .value, .output] { #expect(count(role) == layers) }
    #expect(count(.dense) == 2 * layers + 1, "two a layer, and that of the head")
    #expect(count(.embedding) == 2 && count(.position) == 1)
    #expect(count(.norm) == 2 * (2 * layers + 2) && count(.bias) == 6 * layers + 2)
    #expect(count(.head) == (name == "bert" ? 1 : 2), "RoBERTa's decoder is not tied here")
    #expect(layout["label_head.weight"]?.role == .head)
    let output = try MadeModels.makeEncoder(name).outputBlock
    #expect(output?.name == (name == "bert" ? "bert.embeddings.word_embeddings.weight" : "lm_head.decoder.weight"))
  }

  @Test func savedAndReadBack() throws {
    let folder = ModelFolderTests.Folder()
    let model = try MadeModels.makeEncoder("roberta", classes: 3)
    let theta = model.randomParameters(StreamKey(seed: 5))
    try model.save(theta, to: folder.path)
    let read = try EncoderModel(directory: folder.path)
    let values = try read.loadParameters()
    #expect(read.classes == 3 && read.layout == model.layout)
    for block in model.layout.blocks { #expect(values.values(of: block) == theta.values(of: block)) }
    #expect(throws: InputError.self) { try EncoderModel(directory: folder.path, classes: 2) }
    #expect(throws: InputError.self) { try CausalModel(directory: folder.path) }
    #expect(try loadModel(directory: folder.path) is EncoderModel)
    try folder.edit("config.json", "\"intermediate_size\": 40", "\"intermediate_size\": 41")
    #expect(throws: InputError.self) { try EncoderModel(directory: folder.path) }
  }

  @Test func badInputIsAnError() throws {
    let model = try MadeModels.makeEncoder("roberta")
    let theta = model.randomParameters(StreamKey(seed: 1))
    func refuses(_ batch: TokenBatch, _ readout: EncoderReadout = .pooled) {
      #expect(throws: InputError.self) { try model.evaluate(batch, readout, at: theta) }
    }
    #expect(model.context == 32)
    _ = try model.evaluate(TokenBatch([[Int](repeating: 3, count: 32)]), .pooled, at: theta)
    refuses(TokenBatch([[Int](repeating: 3, count: 33)]))
    refuses(TokenBatch([[71]]))
    refuses(TokenBatch([[3], []]))
    refuses(TokenBatch())
    refuses(TokenBatch([[3]]), .labelScores)
    refuses(TokenBatch([[3]]), .logits(rows: [1], ids: nil))
    refuses(TokenBatch([[3]]), .logits(rows: [0], ids: [71]))
    refuses(TokenBatch([[3]]), .hidden(rows: [-1]))
    var pair = TokenBatch()
    pair.append([3, 4], types: [0, 1])
    refuses(pair)
    let bare = try EncoderModel(
      configuration: ConfigurationFile(parsing: #"{"model_type": "bert", "hidden_size": 24}"#, name: "bare"))
    #expect(!bare.hasMaskedHead)
    #expect(throws: InputError.self) { try MadeModels.makeEncoder("bert", classes: 1) }
    #expect(throws: InputError.self) {
      try EncoderModel(configuration: ConfigurationFile(parsing: #"{"model_type": "opt"}"#, name: "opt"))
    }
  }
}
