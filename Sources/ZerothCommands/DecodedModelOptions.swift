import ArgumentParser
import ZerothResources

/// The model whose decoding is measured.
struct DecodedModelOptions: ParsableArguments {
  @Option(help: "A causal model: a folder or a GGUF file; imdb-opt is the one that is built in.", completion: .file())
  var model = Embedded.modelName
  @Flag(help: "Widen the weights to fp32 first.")
  var float32 = false

  /// Where it lies. Throws `InputError` where it is not.
  func path() throws -> String { try Embedded.modelDirectory(model) }
}
