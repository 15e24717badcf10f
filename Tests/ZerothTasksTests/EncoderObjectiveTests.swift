import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothTasks
import ZerothTestKit

@Suite struct EncoderObjectiveTests {
  static let bert = """
    {"model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": 67, "hidden_size": 24,
     "intermediate_size": 52, "num_hidden_layers": 2, "num_attention_heads": 3, "max_position_embeddings": 40}
    """
  let model: EncoderModel
  let sampler: BatchSampler

  init() throws {
    model = try EncoderModel(configuration: ConfigurationFile(parsing: Self.bert, name: "bert"), classes: 2)
    sampler = try BatchSampler(count: 6, size: 4, seed: 3)
  }

  static let sentences = (0..<6).map { i in
    EncodedSentence(tokens: (0..<(i + 2)).map { ($0 * 31 + i * 17) % 67 }, label: i % 2)
  }
  static let masked = sentences.map { sentence in
    EncodedMaskedExample(tokens: sentence.tokens, maskPosition: sentence.tokens.count / 2, label: sentence.label)
  }
  static let words = [12, 5]

  @Test(arguments: [defaultActivationMemory, 1]) func laws(activationMemory: Int) throws {
    model.activationMemory = activationMemory
    var theta = model.randomParameters(StreamKey(seed: 1))
    try model.startLabelHead(of: &theta, from: [[3, 14, 15], [9, 26]])
    let masks = ScoredMasks(model, Self.masked, labelWords: Self.words)
    try checkObjectiveLaws(of: ClassificationObjective(masks, sampler), at: theta)
    try checkObjectiveLaws(of: ClassificationObjective(ScoredSentences(model, Self.sentences), sampler), at: theta)
  }

  /// The mean cross-entropy of a batch, example by example from what the model reads out.
  func expected(
    _ batch: Batch, _ theta: borrowing ParameterStore, _ scores: (Int, borrowing ParameterStore) throws -> [Double]
  ) throws -> Double {
    let chosen = sampler.indices(step: batch.step, draw: batch.draw)
    var sum = 0.0
    for index in chosen {
      let scores = try scores(index, theta)
      sum += log(scores.reduce(0) { $0 + exp($1) }) - scores[Self.sentences[index].label]
    }
    return sum / Double(chosen.count)
  }

  func check<O: Objective>(
    _ objective: O, _ scores: (Int, borrowing ParameterStore) throws -> [Double]
  ) throws where O.Failure == InputError {
    var theta = model.randomParameters(StreamKey(seed: 1))
    try model.startLabelHead(of: &theta, from: [[3, 14, 15], [9, 26]])
    let direction = DenseDirection(StreamKey(seed: 2), layout: model.layout)
    let offsets: Few<Float> = [0.03, -0.03]
    var seen: Set<Double> = []
    for batch in [Batch(step: 0), Batch(step: 1), Batch(step: 1, draw: 1)] {
      let loss = try objective.loss(at: theta, on: batch)
      seen.insert(loss)
      #expect(abs(loss - (try expected(batch, theta, scores))) < 1e-5)
      let losses = try objective.losses(along: direction, at: offsets, from: theta, on: batch)
      for (offset, loss) in zip(offsets, losses) {
        var moved = theta.clone()
        moved.add(direction, scale: offset)
        #expect(abs(loss - (try expected(batch, moved, scores))) < 2e-4)
      }
      #expect(abs(losses[0] - losses[1]) > 1e-3, "the direction has an effect")
    }
    #expect(seen.count > 1, "batches differ")
  }

  @Test func labelHead() throws {
    try check(ClassificationObjective(ScoredSentences(model, Self.sentences), sampler)) { index, theta in
      try model.evaluate(TokenBatch([Self.sentences[index].tokens]), .labelScores, at: theta)[0]
    }
  }

  @Test func labelWordsAtTheMask() throws {
    try check(ClassificationObjective(ScoredMasks(model, Self.masked, labelWords: Self.words), sampler)) {
      index, theta in
      let example = Self.masked[index]
      let logits = try model.evaluate(
        TokenBatch([example.tokens]), .logits(rows: [example.maskPosition], ids: nil), at: theta)[0]
      return Self.words.map { logits[$0] }
    }
  }

  @Test func classifyingCutsIntoPassesWithoutAnEffect() throws {
    let theta = model.randomParameters(StreamKey(seed: 1))
    for tokens in [1, 7, 1024] {
      let masks = ScoredMasks(model, Self.masked, labelWords: Self.words)
      let found = try masks.classify(at: theta, tokensAtOnce: tokens)
      let whole = try masks.classify(at: theta)
      #expect(found.predictions == whole.predictions && found.labels == [0, 1, 0, 1, 0, 1])
      #expect(abs(found.loss - whole.loss) < 1e-6 && found.loss.isFinite)
      #expect(
        try ScoredSentences(model, Self.sentences).classify(at: theta, tokensAtOnce: tokens).labels == [
          0, 1, 0, 1, 0, 1,
        ])
    }
    #expect(try ScoredSentences(model, []).classify(at: theta).predictions.isEmpty)
    let wrong = ScoredSentences(model, [EncodedSentence(tokens: [3], label: 2)])
    #expect(throws: InputError.self) { try wrong.classify(at: theta) }
  }

  /// Minus the share of right predictions, of the same scores.
  @Test func accuracyOfEncoders() throws {
    var theta = model.randomParameters(StreamKey(seed: 1))
    try model.startLabelHead(of: &theta, from: [[3, 14, 15], [9, 26]])
    let all = try BatchSampler(count: 6, size: 6, seed: 3)
    let scored: [any ScoredExamples] = [
      ScoredSentences(model, Self.sentences), ScoredMasks(model, Self.masked, labelWords: Self.words),
    ]
    for examples in scored {
      let accuracy = try examples.classify(at: theta).accuracy
      #expect(try AccuracyObjective(examples, all).loss(at: theta, on: Batch(step: 0)) == -accuracy)
    }
  }

  /// A head of embedded label sentences on the first 1 000 test sentences of SST-2 before any training: 71.2%, as a NumPy
  /// forward pass of the same weights says (72.4% on all 1 821).
  @Test(.needs("models/all-minilm-l6-v2", "data/sst2"))
  func zeroShotOfMiniLM() throws {
    let model = try loadTaskModel(directory: SharedMaterial.path("models/all-minilm-l6-v2"), task: .sst2)
    let theta = try model.loadParameters()
    let test = Array(try TextTask.sst2.examples(at: SharedMaterial.path("data/sst2/test.txt")).prefix(1000))
    guard case .candidates(let found) = try model.encode(test, demonstrations: []).answers(at: theta) else {
      Issue.record("no scored candidates")
      return
    }
    #expect(abs(found.accuracy - 0.712) < 0.002, "\(found.accuracy)")
  }
}
