import Zeroth
import ZerothModels
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// The shape of a model in the form of OPT or of Llama. Its weights are random and are generated when it is needed.
public struct BenchmarkShape: Sendable {
  /// The name of the shape on the command line.
  public let name: String
  let hidden, ffn, layers, heads, vocabulary, context: Int
  /// The number of heads of keys and values in a model in the form of Llama; nil in the form of OPT.
  private let keyHeads: Int?
  private let isTied: Bool

  /// All shapes, those of each form with the smallest first. `opt-125m`, `opt-1.3b`, `opt-2.7b`, `smollm2-135m` and
  /// `llama-2-7b` are those of published models, and `imdb-opt` is that of the embedded model. The others have the same
  /// proportions. `opt-350m` has the width of the published model of that name, which has another embedding and other
  /// norms.
  public static let all: [BenchmarkShape] = [
    BenchmarkShape("opt-tiny", hidden: 32, layers: 2, heads: 2, vocabulary: 128, context: 64),
    BenchmarkShape("opt-1m", hidden: 128, layers: 4, heads: 2, vocabulary: 2048),
    BenchmarkShape("imdb-opt", hidden: 256, layers: 4, heads: 8, vocabulary: 4096, context: 256),
    BenchmarkShape("opt-13m", hidden: 384, layers: 6, heads: 6, vocabulary: 8192),
    BenchmarkShape("opt-42m", hidden: 512, layers: 8, heads: 8, vocabulary: 32768),
    BenchmarkShape("opt-125m", hidden: 768, layers: 12, heads: 12),
    BenchmarkShape("opt-350m", hidden: 1024, layers: 24, heads: 16),
    BenchmarkShape("opt-1.3b", hidden: 2048, layers: 24, heads: 32),
    BenchmarkShape("opt-2.7b", hidden: 2560, layers: 32, heads: 32),
    BenchmarkShape(
      name: "smollm2-135m", hidden: 576, ffn: 1536, layers: 30, heads: 9, vocabulary: 49152, context: 8192,
      keyHeads: 3, isTied: true),
    BenchmarkShape(
      name: "llama-2-7b", hidden: 4096, ffn: 11008, layers: 32, heads: 32, vocabulary: 32000, context: 4096,
      keyHeads: 32, isTied: false),
  ]

  /// The shape called `name`. Throws an `InputError` that names `option` if there is none.
  public static func named(_ name: String, option: String = "--shape") throws(InputError) -> BenchmarkShape {
    guard let shape = all.first(where: { $0.name == name }) else {
      throw InputError(
        option, found: "'\(name)'", expected: "one of \(all.map(\.name).joined(separator: ", "))")
    }
    return shape
  }

  /// The model of this shape, without weights.
  public func model() throws -> CausalModel {
    if let keyHeads {
      let json: JSON = [
        "model_type": "llama", "vocab_size": .int(vocabulary), "hidden_size": .int(hidden),
        "intermediate_size": .int(ffn), "num_hidden_layers": .int(layers), "num_attention_heads": .int(heads),
        "num_key_value_heads": .int(keyHeads), "max_position_embeddings": .int(context),
        "tie_word_embeddings": .bool(isTied),
      ]
      return try CausalModel(configuration: ConfigurationFile(parsing: json.description, name: name))
    }
    let json: JSON = [
      "architectures": ["OPTForCausalLM"], "model_type": "opt", "vocab_size": .int(vocabulary),
      "hidden_size": .int(hidden), "ffn_dim": .int(ffn), "num_hidden_layers": .int(layers),
      "num_attention_heads": .int(heads), "max_position_embeddings": .int(context),
      "word_embed_proj_dim": .int(hidden),
    ]
    return try CausalModel(configuration: ConfigurationFile(parsing: json.description, name: name))
  }
}

extension BenchmarkShape {
  /// A shape in the form of OPT.
  private init(_ name: String, hidden: Int, layers: Int, heads: Int, vocabulary: Int = 50272, context: Int = 2048) {
    self.init(
      name: name, hidden: hidden, ffn: 4 * hidden, layers: layers, heads: heads, vocabulary: vocabulary,
      context: context,
      keyHeads: nil, isTied: true)
  }
}
