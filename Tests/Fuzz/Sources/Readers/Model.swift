import Zeroth
import ZerothModels

/// A model folder: its configuration, its weights in one file or in shards, both ways of holding them, and a pass.
let readModel = Reader { input in
  let names = [
    "config.json", "model.safetensors", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
  ]
  _ = Scratch.unpack(input, names)
  let model = try loadModel(directory: Scratch.path)
  let batch = TokenBatch([[0, 1, 2].filter { $0 < model.vocabulary }])
  for storage in WeightStorage.allCases {
    let theta = try model.loadParameters(storage: storage)
    switch model {
    case let causal as CausalModel: _ = try causal.evaluate(batch, .logits(rows: [0], ids: nil), at: theta)
    case let encoder as EncoderModel: _ = try encoder.evaluate(batch, .pooled, at: theta)
    default: fatalError("a model of another kind")
    }
  }
}
