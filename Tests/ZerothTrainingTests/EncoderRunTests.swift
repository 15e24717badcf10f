import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothResources
import ZerothTasks
import ZerothTestKit

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// Whole runs of a few steps on masked models and encoders: trained, recorded, replayed, reloaded.
@Suite(.serialized) struct EncoderRunTests {
  /// A folder of a small model with a WordPiece vocabulary that holds the label words.
  static func folder(_ kind: String, _ scratch: Scratch) throws -> String {
    let folder = "\(scratch.path)/\(kind.replacingOccurrences(of: "/", with: "-"))"
    var size = 120
    if kind.hasPrefix("tiny/") {
      try FileManager.default.copyItem(atPath: SharedMaterial.path("models/\(kind)"), toPath: folder)
      size = kind == "tiny/roberta" ? 131 : 120
    } else {
      let head = kind == "masked" ? "BertForMaskedLM" : "BertModel"
      let configuration = """
        {"model_type": "bert", "architectures": ["\(head)"], "vocab_size": \(size), "hidden_size": 24,
         "intermediate_size": 52, "num_hidden_layers": 2, "num_attention_heads": 3, "max_position_embeddings": 40}
        """
      let model = try EncoderModel(configuration: ConfigurationFile(parsing: configuration, name: kind))
      try model.save(model.randomParameters(StreamKey(seed: 5)), to: folder)
    }
    try vocabulary(of: size, in: folder)
    return folder
  }

  static func vocabulary(of size: Int, in folder: String) throws {
    let letters = "abcdefghijklmnopqrstuvwxyz".map(String.init)
    let words =
      ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", "?", ":"]
      + ["terrible", "bad", "okay", "good", "great", "yes", "no", "maybe", "it", "was", "the", "answer", "is", "film"]
      + ["description", "entity", "expression", "human", "location", "number"]
      + letters + letters.map { "##" + $0 }
    let unused = (0..<size).map { "[unused\($0)]" }
    let text = (words + unused).prefix(size).map { $0 + "\n" }.joined()
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/vocab.txt"))
  }

  /// Sentences for and against, in words of the vocabulary.
  static func sentences(_ scratch: Scratch) throws -> String {
    let rows = (0..<48).map { i in
      let letter = String(UnicodeScalar(UInt8(97 + i % 24)))
      return "the film \(letter) was \(i % 2 == 0 ? "bad" : "good") \(letter)\(i)\t\(i % 2)"
    }
    return try scratch.write(["sentence\tlabel"] + rows, to: "sentences.tsv")
  }

  func configuration(
    _ model: String, task: [String: OptionValue], optimizer: String = "mezo", steps: Int = 4, seed: Int = 3,
    out: String
  ) throws -> RunConfiguration {
    try RunConfiguration(
      Settings([
        "model": ["path": .string(model)], "task": task,
        "run": [
          "optimizer": .string(optimizer), "steps": .int(steps), "batch": 8, "seed": .int(seed), "eval-every": 1,
          "out": .string(out),
        ],
        "estimator": ["epsilon": 1e-2], "rule": ["learning-rate": 1e-2],
      ]))
  }

  func bytes(_ path: String) throws -> Data { try #require(FileManager.default.contents(atPath: path)) }

  /// Runs it; the replay gives the kept model bit for bit, and the reloaded models answer as those of the run did.
  @discardableResult
  func train(_ configuration: RunConfiguration, _ scratch: Scratch, label: String) throws -> RunResult {
    let files = RunFiles(try #require(configuration.out))
    let base = try TaskSetup(configuration)
    let result = try TrainingRun(configuration, base).run()
    #expect(result.steps == configuration.steps && result.skipped == 0 && !result.isCutShort, "\(label)")

    let kept = try ReplayedRun(files.folder, modelPath: nil, out: "\(scratch.path)/kept-\(label)")
    #expect(kept.steps == result.bestStep)
    #expect(try bytes("\(scratch.path)/kept-\(label)/model.safetensors") == bytes(files.model + "/model.safetensors"))

    let end = try ReplayedRun(files.folder, modelPath: nil, out: "\(scratch.path)/end-\(label)", step: result.steps)
    let start = try base.model.loadParameters().contentHash()
    #expect(end.weights != start, "the weights have moved")
    for (folder, scores) in [(files.model, result.best), ("\(scratch.path)/end-\(label)", result.final)] {
      let again = try TaskSetup(
        modelPath: folder, task: configuration.task, data: configuration.data, testData: configuration.testData,
        size: size(configuration), testCount: configuration.testCount, seed: UInt64(configuration.splitSeed))
      #expect(try again.evaluate(.test, at: again.model.loadParameters()).scores == scores, "\(label): \(folder)")
    }
    return result
  }

  func size(_ configuration: RunConfiguration) -> SplitSize {
    switch configuration.sample {
    case .perClass(let k): .perClass(k)
    case .total(let train, let dev): .total(train: train, dev: dev)
    }
  }

  func losses(_ configuration: RunConfiguration) throws -> [Double] {
    try Metrics.read(RunFiles(try #require(configuration.out)).metrics).flatMap { row in
      if case .step(let step) = row { step.losses } else { [Double]() }
    }
  }

  @Test(arguments: ["masked", "encoder"], ["mezo", "lozo", "lozo-m", "dizo"])
  func everyOptimizer(kind: String, optimizer: String) throws {
    let scratch = try Scratch()
    let configuration = try configuration(
      Self.folder(kind, scratch), task: ["name": "sst2", "data": .string(Self.sentences(scratch)), "k": 8, "test": 12],
      optimizer: optimizer, out: scratch.path + "/run")
    try train(configuration, scratch, label: optimizer)
    let stored = try #require(try loadModel(directory: scratch.path + "/run/model") as? EncoderModel)
    #expect(stored.classes == (kind == "masked" ? 0 : 2) && stored.hasMaskedHead == (kind == "masked"))
  }

  @Test(arguments: ["masked", "encoder"])
  func minusAccuracy(kind: String) throws {
    let scratch = try Scratch()
    let configuration = try configuration(
      Self.folder(kind, scratch),
      task: [
        "name": "sst2", "data": .string(Self.sentences(scratch)), "k": 8, "test": 12, "objective": "accuracy",
      ], out: scratch.path + "/run")
    let result = try TrainingRun(configuration).run()
    #expect(result.steps == 4)
    #expect(try losses(configuration).allSatisfy { (-1...0).contains($0) && ($0 * 8).rounded() == $0 * 8 })
  }

  /// The small checkpoints of the reference library, on the five draws of 16 examples a class.
  @Test(
    .needs("models/tiny", "data/k-shot"),
    arguments: ["tiny/roberta", "tiny/bert-encoder"],
    [("sst2", "SST-2", ""), ("trec", "trec", ""), ("snli", "SNLI", "snli")]
  )
  func smallCheckpointsOnKShot(kind: String, task: (name: String, folder: String, test: String)) throws {
    let scratch = try Scratch()
    let model = try Self.folder(kind, scratch)
    for seed in [13, 21, 42, 87, 100] {
      var options: [String: OptionValue] = [
        "name": .string(task.name), "k": 16, "test": 20,
        "data": .string(SharedMaterial.path("data/k-shot/\(task.folder)/16-\(seed)")),
      ]
      if !task.test.isEmpty { options["test-data"] = .string(SharedMaterial.path("data/\(task.test)")) }
      let configuration = try configuration(
        model, task: options, optimizer: "lozo", steps: 2, seed: seed, out: "\(scratch.path)/\(seed)")
      try train(configuration, scratch, label: "\(seed)")
    }
  }

  /// RoBERTa's own tokenizer around a made model: its label words are tokens that begin with a space.
  @Test(
    .needs("tokenizers/opt-roberta", "data/k-shot"),
    arguments: [
      ("sst2", "SST-2", ""), ("sst5", "sst-5", ""), ("trec", "trec", ""), ("rte", "RTE", ""), ("snli", "SNLI", "snli"),
      ("mnli", "MNLI", "mnli"),
    ])
  func everyMaskedTask(task: (name: String, folder: String, test: String)) throws {
    let scratch = try Scratch()
    let folder = scratch.path + "/roberta"
    let configuration = """
      {"model_type": "roberta", "architectures": ["RobertaForMaskedLM"], "vocab_size": 50265, "hidden_size": 8,
       "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 300,
       "type_vocab_size": 1, "pad_token_id": 1}
      """
    let made = try EncoderModel(configuration: ConfigurationFile(parsing: configuration, name: "roberta"))
    try made.save(made.randomParameters(StreamKey(seed: 5)), to: folder)
    for name in ["vocab.json", "merges.txt"] {
      try FileManager.default.copyItem(
        atPath: SharedMaterial.path("tokenizers/opt-roberta/\(name)"), toPath: "\(folder)/\(name)")
    }
    var options: [String: OptionValue] = [
      "name": .string(task.name), "k": 16, "test": 10,
      "data": .string(SharedMaterial.path("data/k-shot/\(task.folder)/16-13")),
    ]
    if !task.test.isEmpty { options["test-data"] = .string(SharedMaterial.path("data/\(task.test)")) }
    try train(
      self.configuration(folder, task: options, steps: 2, out: scratch.path + "/run"), scratch, label: task.name)
  }

  /// Before any training the model has 74.1% on 1 000 test sentences of SST-2. LOZO and MeZO go on from there. On 100 sentences
  /// that has a standard deviation of 4.4%: 60% is three below it, and two above chance.
  @Test(
    .needs("models/all-minilm-l6-v2", "data/sst2"),
    arguments: ["mezo", "lozo"])
  func miniLM(optimizer: String) throws {
    let scratch = try Scratch()
    let configuration = try configuration(
      SharedMaterial.path("models/all-minilm-l6-v2"),
      task: ["name": "sst2", "data": .string(SharedMaterial.path("data/sst2")), "k": 16, "test": 100],
      optimizer: optimizer, steps: 2, out: scratch.path + "/run")
    let result = try train(configuration, scratch, label: optimizer)
    #expect(result.zeroShot.main > 0.6)
  }

  /// A checkpoint's own classifier is asked, trained and saved; its classes are told by their names.
  @Test(arguments: ["bert", "roberta"], [["POSITIVE", "NEGATIVE"], ["LABEL_0", "LABEL_1"]])
  func aClassifierOfItsOwn(type: String, labels: [String]) throws {
    let scratch = try Scratch()
    let folder = scratch.path + "/classifier"
    let architecture = type == "bert" ? "BertForSequenceClassification" : "RobertaForSequenceClassification"
    let text = """
      {"model_type": "\(type)", "architectures": ["\(architecture)"], "vocab_size": 120, "hidden_size": 24,
       "intermediate_size": 52, "num_hidden_layers": 2, "num_attention_heads": 3, "max_position_embeddings": 60,
       "id2label": {"0": "\(labels[0])", "1": "\(labels[1])"}, "pad_token_id": 0}
      """
    let made = try EncoderModel(configuration: ConfigurationFile(parsing: text, name: type))
    #expect(made.classifierLabels == labels && made.classes == 0 && !made.hasMaskedHead)
    try made.save(made.randomParameters(StreamKey(seed: 5)), to: folder)
    try Self.vocabulary(of: 120, in: folder)
    let data = try Self.sentences(scratch)
    try train(
      configuration(
        folder, task: ["name": "sst2", "data": .string(data), "k": 8, "test": 12], out: scratch.path + "/run"),
      scratch, label: "classifier")
    let tuned = try #require(try loadModel(directory: scratch.path + "/run/model") as? EncoderModel)
    let name = type == "bert" ? "classifier.weight" : "classifier.out_proj.weight"
    #expect(tuned.classifierLabels == labels && tuned.layout[name]?.role == .head)

    // The scores are the classifier's, each for the class of its name.
    let setup = try TaskSetup(modelPath: folder, task: .sst2, data: data, size: .perClass(8), testCount: 12, seed: 3)
    #expect(setup.notes.contains { $0.contains(labels[0] == "LABEL_0" ? "by their order" : "by their names") })
    let theta = try setup.model.loadParameters()
    guard case .candidates(let found) = try setup.evaluate(.test, at: theta).answers else {
      Issue.record("no candidates")
      return
    }
    let sentence = setup.examples(.test)[0]["sentence"]
    let tokens = setup.model.tokenizer.encode(sentence, addSpecialTokens: true)
    let scores = try made.evaluate(TokenBatch([tokens]), .labelScores, at: theta)[0]
    let difference = labels[0] == "POSITIVE" ? scores[0] - scores[1] : scores[1] - scores[0]
    #expect(abs(found.scores[0][1] - found.scores[0][0] - difference) < 1e-5 && abs(difference) > 1e-4)

    let classes = try #require(throws: InputError.self) { try loadTaskModel(directory: folder, task: .trec) }
    #expect(classes.found == "a classifier of 2 classes" && classes.expected == "one of 6")
  }

  /// The label head is the same for any number of threads, so that a run can be replayed with another.
  @Test func theLabelHeadDoesNotDependOnThreads() throws {
    let scratch = try Scratch()
    let model = try loadTaskModel(directory: Self.folder("encoder", scratch), task: .trec)
    let hashes = try [1, 2, 3].map { count in
      try withThreads(count) { try model.loadParameters().contentHash() }
    }
    #expect(Set(hashes).count == 1)
  }

  /// All classes are equally likely before the first step, and the head moves from zero.
  @Test func aZeroLabelHeadIsTrained() throws {
    let scratch = try Scratch()
    let model = try Self.folder("encoder", scratch)
    let data = try Self.sentences(scratch)
    let task: [String: OptionValue] = ["name": "sst2", "data": .string(data), "train": 16, "dev": 8, "test": 8]
    var settings = try Settings([
      "model": ["path": .string(model), "label-head": "zero"], "task": task,
      "run": ["optimizer": "mezo", "steps": 3, "out": .string(scratch.path + "/run")],
    ])
    try settings.set("rule.learning-rate=1e-3")
    _ = try train(RunConfiguration(settings), scratch, label: "zero")
    let losses = try Metrics.read(scratch.path + "/run/metrics.jsonl").compactMap { row -> Double? in
      if case .evaluation(let row) = row, row.step == 0 { row.loss } else { nil }
    }
    #expect(!losses.isEmpty && losses.allSatisfy { abs($0 - log(2)) < 1e-6 })
    let tuned = try EncoderModel(directory: scratch.path + "/end-zero")
    let head = try #require(tuned.layout[EncoderModel.labelHeadName])
    #expect(try tuned.loadParameters().values(of: head).contains { $0 != 0 })
  }

  /// Where no label head is made, there is nothing that the option could start.
  @Test func aLabelHeadThatIsNotMadeCannotBeStarted() throws {
    let scratch = try Scratch()
    let (masked, encoder) = (try Self.folder("masked", scratch), try Self.folder("encoder", scratch))
    let model = try loadTaskModel(directory: encoder, task: .sst2)
    let tuned = scratch.path + "/tuned"
    try model.pretrained.save(model.loadParameters(), to: tuned)
    for (folder, found) in [(masked, "a masked model"), (tuned, "a checkpoint with its label head")] {
      let model = try loadTaskModel(directory: folder, task: .sst2)
      let error = try #require(throws: InputError.self) { try model.loadParameters(labelHead: .zero).layout }
      #expect(error.subject == "\(folder) on task sst2: label-head" && error.found == "'zero' for \(found)")
    }
  }

  /// What a model cannot be asked ends in an error that names it and the task, before data are read.
  @Test func whatDoesNotFitIsRefused() throws {
    let scratch = try Scratch()
    let (masked, encoder) = (try Self.folder("masked", scratch), try Self.folder("encoder", scratch))
    let unworded = TextTask(
      name: "unworded", summary: "", columns: [["text"]], classes: TextTask.sst2.classes,
      masked: { MaskedPrompt($0["text"], "") })
    let misfits: [(String, TextTask, String)] = [
      (masked, .cb, "a masked model"), (masked, .copa, "a masked model"), (masked, .squad, "a masked model"),
      (encoder, .boolq, "an encoder without a masked-LM head"), (encoder, .drop, "an encoder without a masked-LM head"),
      (encoder, unworded, "an encoder without a masked-LM head"), ("imdb-opt", .trec, "a causal model"),
    ]
    for (model, task, found) in misfits {
      let error = try #require(throws: InputError.self) {
        try TaskSetup(modelPath: model, task: task, data: "/nonexistent", seed: 1)
      }
      #expect(error.subject.hasSuffix("on task \(task.name)") && error.subject.contains(model), "\(error)")
      #expect(error.found.hasPrefix(found + ", and no"), "\(error)")
    }
    let data = try Self.sentences(scratch)
    for (model, kind) in [(masked, "a masked model"), (encoder, "an encoder with a label head")] {
      let shots = try #require(throws: InputError.self) {
        try TaskSetup(modelPath: model, task: .sst2, data: data, seed: 1, demonstrations: 2)
      }
      #expect(shots.subject == "\(model) on task sst2: demonstrations" && shots.found == "2 for \(kind)")
      let objective = try #require(throws: InputError.self) {
        try TaskSetup(modelPath: model, task: .sst2, objective: .languageModeling, data: data, seed: 1)
      }
      #expect(objective.subject == "\(model) on task sst2: objective" && objective.expected.hasSuffix("for \(kind)"))
    }
  }

  @Test func aLabelHeadOfOtherClassesAndATokenizerWithoutMaskAreRefused() throws {
    let scratch = try Scratch()
    let encoder = try Self.folder("encoder", scratch)
    let model = try loadTaskModel(directory: encoder, task: .sst2)
    let tuned = scratch.path + "/tuned"
    try model.pretrained.save(model.loadParameters(), to: tuned)
    let classes = try #require(throws: InputError.self) { try loadTaskModel(directory: tuned, task: .trec) }
    #expect(classes.subject == "\(tuned) on task trec" && classes.found == "a label head of 2 classes")
    let masked = try Self.folder("masked", scratch)
    let words = try String(contentsOfFile: masked + "/vocab.txt", encoding: .utf8)
    try Data(words.replacingOccurrences(of: "[MASK]", with: "[M]").utf8).write(
      to: URL(fileURLWithPath: masked + "/vocab.txt"))
    let mask = try #require(throws: InputError.self) { try loadTaskModel(directory: masked, task: .sst2) }
    #expect(mask.found == "no mask token")
  }
}
