import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothTasks
import ZerothTestKit

/// The objectives on the model that the package carries, each against the same number by another way.
@Suite(.serialized) final class ObjectiveTests {
  static let folder = SharedMaterial.package.appendingPathComponent("Sources/ZerothResources/Resources/imdb-opt").path
  let model: CausalModel
  let theta: ParameterStore
  let tokenizer: any Tokenizer

  init() throws {
    model = try CausalModel(directory: Self.folder)
    theta = try model.loadParameters()
    tokenizer = try loadTokenizer(directory: Self.folder)
  }

  func encoder(_ task: TextTask) throws -> PromptEncoder {
    let tokenizer = tokenizer
    return try PromptEncoder(task: task, contextLength: model.context) { tokenizer.encode($0, addSpecialTokens: $1) }
  }

  static let sentences: [(String, Int)] = [
    ("a great film .", 1), ("dull and lifeless .", 0), ("the best of the year .", 1), ("an awful mess .", 0),
    ("i loved it .", 0), ("i hated it .", 1),
  ]

  func examples() throws -> [EncodedExample] {
    let encoder = try encoder(.sst2)
    return try Self.sentences.enumerated().map { i, sentence in
      let source = Source(file: "a", line: i + 1)
      return try encoder.encode(Example(fields: ["sentence": sentence.0], label: sentence.1, source: source))
    }
  }

  func sampler(_ count: Int) throws -> BatchSampler { try BatchSampler(count: count, size: count, seed: 1) }

  /// theta + offset D on a copy.
  func moved(_ direction: DenseDirection, _ offset: Float) -> ParameterStore {
    var moved = theta.clone()
    moved.add(direction, scale: offset)
    return moved
  }

  @Test func accuracyIsMinusTheShareOfRightPredictions() throws {
    let examples = try examples()
    let objective = AccuracyObjective(ScoredCandidates(model, examples), try sampler(6))
    #expect(
      try objective.loss(at: theta, on: Batch(step: 0))
        == -(ScoredCandidates(model, examples).classify(at: theta).accuracy))
    let direction = DenseDirection(StreamKey(seed: 5), layout: theta.layout)
    let offsets: Few<Float> = [0.05, -0.05, 0]
    let losses = try objective.losses(along: direction, at: offsets, from: theta, on: Batch(step: 0))
    for (offset, loss) in zip(offsets, losses) {
      let there = moved(direction, offset)
      #expect(try loss == -(ScoredCandidates(model, examples).classify(at: there).accuracy))
      #expect((loss * 6).rounded() == loss * 6 && (-1...0).contains(loss))
    }
    #expect(Set(losses).count > 1, "a large move changes predictions")
  }

  /// With a budget of one row too, in which each example is a micro-batch of its own.
  @Test(arguments: [defaultActivationMemory, 1]) func laws(activationMemory: Int) throws {
    model.activationMemory = activationMemory
    let examples = try examples()
    let sampler = try BatchSampler(count: 6, size: 4, seed: 1)
    let scored = ScoredCandidates(model, examples)
    let sequences = examples.map { LanguageModelingObjective.Sequence($0) }
    let key = StreamKey(seed: 3)
    let dense = (0..<2).map { DenseDirection(key.child(.query, $0), layout: theta.layout) }
    let lowRank = (0..<4).map { i in
      LowRankProbe(rank: 2, leftKey: key.child(.left, i), rightKey: key.child(.right, 0))
    }
    try checkObjectiveLaws(of: ClassificationObjective(scored, sampler), at: theta, along: lowRank, offset: 0.01)
    try checkObjectiveLaws(of: LanguageModelingObjective(model, sequences, sampler), at: theta, along: dense)
    try checkObjectiveLaws(of: AccuracyObjective(scored, sampler), at: theta, along: lowRank, offset: 0.1)
  }

  /// A loss is the same whatever was asked before: no mini-batch stays selected.
  @Test func aLossDependsOnItsMiniBatchAlone() throws {
    let examples = try examples()
    let sampler = try BatchSampler(count: 6, size: 2, seed: 1)
    let questions = (0..<6).map { EncodedQuestion(prompt: [2, 5 + $0], answers: ["a"]) }
    let objectives: [() -> any Objective] = [
      { ClassificationObjective(ScoredCandidates(self.model, examples), sampler) },
      { LanguageModelingObjective(self.model, examples.map { .init($0) }, sampler) },
      { F1Objective(self.model, self.tokenizer, questions, sampler) },
    ]
    let batches = [Batch(step: 1), Batch(step: 0), Batch(step: 1, draw: 1), Batch(step: 1)]
    for make in objectives {
      func losses(_ objective: some Objective) throws -> [Double] {
        try batches.map { try objective.loss(at: theta, on: $0) }
      }
      let oneAfterAnother = try losses(make())
      let alone = try batches.map { batch in
        func loss(_ objective: some Objective) throws -> Double { try objective.loss(at: theta, on: batch) }
        return try loss(make())
      }
      #expect(oneAfterAnother == alone)
    }
  }

  @Test func aLossWithoutNumbersIsNotANumber() throws {
    let nowhere = moved(DenseDirection(StreamKey(seed: 5), layout: theta.layout), .infinity)
    let accuracy = AccuracyObjective(ScoredCandidates(model, try examples()), try sampler(6))
    #expect(try accuracy.loss(at: nowhere, on: Batch(step: 0)).isNaN)
    let f1 = F1Objective(model, tokenizer, [EncodedQuestion(prompt: [2, 5], answers: ["a"])], try sampler(1))
    #expect(try f1.loss(at: nowhere, on: Batch(step: 0)).isNaN)
  }

  @Test func f1IsMinusTheMeanOverGeneratedAnswers() throws {
    let prompt = tokenizer.encode("This film is")
    let tokens = try #require(try model.generateGreedily(prompt, count: 50, at: theta))
    let text = try #require(tokenizer.decode(tokens).split(separator: "\n").first).trimmingCharacters(in: .whitespaces)
    let questions = [
      EncodedQuestion(prompt: prompt, answers: ["no such word", text.uppercased()]),
      EncodedQuestion(prompt: prompt, answers: ["zebra crossing"]),
    ]
    let found = try model.answer(questions, at: theta, tokenizer: tokenizer)
    #expect(found.answers == [text, text] && !text.isEmpty)
    #expect(found.f1 == 0.5 && found.exactMatch == 0.5)
    let objective = F1Objective(model, tokenizer, questions, try sampler(2))
    #expect(try objective.loss(at: theta, on: Batch(step: 0)) == -0.5)
    let direction = DenseDirection(StreamKey(seed: 5), layout: theta.layout)
    let losses = try objective.losses(along: direction, at: [0, 0.05], from: theta, on: Batch(step: 0))
    let there = moved(direction, 0.05)
    #expect(try losses == [-0.5, -(model.answer(questions, at: there, tokenizer: tokenizer).f1)])
  }

  /// Spells three tokens or more with a line end after the second word.
  struct LineEnds: Tokenizer {
    func encode(_ text: String, addSpecialTokens: Bool) -> [Int] { [] }
    func decode(_ ids: [Int], skipSpecialTokens: Bool) -> String {
      #expect(ids.count <= 3, "generation goes on after a line end")
      return ids.count < 3 ? "The one" : "The one two\nthree"
    }
    func id(of token: String) -> Int? { nil }
    func token(of id: Int) -> String? { nil }
    var vocabularySize: Int { 0 }
  }

  @Test func anAnswerEndsAtTheLineEnd() throws {
    let question = EncodedQuestion(prompt: tokenizer.encode("This film is"), answers: ["one two", "three"])
    let found = try model.answer([question], at: theta, tokenizer: LineEnds())
    #expect(found.answers == ["The one two"] && found.f1 == 1 && found.exactMatch == 1)
  }

  /// The end token of config.json, and those of generation_config.json: one of them ends the answer, and is not part of it.
  @Test(arguments: ["\"eos_token_id\": ID", "\"eos_token_id\": [1, ID]", "\"eos_token_id\": null"])
  func anAnswerEndsAtAnEndToken(field: String) throws {
    let prompt = tokenizer.encode("This film is")
    let tokens = try #require(try model.generateGreedily(prompt, count: 8, at: theta))
    let end = try #require(tokens[3...].first { !tokens[..<3].contains($0) })
    try withFolder { folder in
      for name in try FileManager.default.contentsOfDirectory(atPath: Self.folder) {
        try FileManager.default.copyItem(atPath: "\(Self.folder)/\(name)", toPath: "\(folder)/\(name)")
      }
      let text = "{\(field.replacingOccurrences(of: "ID", with: "\(end)"))}"
      try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/generation_config.json"))
      let model = try CausalModel(directory: folder)
      let ends = field.contains("ID")
      #expect(model.endTokens.contains(2) && model.endTokens.contains(end) == ends)
      let found = try model.answer([EncodedQuestion(prompt: prompt, answers: [""])], at: theta, tokenizer: tokenizer)
      let expected = tokenizer.decode(Array(tokens.prefix { $0 != end })).trimmingCharacters(in: .whitespaces)
      #expect(ends ? found.answers == [expected] : found.answers[0].count > expected.count)
    }
  }

  /// -1/n sum log p(token | tokens before it) over the candidate's tokens, from the whole vocabulary's logits.
  @Test func languageModellingCountsTheRightCandidateAlone() throws {
    let example = Example(
      fields: ["premise": "The man fell.", "question": "cause"], choices: ["he ran.", "the film was long."], label: 1,
      source: Source(file: "a", line: 1))
    let encoded = try encoder(.copa).encode(example)
    let objective = LanguageModelingObjective(model, [.init(encoded)], try sampler(1))
    let tokens = encoded.prompt + encoded.candidates[1]
    let rows = Array(encoded.prompt.count - 1..<tokens.count - 1)
    let logits = try model.evaluate(TokenBatch([tokens]), .logits(rows: rows, ids: nil), at: theta)[0]
    var sum = 0.0
    for (i, row) in rows.enumerated() {
      let here = logits[i * model.vocabulary..<(i + 1) * model.vocabulary].map { exp($0) }
      sum -= log(here[tokens[row + 1]] / here.reduce(0, +))
    }
    #expect(abs(try objective.loss(at: theta, on: Batch(step: 0)) - sum / Double(rows.count)) < 1e-4)
  }

  @Test func scoresAreLogProbabilitiesAmongTheCandidates() throws {
    let examples = try examples()
    let found = try ScoredCandidates(model, examples).classify(at: theta)
    for (scores, example) in zip(found.scores, examples) {
      #expect(abs(scores.reduce(0) { $0 + exp($1) } - 1) < 1e-12)
      let ids = example.candidates.map { $0[0] }
      let last = example.prompt.count - 1
      let logits = try model.evaluate(TokenBatch([example.prompt]), .logits(rows: [last], ids: ids), at: theta)[0]
      #expect(abs((scores[1] - scores[0]) - (logits[1] - logits[0])) < 1e-4)
    }
    #expect(abs(found.loss + zip(found.scores, found.labels).reduce(0) { $0 + $1.0[$1.1] } / 6) < 1e-12)
  }

  @Test func objectivesFitTheirTasks() throws {
    for task in TaskRegistry.standard.tasks {
      #expect(try task.objective(nil) == task.objectives[0])
      for objective in TaskObjective.standard where !task.objectives.contains(objective) {
        let error = #expect(throws: InputError.self) { try task.objective(objective) }
        #expect(error?.subject == "task \(task.name): objective" && error?.found == "'\(objective.name)'")
      }
    }
    #expect(TextTask.copa.objectives[0] == .languageModeling && TextTask.drop.objectives[0] == .languageModeling)
    #expect(TextTask.multirc.objectives[0] == .crossEntropy && TextTask.squad.objectives.contains(.f1))
  }
}
