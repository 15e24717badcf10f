import Foundation
import TestSupport
import Testing
import ZerothModels
import ZerothResources
import ZerothSupport
import func ZerothTasks.loadTokenizer

/// The built tool as a user meets it: one line and status 2 for bad input, and nothing written.
@Suite struct ToolTests {
  func zeroth(_ arguments: [String], input: String = "") throws -> Execution {
    try Execution(Execution.products.appendingPathComponent("zeroth").path, arguments, input: input)
  }

  static let good = ["train", "--model", "imdb-opt", "--task", "sst2", "--k", "4", "--steps", "2", "--test", "10"]

  static let bad: [(arguments: [String], says: String)] = [
    (["train", "--model", "nowhere", "--task", "sst2", "--optimizer", "mezo", "--steps", "1"], "nowhere"),
    (good + ["--optimizer", "adam"], "adam"),
    (good + ["--optimizer", "mezo", "--rank", "2"], "rank"),
    (good + ["--optimizer", "lozo", "--rank", "70000"], "rank"),
    (good + ["--optimizer", "lozo", "--rank", "0"], "rank"),
    (good + ["--optimizer", "mezo", "--epsilon", "-1"], "epsilon"),
    (good + ["--optimizer", "mezo", "--epsilon", "nan"], "epsilon"),
    (good + ["--optimizer", "mezo", "--steps", "ten"], "steps"),
    (good + ["--optimizer", "mezo", "--k", "100000"], "100000"),
    (good + ["--optimizer", "mezo", "--eval-every", "1e300"], "--eval-every: found '1e300', expected an integer"),
    (good + ["--optimizer", "mezo", "--seed", "99999999999999999999"], "--seed: found '99999999999999999999'"),
    (good + ["--optimizer", "mezo", "--task", "sst3"], "sst3"),
    (good + ["--optimizer", "mezo", "--data", "/nonexistent"], "/nonexistent"),
    (good + ["--optimizer", "dizo", "--set", "adapter.blocks=head"], "head"),
    (good + ["--estimator", "rge", "--rule", "lozo-m"], "lozo-m"),
    (good + ["--optimizer", "mezo", "--set", "run.colour=red"], "colour"),
    (good + ["--optimizer", "mezo", "--frobnicate", "1"], "frobnicate"),
    (good + ["--optimizer", "mezo", "--epsilom", "1"], "--epsilon"),
    (good + ["--optimizer", "mezo", "--epsilon"], "Missing value for '--epsilon"),
    (
      good + ["--optimizer", "mezo", "--epsilon=-0.5"],
      "--epsilon: found '-0.5', expected a number or a schedule, above 0"
    ),
    (good + ["--optimizer", "lozo", "--nu", "0"], "--nu: found '0', expected an integer, at least 1"),
    (good + ["--optimizer", "lozo", "--interval", "0"], "--interval: found '0'"),
    (good + ["--rank", "--optimizer", "lozo"], "--rank: found '--optimizer', the next option, expected a value"),
    (good + ["--optimizer", "mezo", "--set"], "--set"),
    (
      good + ["--optimizer", "mezo", "--set", "--rank=3"], "--set: found '--rank=3', the next option, expected a value"
    ),
    (good + ["--optimizer", "mezo", "extra"], "extra"),
    (good + ["--optimizer", "mezo", "--threads", "65"], "--threads: found '65', expected an integer, 1 to 64"),
    (
      ["evaluate", "--model", "imdb-opt", "--task", "sst2", "--threads", "65"],
      "--threads: found 65, expected an integer, 1 to 64"
    ),
    (["demo", "--threads", "65"], "--threads: found 65, expected an integer, 1 to 64"),
    (["bench", "--threads", "65"], "--threads: found 65, expected an integer, 1 to 64"),
    (["generate", "--seed", "1.5"], "--seed: found '1.5', expected an integer"),
    (
      ["generate", "--seed", "99999999999999999999"], "--seed: found '99999999999999999999', expected an integer below"
    ),
    (["generate", "--top-p", "it's"], "--top-p: found 'it's', expected a number"),
    (["bench", "step", "--queries=x"], "--queries: found 'x', expected a number"),
    (["report", "--format", "x"], "one of 'html', 'svg' or 'png'"),
    (["train", "--config", "/nonexistent.toml"], "/nonexistent.toml"),
    (["train", "--resume", "--json"], "--resume: found no --out, expected the run's folder"),
    (good + ["--optimizer", "hizoo", "--set", "estimator.curvature-rate=1"], "at least 0 and below 1"),
    (good + ["--estimator", "hizoo", "--rule", "lozo-m", "--learning-rate", "1"], "lozo-m"),
    (good + ["--optimizer", "mezo", "--generator", "dice"], "dice"),
    (["verify", "--model", "nowhere"], "nowhere"),
    (["diagnose", "--run", "nowhere"], "nowhere/run.json"),
    (["diagnose", "--run", "nowhere", "--rank", "2"], "--rank: found it with --run"),
    (["diagnose", "--run", "nowhere", "--only", "ratio"], "perhaps 'ratios'"),
    (["diagnose", "--run", "nowhere", "--batches", "1"], "--batches"),
    (["diagnose", "--run", "nowhere", "--directions", "0"], "--directions"),
    (["diagnose", "--run", "nowhere", "--every", "0"], "--every"),
    (["diagnose", "--run", "nowhere", "--figures", "/dev/null/f"], "--figures '/dev/null/f'"),
    (
      ["diagnose", "--model", "imdb-opt", "--task", "sst2", "--optimizer", "mezo", "--steps", "1", "--blocks", "head"],
      "head"
    ),
    (
      [
        "diagnose", "--model", "imdb-opt", "--task", "sst2", "--optimizer", "mezo", "--steps", "1", "--objective",
        "accuracy",
      ],
      "no gradient"
    ),
    (["inspect", "--model", "imdb-opt", "--blocks", "heads"], "heads"),
    (["explain", "lozzo"], "lozo"),
    (["explain", "sst"], "perhaps 'sst2', one of rge, "),
    (["explain"], "found no name, expected a name from `zeroth list`"),
    (["explain", "lozo", "--all"], "found 'lozo' and --all"),
    (["explain", "lozo", "--markdown"], "--markdown: found no --all"),
    (["evaluate", "--model", "imdb-opt", "--task", "sst2", "--shots", "-1"], "demonstrations: found -1"),
    (["evaluate", "--model", "imdb-opt", "--task", "sst2", "--split", "all"], "all"),
    (["evaluate", "--model", "imdb-opt", "--task", "trec", "--data", "/nonexistent"], "trec"),
    (["evaluate", "--model", "imdb-opt", "--task", "sst2", "--predictions", "/nonexistent/p.jsonl"], "/nonexistent"),
    (
      good + ["--optimizer", "mezo", "--objective", "f1"], "task sst2: objective: found 'f1', expected 'cross-entropy'"
    ),
    (good + ["--optimizer", "mezo", "--objective", "speed"], "speed"),
    (["tokenize", "--tokenizer", "nowhere", "--json"], "nowhere"),
    (good + ["--optimizer", "mezo", "--chat"], "found no chat template, expected chat_template.jinja"),
    (good + ["--optimizer", "mezo", "--set", "task.chat=perhaps"], "found 'perhaps', expected true or false"),
    (["evaluate", "--model", "imdb-opt", "--task", "sst2", "--chat"], "found no chat template"),
    (["replay", "nowhere", "--out", "x"], "nowhere"),
    (["convert", "--model", "imdb-opt", "--out", "x", "--dtype", "int8"], "--dtype: found 'int8'"),
    (["convert", "--model", "nowhere/model", "--out", "x"], "nowhere/model"),
    (["convert", "--model", "imdb-opt", "--out", "x.gguf"], "--out: found 'x.gguf', expected a folder"),
    (
      good + ["--optimizer", "mezo-lora", "--set", "tuning.target-modules=q_projj"], "'q_projj', no module of the model"
    ),
    (good + ["--optimizer", "mezo-lora", "--set", "tuning.layers=99"], "'query,value' in layers 99, no module"),
    (["convert", "--model", "/tmp", "--out", "/tmp/."], "--out: found the folder of the model"),
    (["compare", "nowhere"], "nowhere: found no run.json in it or below"),
    (["compare", "nowhere", "--json", "--csv"], "format: found --json and --csv, expected one of"),
    (["compare", "nowhere", "--against", "mezo"], "--against: found no --by"),
    (["sweep", "/nonexistent.toml", "--out", "x"], "/nonexistent.toml: found no file that can be read"),
    (["sweep", "/nonexistent.toml", "--out", "x", "--jobs", "0"], "--jobs: found 0, expected 1 to 64"),
    (["frobnicate"], "command: found 'frobnicate', expected one of train, "),
    (["trian", "--model", "imdb-opt"], "command: found 'trian', expected perhaps 'train'"),
    (["evaluate", "--model", "nowhere.gguf", "--task", "sst2"], "nowhere.gguf: found no file of that name"),
    (["bench", "stepp"], "theory or table"),
    (["help", "trian"], "help: found 'trian', expected perhaps 'train'"),
    (["help", "bench", "gem"], "help: found 'gem', expected perhaps 'gemm'"),
  ]

  @Test(arguments: bad.indices)
  func badInputIsOneLineAndStatusTwo(_ index: Int) throws {
    let (arguments, says) = Self.bad[index]
    let folder = NSTemporaryDirectory() + "zeroth-out-\(UUID().uuidString)"
    let takesOut = arguments.first == "train" && !arguments.contains("--resume") && !says.hasPrefix("Missing")
    let out = takesOut && arguments.last != "--set" ? ["--out", folder] : []
    let output = try zeroth(arguments + out)
    #expect(output.status == 2, "\(arguments): \(output.err)")
    #expect(output.err.hasPrefix("zeroth: ") && output.err.contains(says), "\(output.err)")
    #expect(output.err.split(separator: "\n").count == 1, "\(output.err)")
    #expect(output.out.isEmpty)
    #expect(!FileManager.default.fileExists(atPath: folder))
  }

  @Test func aMiniBatchOfAllExamplesIsSaid() throws {
    let note = "run.batch is 64: a mini-batch has all 8 training examples instead"
    #expect(try zeroth(Self.good + ["--optimizer", "mezo", "--batch", "64"]).err.contains(note))
    #expect(try !zeroth(Self.good + ["--optimizer", "mezo", "--batch", "8"]).err.contains("run.batch"))
  }

  /// An adapter that is taken for a model is called what it is, and so are a run's folder and a model that are taken for adapters.
  @Test func foldersAreCalledWhatTheyAre() throws {
    let folder = NSTemporaryDirectory() + "zeroth-adapter-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let trained = try zeroth(Self.good + ["--optimizer", "mezo-lora", "--out", folder])
    #expect(trained.status == 0, "\(trained.err)")
    let evaluate = ["evaluate", "--model", "imdb-opt", "--task", "sst2", "--test", "4"]
    #expect(try zeroth(evaluate + ["--peft", folder + "/model"]).status == 0)
    let base = try Embedded.modelDirectory("imdb-opt")
    let whole = folder + "/whole"
    #expect(try zeroth(Self.good + ["--optimizer", "mezo", "--out", whole]).status == 0)
    for (arguments, says) in [
      (["evaluate", "--model", folder + "/model", "--task", "sst2"], "model: found an adapter in PEFT's format"),
      (evaluate + ["--peft", folder], "found the folder of a run, expected its adapter, \(folder)/model"),
      (evaluate + ["--peft", base], "found a whole model, expected an adapter"),
      (["evaluate", "--model", folder, "--task", "sst2"], "the folder of a run with an adapter, expected the model"),
      (
        ["evaluate", "--model", whole, "--task", "sst2"],
        "found the folder of a run, expected its model, \(whole)/model"
      ),
      (
        ["report", whole, "--out", whole + "/metrics.jsonl"],
        "--out: found '\(whole)/metrics.jsonl', a file of a run that is read"
      ),
    ] {
      let output = try zeroth(arguments)
      #expect(output.status == 2 && output.err.contains(says), "\(output.err)")
    }
  }

  @Test(arguments: [
    ["list"], ["explain", "dizo"], ["explain", "sst2"], ["explain", "run"], ["explain", "--all"],
    ["inspect", "--model", "imdb-opt"], ["verify", "--model", "imdb-opt"],
    ["evaluate", "--model", "imdb-opt", "--task", "sst2", "--test", "40", "--demonstrations", "2"],
    good + ["--optimizer", "lozo"], good + ["--optimizer", "mezo", "--objective", "accuracy"],
    ["explain", "hizoo"], good + ["--optimizer", "zo-svrg", "--set", "estimator.anchor-batches=2"],
    good + ["--estimator", "sparse-mezo", "--rule", "adam", "--learning-rate", "1e-5"],
    good + ["--optimizer", "mezo", "--objective", "language-modeling"],
  ])
  func everyCommandPrintsTextOrJSON(_ arguments: [String]) throws {
    let text = try zeroth(arguments)
    #expect(text.status == 0 && !text.out.isEmpty, "\(text.err)")
    let output = try zeroth(arguments + ["--json"])
    #expect(output.status == 0, "\(output.err)")
    #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(output.out.utf8)) }
  }

  /// bfloat16 rounds, and back in float32 the numbers are those; a float32 copy of half precision says the same as it.
  @Test func convertWritesTheModelInAnotherPrecision() throws {
    try withFolder { folder in
      for (model, dtype) in [
        ("imdb-opt", "float32"), (folder + "/float32", "bfloat16"), (folder + "/bfloat16", "float16"),
      ] {
        let output = try zeroth([
          "convert", "--model", model, "--out", "\(folder)/\(dtype)", "--dtype", dtype, "--json",
        ])
        #expect(output.status == 0 && output.out.contains("\"parameters\": 4274176"), "\(output.err)\(output.out)")
        #expect(FileManager.default.fileExists(atPath: "\(folder)/\(dtype)/tokenizer.json"))
      }
      func weights(_ directory: String) throws -> [Float] {
        let theta = try loadModel(directory: directory).loadParameters()
        return theta.layout.blocks.flatMap { theta.values(of: $0) }
      }
      let original = try weights(Embedded.model())
      let rounded = original.map {
        Float(bitPattern: ($0.bitPattern + 0x7fff + ($0.bitPattern >> 16 & 1)) & 0xffff_0000)
      }
      #expect(try weights(folder + "/float32") == original && weights(folder + "/bfloat16") == rounded)
      let same = try zeroth(["convert", "--model", folder + "/float32", "--out", folder + "/same"])
      #expect(same.status == 0)
      #expect(
        FileManager.default.contentsEqual(
          atPath: folder + "/float32/model.safetensors", andPath: folder + "/same/model.safetensors"))
      // A model takes the place of no other.
      let refused = try zeroth(["convert", "--model", "imdb-opt", "--out", folder + "/same", "--dtype", "float16"])
      #expect(refused.status == 2 && refused.err.contains("with a model in it (config.json)"), "\(refused.err)")
      #expect(try weights(folder + "/same") == original)
    }
  }

  @Test func tokenizeReadsTextsAndPrintsIds() throws {
    let texts = ["The film was great.", "", "é👩🏽‍🚀\u{0}\n\"quoted\"\u{2028}", " two  spaces"]
    let json = String(decoding: try JSONEncoder().encode(texts), as: UTF8.self)
    let tokenize = ["tokenize", "--tokenizer", "imdb-opt", "--json"]
    let ids = try zeroth(tokenize, input: json)
    #expect(ids.status == 0 && ids.err.isEmpty)
    let tokenizer = try loadTokenizer(directory: Embedded.model())
    let expected = texts.map { tokenizer.encode($0, addSpecialTokens: false) }
    #expect(try JSONDecoder().decode([[Int]].self, from: Data(ids.out.utf8)) == expected)
    let back = try zeroth(tokenize + ["--decode"], input: ids.out)
    #expect(try JSONDecoder().decode([String].self, from: Data(back.out.utf8)) == texts)
    let special = try zeroth(tokenize + ["--special-tokens"], input: json)
    #expect(try JSONDecoder().decode([[Int]].self, from: Data(special.out.utf8)) == texts.map { tokenizer.encode($0) })
    let lines = try zeroth(["tokenize", "--tokenizer", "imdb-opt"], input: "The film\n\nwas great\n")
    let words = ["The film", "", "was great"].map { tokenizer.encode($0, addSpecialTokens: false) }
    #expect(lines.out == words.map { $0.map(String.init).joined(separator: " ") }.joined(separator: "\n") + "\n")
    #expect(
      try zeroth(["tokenize", "--tokenizer", "imdb-opt", "--decode"], input: lines.out).out == "The film\n\nwas great\n"
    )
  }

  @Test(arguments: [
    ("99999999", "found the id 99999999, expected 0 to 4095"), ("-5", "found the id -5"), ("5 x", "found 'x'"),
  ])
  func tokenizeRefusesIdsThatAreNone(line: String, says: String) throws {
    let output = try zeroth(["tokenize", "--tokenizer", "imdb-opt", "--decode"], input: "5 6\n\(line)\n")
    #expect(output.status == 2 && output.out.isEmpty)
    #expect(output.err.hasPrefix("zeroth: standard input line 2: ") && output.err.contains(says), "\(output.err)")
  }

  @Test(arguments: [
    ([], "", "expected JSON: a value"), ([], "[\"a\"", "expected JSON: ',' or ']'"),
    ([], "{\"a\": 1}", "a JSON array of texts"),
    ([], "[\"a\", 1]", "element 1: found 1, expected a text"), ([], "[null]", "element 0"), ([], "\"a\"", "array"),
    (["--decode"], "[\"a\"]", "element 0"), (["--decode"], "[[1], [2, \"b\"]]", "element 1[1]"),
    (["--decode"], "[1]", "element 0"), (["--decode"], "[[1.5]]", "element 0[0]"),
  ])
  func tokenizeRefusesWhatIsNoListOfTexts(options: [String], input: String, says: String) throws {
    let output = try zeroth(["tokenize", "--tokenizer", "imdb-opt", "--json"] + options, input: input)
    #expect(output.status == 2 && output.out.isEmpty)
    #expect(output.err.hasPrefix("zeroth: standard input: ") && output.err.contains(says), "\(output.err)")
    #expect(output.err.split(separator: "\n").count == 1)
  }
}
