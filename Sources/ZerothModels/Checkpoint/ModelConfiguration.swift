import Zeroth

/// The architecture of a model and its sizes, as `config.json` gives them.
public enum ModelConfiguration: Hashable, Sendable {
  /// `"model_type": "opt"`.
  case opt(OPTConfiguration)
  /// `"model_type": "llama"`.
  case llama(LlamaConfiguration)
  /// `"model_type": "bert"`.
  case bert(BERTConfiguration)
  /// `"model_type": "roberta"`.
  case roberta(BERTConfiguration)

  /// The values of `model_type` that are understood.
  public static let supportedModelTypes = ["bert", "llama", "opt", "roberta"]

  /// Reads the `config.json` in `directory`; throws `InputError` naming the file and the field that cannot be used.
  public init(directory: String) throws { try self.init(ConfigurationFile(directory: directory)) }

  /// Interprets `file`; throws `InputError` naming the file and the field that cannot be used.
  public init(_ file: ConfigurationFile) throws {
    let fields = ConfigurationFields(subject: file.path, json: file.json)
    switch file.json["model_type"]?.string {
    case "opt": self = .opt(try OPTConfiguration(fields))
    case "llama": self = .llama(try LlamaConfiguration(fields))
    case "bert": self = .bert(try BERTConfiguration(bert: fields))
    case "roberta": self = .roberta(try BERTConfiguration(roberta: fields))
    default:
      throw fields.error(
        "model_type", expected: "one of " + ModelConfiguration.supportedModelTypes.joined(separator: ", "))
    }
  }
}

/// The non-linearity between the two halves of a feed-forward layer.
public enum Activation: Hashable, Sendable {
  /// max(x, 0).
  case relu
  /// x Phi(x), with the normal distribution function Phi: 0.5 x (1 + erf(x / sqrt 2)).
  case gelu
  /// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
  case geluTanh
  /// x sigmoid(x), also called swish.
  case silu

  static let transformersNames: [String: Activation] = [
    "relu": .relu, "gelu": .gelu, "gelu_new": .geluTanh, "gelu_fast": .geluTanh, "gelu_pytorch_tanh": .geluTanh,
    "silu": .silu, "swish": .silu,
  ]

  init?(transformersName name: String) {
    guard let activation = Activation.transformersNames[name] else { return nil }
    self = activation
  }
}

extension ConfigurationFields {
  /// Throws unless `count`, the value of `key`, is a multiple of `divisor`, the value of `divisorKey`.
  func require(_ key: String, _ count: Int, isMultipleOf divisorKey: String, _ divisor: Int) throws {
    guard count.isMultiple(of: divisor) else {
      throw InputError("\(subject): \(key)", found: "\(count)", expected: "a multiple of \(divisorKey), \(divisor)")
    }
  }
}
