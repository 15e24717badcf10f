import Foundation
import Testing
import Zeroth
import ZerothModels

/// Model folders: written and read back, and refused where configuration and weights disagree.
@Suite struct ModelFolderTests {
  final class Folder {
    let path = NSTemporaryDirectory() + "zeroth-model-\(UUID().uuidString)"
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func edit(_ file: String, _ old: String, _ new: String) throws {
      let url = URL(fileURLWithPath: path + "/" + file)
      let text = try String(contentsOf: url, encoding: .utf8)
      #expect(text.contains(old), "\(file) has '\(old)'")
      try text.replacingOccurrences(of: old, with: new).write(to: url, atomically: true, encoding: .utf8)
    }
  }

  func saved(_ name: String) throws -> Folder {
    let folder = Folder()
    let model = try MadeModels.make(name)
    let theta = model.randomParameters(StreamKey(seed: 5))
    try model.save(theta, to: folder.path)
    return folder
  }

  @Test(arguments: MadeModels.configurations.keys.sorted())
  func readsWhatItWrote(model name: String) throws {
    let folder = try saved(name)
    let model = try CausalModel(directory: folder.path)
    let theta = try model.loadParameters()
    let made = try MadeModels.make(name).randomParameters(StreamKey(seed: 5))
    for block in theta.layout.blocks { #expect(theta.values(of: block) == made.values(of: block)) }
  }

  static let disagreements: [(model: String, old: String, new: String, says: String)] = [
    ("opt", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "layers.2"),
    ("opt", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", "layers.1"),
    ("opt", "\"vocab_size\": 101", "\"vocab_size\": 100", "embed_tokens"),
    ("opt", "\"ffn_dim\": 52", "\"ffn_dim\": 53", "fc1"),
    ("opt", "\"max_position_embeddings\": 40", "\"max_position_embeddings\": 41", "embed_positions"),
    ("llama", "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 4", "k_proj"),
    ("llama", "\"model_type\": \"llama\"", "\"model_type\": \"mamba\"", "model_type"),
    ("llama", "\"model_type\": \"llama\"", "\"model_type\": \"gpt2\"", "lm_head.weight"),
    ("gpt2", "\"n_embd\": 24", "\"n_embd\": 27", "wte.weight"),
    ("gpt2", "\"n_inner\": 52", "\"n_inner\": 53", "c_fc"),
    ("phi3", "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 4", "qkv_proj"),
    ("phi3", "\"intermediate_size\": 44", "\"intermediate_size\": 40", "gate_up_proj"),
    ("gpt-neox", "\"intermediate_size\": 52", "\"intermediate_size\": 40", "dense_h_to_4h"),
    ("llama", "\"num_attention_heads\": 4", "\"num_attention_heads\": 5", "hidden_size"),
  ]

  @Test(arguments: disagreements.indices)
  func configurationAndWeightsMustAgree(_ index: Int) throws {
    let (name, old, new, says) = Self.disagreements[index]
    let folder = try saved(name)
    try folder.edit("config.json", old, new)
    do {
      _ = try CausalModel(directory: folder.path)
      Issue.record("\(new) was taken")
    } catch let error as InputError {
      #expect(error.subject.contains(folder.path) && error.subject.contains(says), "\(error)")
    }
  }

  @Test func truncatedWeightsAreRefused() throws {
    let folder = try saved("opt")
    let url = URL(fileURLWithPath: folder.path + "/model.safetensors")
    let data = try Data(contentsOf: url)
    for count in [0, 7, 100, data.count / 2, data.count - 1] {
      try data.prefix(count).write(to: url)
      #expect(throws: InputError.self) { try CausalModel(directory: folder.path) }
    }
  }

  @Test func savingWhereNothingCanBeWrittenIsAnError() throws {
    let model = try MadeModels.make("opt")
    let theta = model.randomParameters(StreamKey(seed: 5))
    #expect(throws: InputError.self) { try model.save(theta, to: "/proc/nowhere") }
  }
}
