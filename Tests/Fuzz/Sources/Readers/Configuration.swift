import ZerothModels

/// A model's `config.json` alone: what the model would be, whose sizes take no memory before there are weights.
let readConfiguration = Reader { input in
  let file = try ConfigurationFile(parsing: String(decoding: input, as: UTF8.self), name: "input")
  _ = try makeModel(configuration: file)
}
