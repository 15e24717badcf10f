import TestSupport
import Testing
import Zeroth

@testable import ZerothModels

/// Outputs against references: of the library that made the checkpoints, and of numpy for the options that those lack
/// (Tests/Fixtures/models/make.py).
@Suite struct GoldenTests {
  static let models = [
    "tiny/opt", "tiny/opt-350m-style", "tiny/llama-gqa", "tiny/llama3-tied", "tiny/roberta", "tiny/bert-encoder",
    "stories260K", "imdb-opt", "all-minilm-l6-v2",
  ]

  @Test(.needs("models"), arguments: models)
  func agreesWithTheReference(model name: String) throws { try compare(SharedMaterial.path("models/" + name)) }

  static let families = ["gemma3", "gpt-neox", "gpt2", "phi3", "qwen2", "qwen3"]

  @Test(.needs("models/families"), arguments: families)
  func familyAgreesWithTheReference(model name: String) throws {
    try compare(SharedMaterial.path("models/families/" + name))
  }

  /// The reference of this checkpoint was computed by a model that had been cast to bfloat16 and back, which rounds the
  /// frequencies of its rotary embedding; transformers, when it loads the checkpoint, does not (the values then differ by
  /// 1.2e-4). With frequencies so rounded the reference is met.
  @Test(.needs("models/families")) func mistralAgreesWithItsReferenceByRoundedFrequencies() throws {
    let families = try ModelFamilies.standard.replacing("mistral") { d in
      for i in d.layers.indices {
        guard var rotary = d.layers[i].rotary else { continue }
        let factors = rotary.frequencies(longest: 1).map { frequency in
          let bits = Float(frequency).bitPattern
          return frequency / Double(Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000))
        }
        rotary.scaling = .longRoPE(
          short: factors, long: factors, originalMaxPositionEmbeddings: d.context, attentionFactor: 1)
        d.layers[i].rotary = rotary
      }
    }
    try compare(SharedMaterial.path("models/families/mistral"), families)
  }

  @Test(arguments: FamilyTests.fixtures)
  func agreesWithTransformers(model name: String) throws { try compare(SharedMaterial.fixture("families/" + name)) }

  @Test(
    .needs("models"),
    arguments: ["tiny/opt", "tiny/opt-350m-style", "tiny/llama-gqa", "tiny/llama3-tied"]
      + families.map { "families/" + $0 })
  func gradientsAgreeWithTheReference(model name: String) throws {
    let directory = SharedMaterial.path("models/" + name)
    let model = try CausalModel(directory: directory)
    var golden = try Golden(path: directory + "/golden.json")
    if !golden.hasGradients { try golden.readGradients(path: directory + "/gradients.json") }
    for recomputes in [false, true] {
      model.recomputesActivations = recomputes
      for check in try model.compareGradients(with: golden, at: model.loadParameters()).checks {
        #expect(check.count > 0 && check.passes, "\(check.name): \(check.largest), allowed \(check.tolerance)")
      }
    }
  }

  static let classifiers = ["bert-classifier", "roberta-classifier"]

  @Test(arguments: classifiers)
  func classifierAgreesWithTransformers(model name: String) throws {
    try compare(SharedMaterial.fixture("families/" + name))
  }

  static let fixtures = [
    "opt-options", "opt-bare-shards", "llama-options", "llama-bare-shards", "bert-masked", "bert-bare",
    "roberta-untied",
    "roberta-bare",
  ]

  @Test(arguments: fixtures)
  func agreesWithNumpy(model name: String) throws { try compare(SharedMaterial.fixture("models/" + name)) }

  private func compare(_ directory: String, _ families: ModelFamilies = .standard) throws {
    let model = try loadModel(directory: directory, families: families)
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
    (#""loss": "low""#, "loss", "another kind"),
    (#""picks": [{"row": 0, "values": []}]"#, "picks.0.position", "no such field"),
    (#""picks": 3"#, "picks", "another kind"),
  ]

  @Test(arguments: shapes.indices) func shapesThatDisagreeAreRefused(_ index: Int) throws {
    let (fields, field, found) = Self.shapes[index]
    let folder = try TemporaryFolder()
    let path = try folder.write(
      #"{"kind": "causal", "input_ids": [[3, 4, 5]], "texts": [], \#(fields)}"#, to: "golden.json")
    Defect("", "", field, found).expect(inputError { _ = try Golden(path: path) }, at: path)
  }

  /// Nothing to compare is no success.
  @Test(arguments: [
    #"{"kind": "causal", "texts": []}"#,
    #"{"kind": "causal", "picks": [], "input_ids": [[3]], "attention_mask": [[1]]}"#,
  ])
  func emptyReferencesAreRefused(_ text: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(text, to: "golden.json")
    #expect(inputError { _ = try Golden(path: path) }?.found == "neither picks nor texts")
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

extension ModelFamilies {
  /// These families, the decoders of `modelType` changed.
  fileprivate func replacing(
    _ modelType: String, _ change: @escaping @Sendable (inout DecoderDescription) -> Void
  ) throws -> ModelFamilies {
    var families = self
    let family = try #require(all.first { $0.modelType == modelType })
    guard case .decoder(let describe) = family.kind else { return self }
    families.put(
      ModelFamily(decoder: modelType) { c in
        var (description, tensors) = try describe(c)
        change(&description)
        return (description, tensors)
      })
    return families
  }
}
