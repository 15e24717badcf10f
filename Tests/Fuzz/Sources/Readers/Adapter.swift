import Foundation
import Zeroth
import ZerothModels

/// An adapter in PEFT's format for a small model: its settings and tensors, a pass, and the adapter written and read again.
let readAdapter = Reader { input in
  _ = Scratch.unpack(input, ["adapter_config.json", "adapter_model.safetensors"])
  let model = try CausalModel(directory: base)
  try model.attach(PEFTAdapter(directory: Scratch.path))
  let theta = try model.loadParameters()
  _ = try model.evaluate(TokenBatch([[0, 1, 2]]), .logits(rows: [2], ids: nil), at: theta)
  let copy = Scratch.path + "/copy"
  try? FileManager.default.removeItem(atPath: copy)
  try model.save(theta, to: copy)
  mustRead {
    let again = try CausalModel(directory: base)
    try again.attach(PEFTAdapter(directory: copy))
    _ = try again.loadParameters()
  }
}

/// The folder of the model that the adapters are for.
private let base = mustRead {
  let model = try CausalModel(
    configuration: ConfigurationFile(
      parsing: """
        {"model_type": "llama", "vocab_size": 11, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 16}
        """, name: "base"))
  let path = Scratch.path + "/base"
  try model.save(model.randomParameters(StreamKey(seed: 1)), to: path)
  return path
}
