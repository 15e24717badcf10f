import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothSupport

@testable import ZerothModels

/// Families of decoders: read, and written back.
@Suite struct FamilyTests {
  static let fixtures = [
    "gemma2", "gemma3", "gpt-neox", "gpt-neox-options", "gpt2", "gpt2-options", "llama-dynamic", "llama-yarn",
    "mistral", "own-head", "phi3", "phi3-short", "qwen2", "qwen2-yarn", "qwen3",
  ]

  /// What is written is what was read, tensor by tensor and bit by bit, in the types that it was stored in.
  @Test(arguments: fixtures) func savesWhatItRead(fixture: String) throws {
    let folder = try TemporaryFolder()
    let original = SharedMaterial.fixture("families/" + fixture)
    let model = try CausalModel(directory: original)
    try model.save(model.loadParameters(), to: folder.path)
    let (read, written) = (
      try SafetensorsFile(path: original + "/model.safetensors"),
      try SafetensorsFile(path: folder.path("model.safetensors"))
    )
    #expect(Set(read.names) == Set(written.names))
    for name in read.names {
      let (a, b) = (try read.info(name), try written.info(name))
      #expect(a.shape == b.shape && a.elementType == b.elementType, "\(name)")
      #expect(try read.withBytes(of: name) { Array($0) } == written.withBytes(of: name) { Array($0) }, "\(name)")
    }
    #expect(
      try model.folder.isExact(.asRead, isTuned: false) && folder.contents == ["config.json", "model.safetensors"])
  }

  /// A run that holds half-precision matrices as they are stored reads fused and transposed ones too.
  @Test(arguments: fixtures) func storedHalvesAreTheSameNumbers(fixture: String) throws {
    let model = try CausalModel(directory: SharedMaterial.fixture("families/" + fixture))
    #expect(try model.loadParameters(storage: .asStored).flattened() == model.loadParameters().flattened())
  }

  @Test func aHeadOfItsOwnIsReadSaidAndSaved() throws {
    let model = try CausalModel(directory: SharedMaterial.fixture("families/own-head"))
    #expect(model.outputBlock?.name == "lm_head.weight" && !model.description.isTied)
    #expect(model.folder.notes.count == 1 && model.folder.notes[0].contains("'lm_head.weight'"))
    let folder = try TemporaryFolder()
    try model.save(model.loadParameters(), to: folder.path)
    #expect(try folder.text("config.json").contains(#""tie_word_embeddings": false"#))
    let again = try CausalModel(directory: folder.path)
    #expect(again.folder.notes == [] && again.outputBlock?.name == "lm_head.weight")
  }

  /// The same in families whose output layers have other names: a copy that says tied answers as what it is a copy of.
  @Test(arguments: ["opt", "gpt2", "gemma2", "roberta", "bert"]) func aHeadOfItsOwnUnderOtherNames(name: String) throws
  {
    let (folder, saved) = (try TemporaryFolder(), try TemporaryFolder())
    let text = (MadeModels.configurations[name] ?? MadeModels.encoders[name] ?? "")
      .replacing(/,\s*"tie_word_embeddings": (true|false)/, with: "")
    func with(_ tied: Bool) -> String {
      text.replacing("{", with: "{\"tie_word_embeddings\": \(tied), ", maxReplacements: 1)
    }
    func logits(_ model: any PretrainedModel) throws -> [Double] {
      let batch = TokenBatch([[3, 4, 5]])
      let theta = try model.loadParameters()
      if let model = model as? CausalModel {
        return try model.evaluate(batch, .logits(rows: [2], ids: nil), at: theta)[0]
      }
      let encoder = try #require(model as? EncoderModel)
      return try encoder.evaluate(batch, .logits(rows: [2], ids: nil), at: theta)[0]
    }
    let made = try makeModel(configuration: ConfigurationFile(parsing: with(false), name: name))
    try made.save(made.randomParameters(StreamKey(seed: 4)), to: folder.path)
    let original = try loadModel(directory: folder.path)
    let expected = try logits(original)
    #expect(original.folder.notes == [] && original.outputBlock?.role == .head)

    try folder.write(with(true), to: "config.json")
    let copy = try loadModel(directory: folder.path)
    #expect(try logits(copy) == expected)
    #expect(copy.folder.notes.count == 1 && copy.outputBlock?.name == original.outputBlock?.name)
    try copy.save(copy.loadParameters(), to: saved.path)
    let again = try loadModel(directory: saved.path)
    #expect(try again.folder.notes == [] && logits(again) == expected)
  }

  /// The same tensor once more under the output layer's name, in another type, is no head of its own.
  @Test func aRepeatedEmbeddingIsTied() throws {
    let (source, folder) = (try TemporaryFolder(), try TemporaryFolder())
    let model = try MadeModels.make("qwen2")
    try model.save(model.randomParameters(StreamKey(seed: 3)), to: source.path, as: .bfloat16)
    let file = try SafetensorsFile(path: source.path("model.safetensors"))
    func write(_ type: ElementType, leavingOut: String = "") throws {
      let names = file.names.filter { $0 != leavingOut } + ["lm_head.weight"]
      let origin = { $0 == "lm_head.weight" ? "model.embed_tokens.weight" : $0 }
      try SafetensorsWriter.write(
        names.map {
          .init(name: $0, shape: try file.info(origin($0)).shape, elementType: $0 == "lm_head.weight" ? type : .bf16)
        },
        to: folder.path("model.safetensors")
      ) { tensor, write in try file.floats(origin(tensor.name)).withUnsafeBufferPointer(write) }
      try folder.write(MadeModels.configurations["qwen2"] ?? "", to: "config.json")
    }
    let expected = try CausalModel(directory: source.path).loadParameters().flattened()
    for type in [ElementType.bf16, .f32] {
      try write(type)
      let read = try CausalModel(directory: folder.path)
      #expect(read.description.isTied && read.folder.notes == [])
      #expect(try read.loadParameters().flattened() == expected)
    }
    // The output layer alone: it is the embedding.
    try write(.bf16, leavingOut: "model.embed_tokens.weight")
    let alone = try CausalModel(directory: folder.path)
    #expect(try alone.description.isTied && alone.loadParameters().flattened() == expected)
  }

  @Test func blocksThatDoNotFillTheirTensorAreRefused() throws {
    func map(_ parts: [(RowSlice, Int)]) throws {
      let blocks = parts.enumerated().map { i, part in
        ModelBlock(
          entry: .init("\(i)", rows: part.1, columns: 3), part: TensorPart(tensor: "whole", rows: part.0))
      }
      _ = try TensorMap(blocks, ParameterLayout(blocks.map(\.entry)))
    }
    try map([(.from(4), 2), (.from(0), 4)])
    try map([(.turns(place: 1, of: 2, run: 2), 6), (.turns(place: 0, of: 2, run: 2), 6)])
    for parts: [(RowSlice, Int)] in [
      [(.all, 4), (.all, 4)], [(.from(0), 4), (.from(3), 2)], [(.from(1), 4)],
      [(.turns(place: 0, of: 2, run: 2), 6)],
      [(.turns(place: 0, of: 2, run: 4), 6), (.turns(place: 1, of: 2, run: 4), 6)],
    ] { #expect(inputError { try map(parts) }?.subject.contains("whole") == true) }
  }
}
