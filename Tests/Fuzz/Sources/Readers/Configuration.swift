import ZerothModels

/// A model's `config.json` alone: what the model would be, whose sizes take no memory before there are weights.
let readConfiguration = Reader { input in
  let file = try ConfigurationFile(parsing: String(decoding: input, as: UTF8.self), name: "input")
  switch try ModelConfiguration(file) {
  case .opt, .llama: _ = try CausalModel(configuration: file)
  case .bert, .roberta: _ = try EncoderModel(configuration: file)
  }
}
