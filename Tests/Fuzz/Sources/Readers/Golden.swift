import Zeroth
import ZerothModels

/// Reference outputs, `golden.json`, and a small model compared with them.
let readGolden = Reader { input in
  let golden = try Golden(path: Scratch.file("golden.json", input))
  _ = try model.model.compare(with: golden, at: model.theta) { text in text.utf8.map { Int($0) % 64 } }
}

/// A model of random weights, with a vocabulary of 64 tokens.
private let model: Model = mustRead {
  let text = """
    {"model_type": "opt", "vocab_size": 64, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
    "ffn_dim": 8, "max_position_embeddings": 32}
    """
  return Model(try CausalModel(configuration: try ConfigurationFile(parsing: text, name: "model")))
}

private final class Model: @unchecked Sendable {  // used by one thread
  let model: CausalModel
  let theta: ParameterStore

  init(_ model: CausalModel) {
    self.model = model
    theta = model.randomParameters(StreamKey(seed: 1))
  }
}
