import Zeroth
import ZerothModels

/// A model of a published shape with random weights, made on the spot.
public enum BenchmarkShape {
  private static let opt: [String: (hidden: Int, ffn: Int, layers: Int, heads: Int, vocabulary: Int, context: Int)] = [
    "imdb-opt": (256, 1024, 4, 8, 4096, 256),
    "opt-125m": (768, 3072, 12, 12, 50272, 2048),
    "opt-1.3b": (2048, 8192, 24, 32, 50272, 2048),
    "opt-2.7b": (2560, 10240, 32, 32, 50272, 2048),
  ]

  /// The names of the shapes.
  public static var names: [String] { opt.keys.sorted() }

  /// The model called `name`. Throws `InputError` when there is none.
  public static func model(_ name: String) throws -> CausalModel {
    guard let shape = opt[name] else {
      throw InputError("--shape", found: "'\(name)'", expected: "one of \(names.joined(separator: ", "))")
    }
    let json: JSONValue = [
      "model_type": "opt", "vocab_size": .int(shape.vocabulary), "hidden_size": .int(shape.hidden),
      "ffn_dim": .int(shape.ffn), "num_hidden_layers": .int(shape.layers), "num_attention_heads": .int(shape.heads),
      "max_position_embeddings": .int(shape.context), "word_embed_proj_dim": .int(shape.hidden),
    ]
    return try CausalModel(configuration: ConfigurationFile(parsing: json.description, name: name))
  }
}

/// Seconds of a few runs, of which the median is quoted.
public struct Timing: Sendable {
  private var all: [Double] = []

  /// No run yet.
  public init() {}

  /// Times one run.
  public mutating func run(_ body: () throws -> Void) rethrows {
    let start = ContinuousClock.now
    try body()
    all.append((ContinuousClock.now - start) / .seconds(1))
  }

  /// The middle one of the runs.
  public var median: Double { all.isEmpty ? .nan : all.sorted()[all.count / 2] }
  /// The fastest.
  public var least: Double { all.min() ?? .nan }
  /// The slowest.
  public var most: Double { all.max() ?? .nan }

  var json: JSONValue { ["median": .double(median), "least": .double(least), "most": .double(most)] }
}
