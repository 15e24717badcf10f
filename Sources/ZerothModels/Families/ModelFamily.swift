import Zeroth
import ZerothSupport

/// A family of models. It turns the `config.json` of its `model_type` into a description of the model.
///
/// A family of decoders is a table and a list of names. The forward pass, reading and writing follow from these.
///
///     let granite = ModelFamily(decoder: "granite") { c in
///       var d = try DecoderDescription(llamaLike: c, .init(vocabulary: 49_152))
///       try d.turn(by: c)
///       d.embeddingScale = try c.positiveNumber("embedding_multiplier", default: 1)
///       return (d, DecoderTensors())
///     }
public struct ModelFamily: Sendable {
  /// A function that turns a configuration into a description and the places of the weights.
  public typealias Describe = @Sendable (ConfigurationFields) throws -> (DecoderDescription, DecoderTensors)

  /// The `model_type` of its configurations.
  public let modelType: String
  let kind: Kind

  enum Kind: Sendable {
    case decoder(Describe)
    case encoder(@Sendable (ConfigurationFields, ModelFolder.Source) throws -> any EncoderArchitecture)
  }

  /// A family of causal decoders. `describe` throws `InputError` for a field that it cannot use. Fields that it does
  /// not read are ignored.
  public init(decoder modelType: String, _ describe: @escaping Describe) {
    self.modelType = modelType
    kind = .decoder(describe)
  }

  init(encoder modelType: String, _ kind: Kind) {
    self.modelType = modelType
    self.kind = kind
  }

  /// Whether its models continue texts. Otherwise they are encoders.
  public var isCausal: Bool {
    if case .decoder = kind { true } else { false }
  }
}

/// The families of models that can be read, found by their `model_type`.
public struct ModelFamilies: Sendable {
  /// The families, in the order in which they were added.
  public private(set) var all: [ModelFamily]

  /// The families of this package.
  public static let standard = ModelFamilies([
    .bert, .gemma2, .gemma3, .gpt2, .gptNeoX, .llama, .mistral, .opt, .phi3, .qwen2, .qwen3, .roberta,
  ])

  private init(_ all: [ModelFamily]) { self.all = all }

  /// Adds a family. Throws `InputError` when there already is one with its `model_type`.
  public mutating func add(_ family: ModelFamily) throws(InputError) {
    guard !all.contains(where: { $0.modelType == family.modelType }) else {
      throw InputError(
        "model family '\(family.modelType)'", found: "another family of this model_type", expected: "a new model_type")
    }
    all.append(family)
  }

  /// Replaces the family with the `model_type` of `family`.
  public mutating func put(_ family: ModelFamily) {
    all.removeAll { $0.modelType == family.modelType }
    all.append(family)
  }

  /// The family of the model that `file` describes. Throws an `InputError` that names the file for an unknown family.
  public func family(of file: ConfigurationFile) throws(InputError) -> ModelFamily {
    let type = file.json["model_type"]?.string
    if let family = all.first(where: { $0.modelType == type }) { return family }
    throw ConfigurationFields(subject: file.path, json: file.json).error(
      "model_type", expected: "one of " + all.map(\.modelType).sorted().joined(separator: ", "))
  }

  /// The description of the causal decoder that `file` describes.
  ///
  /// Throws an `InputError` that names the file and the field for a value that cannot be used, and for an encoder.
  public func describe(_ file: ConfigurationFile) throws -> DecoderDescription {
    try decoder(file).0
  }

  func decoder(_ file: ConfigurationFile) throws -> (DecoderDescription, DecoderTensors) {
    guard case .decoder(let describe) = try family(of: file).kind else {
      throw InputError(
        "\(file.path): model_type", found: "\(file.json["model_type"]?.summary ?? "nothing"), an encoder",
        expected: "a causal language model")
    }
    return try describe(ConfigurationFields(subject: file.path, json: file.json))
  }
}
