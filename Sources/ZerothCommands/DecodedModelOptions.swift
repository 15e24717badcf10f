import ArgumentParser
import ZerothResources

/// The options that choose the model whose decoding is measured.
struct DecodedModelOptions: ParsableArguments {
  @Option(help: "A causal model: a folder or a GGUF file; imdb-opt is the one that is built in.", completion: .file())
  var model = Embedded.modelName
  @Flag(help: "Widen the weights to fp32 first.")
  var float32 = false

  /// The path of the model. Throws an `InputError` if it is not there.
  func path() throws -> String { try Embedded.modelDirectory(model) }
}
