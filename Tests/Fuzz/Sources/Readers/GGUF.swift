import Zeroth
import ZerothModels
import ZerothTasks

/// A model in GGUF: its tokenizer, both ways of holding its weights, and a pass.
let readGGUF = Reader { input in
  let path = Scratch.file("model.gguf", input)
  let tokenizer = try? loadTokenizer(directory: path)
  _ = tokenizer?.encode("ab a", addSpecialTokens: true)
  let model = try loadModel(directory: path)
  let batch = TokenBatch([[0, 1, 2].filter { $0 < model.vocabulary }])
  for theta in 0..<2 {
    let theta = theta == 0 ? try model.loadParameters() : try model.loadFrozenParameters()
    if let causal = model as? CausalModel { _ = try causal.evaluate(batch, .logits(rows: [0], ids: nil), at: theta) }
  }
}
