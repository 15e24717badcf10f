import TestSupport
import Testing
import Zeroth
import ZerothModels

/// Outputs against references: of the library that made the checkpoints, and of numpy for the options that those lack
/// (Tests/Fixtures/models/make.py).
@Suite struct GoldenTests {
  static let models = [
    "tiny/opt", "tiny/opt-350m-style", "tiny/llama-gqa", "tiny/llama3-tied", "tiny/roberta", "tiny/bert-encoder",
    "stories260K", "imdb-opt", "all-minilm-l6-v2",
  ]

  @Test(.needs("models"), arguments: models)
  func agreesWithTheReference(model name: String) throws { try compare(SharedMaterial.path("models/" + name)) }

  static let fixtures = [
    "opt-options", "opt-bare-shards", "llama-options", "llama-bare-shards", "bert-masked", "bert-bare",
    "roberta-untied",
    "roberta-bare",
  ]

  @Test(arguments: fixtures)
  func agreesWithNumpy(model name: String) throws { try compare(SharedMaterial.fixture("models/" + name)) }

  private func compare(_ directory: String) throws {
    let model = try loadModel(directory: directory)
    let theta = try model.loadParameters()
    let comparison = try model.compare(with: Golden(path: directory + "/golden.json"), at: theta, tokenize: nil)
    #expect(!comparison.checks.isEmpty)
    for check in comparison.checks {
      #expect(check.count > 0 && check.passes, "\(check.name): \(check.largest), allowed \(check.tolerance)")
    }
  }

  static let shapes = [
    (#""attention_mask": [[1, 4611686018427387904, 4611686018427387904]]"#, "attention_mask", "4611686018427387904"),
    (#""attention_mask": [[1, -7, 1]]"#, "attention_mask", "-7"),
    (#""attention_mask": [[1, 0, 1]]"#, "attention_mask", "[1, 0, 1]"),
    (#""attention_mask": [[1, 1]]"#, "attention_mask", "another shape"),
    (#""attention_mask": [[1, 1, 1]], "token_type_ids": []"#, "token_type_ids", "another shape"),
    (#""token_type_ids": [[0, 0, 0]]"#, "attention_mask", "another shape"),
  ]

  @Test(arguments: shapes.indices) func shapesThatDisagreeAreRefused(_ index: Int) throws {
    let (fields, field, found) = Self.shapes[index]
    let folder = try TemporaryFolder()
    let path = try folder.write(
      #"{"kind": "causal", "input_ids": [[3, 4, 5]], "texts": [], \#(fields)}"#, to: "golden.json")
    Defect("", "", field, found).expect(inputError { _ = try Golden(path: path) }, at: path)
  }

  @Test func referencesOfAnotherKindAreRefused() throws {
    let causal = try CausalModel(directory: SharedMaterial.fixture("models/opt-options"))
    let encoder = try EncoderModel(directory: SharedMaterial.fixture("models/bert-masked"))
    let theta = try causal.loadParameters()
    let other = try encoder.loadParameters()
    let ofEncoder = try Golden(path: SharedMaterial.fixture("models/bert-masked/golden.json"))
    let ofCausal = try Golden(path: SharedMaterial.fixture("models/opt-options/golden.json"))
    #expect(throws: InputError.self) { try causal.compare(with: ofEncoder, at: theta) }
    #expect(throws: InputError.self) { try encoder.compare(with: ofCausal, at: other) }
  }
}
