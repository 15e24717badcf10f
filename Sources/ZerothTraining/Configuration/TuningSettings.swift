import Zeroth
import ZerothModels
import ZerothStrategies
import ZerothSupport

extension RunSettings {
  /// The names of the methods of tuning in [tuning].
  public static let tuningMethods = ["full", "lora", "bitfit", "prefix"]

  /// The options of the table [tuning].
  public static let tuning: [OptionSpec] = [
    OptionSpec(
      "peft", .string, default: .absent("a fresh start"),
      "folder of an adapter in PEFT's format that training starts from; it says the method itself"),
    OptionSpec(
      "method", .choice(tuningMethods), default: .derived("full") { $0["peft"] == nil ? "full" : nil },
      when: .noAdapter,
      "what is trained: the model's own blocks (full), A and B beside frozen matrices (lora), biases and norms (bitfit), or "
        + "keys and values of virtual tokens (prefix)"),
    OptionSpec(
      "rank", .int, default: .value(.int(lora.rank)),
      range: .between(LoRAConfiguration.ranks.lowerBound, LoRAConfiguration.ranks.upperBound), when: .isLoRA,
      "r, the rows of A and the columns of B"),
    OptionSpec(
      "alpha", .double, default: .value(.double(lora.alpha)), range: .positiveFloat, when: .isLoRA,
      "B A is multiplied by alpha / r"),
    OptionSpec("rslora", .bool, default: .value(false), when: .isLoRA, "multiplies by alpha / sqrt(r) instead"),
    OptionSpec(
      "target-modules", .string, default: .absent("the layers of blocks"), when: .isLoRA,
      "what has an A and a B, as PEFT says it: names with ',' between them, 'all-linear', or a regular expression behind "
        + "'regex:'"),
    OptionSpec(
      "blocks", .blocks, default: .value("query,value"), when: .hasNoTargets,
      "the layers that have an A and a B of their own, even where the checkpoint fuses several"),
    OptionSpec(
      "exclude-modules", .string, default: .absent("none"), when: .isLoRA, "names of modules that are left out"),
    OptionSpec(
      "layers", .string, default: .absent("all"), when: .isLoRA, "the layers that LoRA is in, such as 0-3,7"),
    OptionSpec(
      "rank-pattern", .string, default: .absent("none"), when: .isLoRA,
      "ranks of modules by regular expression, as JSON: {\"q_proj\": 16}"),
    OptionSpec(
      "alpha-pattern", .string, default: .absent("none"), when: .isLoRA,
      "alphas of modules by regular expression, as JSON"),
    OptionSpec(
      "modules-to-save", .string, default: .absent("none"), when: .isLoRA,
      "names of modules that are trained whole, with ',' between them"),
    OptionSpec(
      "bias", .choice(LoRAConfiguration.Bias.allCases.map(\.rawValue)), default: .value(.string(lora.bias.rawValue)),
      when: .isLoRA,
      "the model's biases that are trained too: none, all, or those of the modules that LoRA stands beside"),
    OptionSpec(
      "start", .choice(LoRAConfiguration.Start.allCases.map(\.rawValue)), default: .value(.string(lora.start.rawValue)),
      when: .isLoRA,
      "how A is drawn: uniform in +-1 / sqrt(n) for n columns (kaiming), or normal with standard deviation 1 / r (gaussian)"
    ),
    OptionSpec(
      "tokens", .int, default: .value(5),
      range: .between(TuningMethod.prefixTokens.lowerBound, TuningMethod.prefixTokens.upperBound), when: .isPrefix,
      "P, the virtual tokens in front of every sequence"),
  ]

  private static let lora = LoRAConfiguration()
}

extension OptionSpec.Condition {
  fileprivate static let noAdapter = Self("no peft, whose files say it") { $0["peft"] == nil }
  fileprivate static let isLoRA = Self("method = lora and no peft") { $0["method"] == "lora" }
  fileprivate static let hasNoTargets = Self("method = lora, no peft and no target-modules") {
    $0["method"] == "lora" && $0["target-modules"] == nil
  }
  fileprivate static let isPrefix = Self("method = prefix and no peft") { $0["method"] == "prefix" }
}

/// How a run tunes its model: with a method and fresh parameters, or from the files of an adapter.
public enum TuningChoice: Sendable, Hashable {
  /// A method, with fresh parameters.
  case fresh(TuningMethod)
  /// The adapter in this folder.
  case peft(String)

  /// Reads the table [tuning]. Throws `InputError` for a text that is not a list, not layers, or not patterns, as its
  /// option requires.
  init(_ options: OptionValues) throws(InputError) {
    if options["peft"] != nil {
      self = .peft(try options.string("peft"))
      return
    }
    switch try options.string("method") {
    case "lora": self = .fresh(.lora(try Self.lora(options)))
    case "bitfit": self = .fresh(.bitfit)
    case "prefix": self = .fresh(.prefix(tokens: try options.int("tokens")))
    default: self = .fresh(.full)
    }
  }

  /// The tuning and the source of its values; fresh parameters are drawn from `key`. Throws `InputError` for an adapter
  /// that cannot be read.
  func source(_ key: StreamKey) throws -> TuningSource {
    switch self {
    case .fresh(let method): .fresh(method, key.child(.initial))
    case .peft(let directory): .adapter(try PEFTAdapter(directory: directory))
    }
  }

  /// The name of the method; nil where the model's own parameters are trained.
  ///
  /// Throws `InputError` for an adapter that cannot be read.
  func name() throws(InputError) -> String? {
    switch self {
    case .fresh(let method): return method == .full ? nil : method.name
    case .peft(let directory):
      do {
        let adapter = try PEFTAdapter(directory: directory)
        return adapter.isOfFactors ? nil : adapter.isPrefix ? "prefix" : "lora"
      } catch let error as InputError {
        throw error
      } catch {
        throw InputError(directory, found: "\(error)", expected: "an adapter in PEFT's format")
      }
    }
  }

  private static func lora(_ options: OptionValues) throws(InputError) -> LoRAConfiguration {
    func list(_ name: String) throws(InputError) -> [String] {
      guard options[name] != nil else { return [] }
      let names = try options.string(name).split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      guard names.allSatisfy({ !$0.isEmpty }) else {
        throw InputError("tuning.\(name)", found: "an empty name", expected: "names with ',' between them")
      }
      return names
    }
    let targets: LoRAConfiguration.Targets =
      switch options["target-modules"] {
      case nil: .blocks(try options.blocks("blocks"))
      case "all-linear"?: .allLinear
      case .string(let text)? where text.hasPrefix("regex:"): .pattern(String(text.dropFirst(6)))
      default: .names(try list("target-modules"))
      }
    return LoRAConfiguration(
      rank: try options.int("rank"), alpha: try options.double("alpha"), isRankStabilized: try options.bool("rslora"),
      targets: targets, excluded: try list("exclude-modules"), layers: try layers(options),
      rankPattern: try pattern("rank-pattern", "ranks from 1 to 65535", options) { value in
        value.integer.flatMap { LoRAConfiguration.ranks.contains($0) ? $0 : nil }
      },
      alphaPattern: try pattern("alpha-pattern", "numbers above 0", options) { value in
        value.double.flatMap { $0 > 0 ? $0 : nil }
      },
      modulesToSave: try list("modules-to-save"), bias: try options.choice("bias"), start: try options.choice("start"))
  }

  private static func layers(_ options: OptionValues) throws(InputError) -> [Int]? {
    guard options["layers"] != nil else { return nil }
    let text = try options.string("layers")
    var layers: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1], 0 <= low, low <= high,
        high < 10_000
      else {
        throw InputError("tuning.layers", found: "'\(text.excerpt)'", expected: "layers, such as 0-3,7")
      }
      layers += low...high
    }
    return layers
  }

  private static func pattern<Value>(
    _ name: String, _ expected: String, _ options: OptionValues, _ read: (JSON) -> Value?
  ) throws(InputError) -> [LoRAConfiguration.Override<Value>] {
    guard options[name] != nil else { return [] }
    let subject = "tuning.\(name)"
    guard let members = try JSON(parsing: options.string(name), subject: subject).members else {
      throw InputError(subject, found: "no object", expected: "an object such as {\"q_proj\": 16}")
    }
    var overrides: [LoRAConfiguration.Override<Value>] = []
    for member in members {
      guard let value = read(member.value) else {
        throw InputError("\(subject): '\(member.key.excerpt)'", found: member.value.summary, expected: expected)
      }
      overrides.append(.init(member.key, value))
    }
    return overrides
  }
}
