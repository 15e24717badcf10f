import ArgumentParser
import ZerothStrategies
import ZerothSupport
import ZerothTraining

extension ArgumentHelp {
  /// What the option `key` of [model], [task] or [run] means, takes, and is by default.
  static func option(_ table: String, _ key: String) -> ArgumentHelp {
    guard let spec = RunSettings.options(of: table)?.first(where: { $0.name == key }) else {
      preconditionFailure("no option \(key) in [\(table)]")
    }
    return ArgumentHelp(stringLiteral: spec.help)
  }
}

extension ArgumentHelp {
  /// What `--peft` means to commands that use an adapter.
  static let peft: ArgumentHelp =
    "A folder with an adapter in PEFT's format, LoRA or a prefix, which stands beside the weights. Default: none."
}

extension OptionSpec {
  /// The option in sentences, for a command's help.
  var help: String { Self.sentence(meaning) + " " + values }

  /// What the option takes and what it is by default.
  private var values: String {
    let words =
      switch defaultValue {
      case .required: "required"
      default: "default: \(defaultWords)"
      }
    // Of a text there is nothing to say but what it means.
    return Self.sentence(kind == .string ? words : "\(expected); \(words)")
  }

  private static func sentence(_ words: String) -> String {
    // Symbols of the papers, such as `r,`, `r;`, `tau:` and `lambda of`, keep their case.
    let first = words.prefix { $0.isLetter || $0 == "'" }
    let isName =
      first != "default" && (words.dropFirst(first.count).first.map { ",:;".contains($0) } ?? false)
      || first == "lambda"
    return (isName ? words.prefix(1).description : words.prefix(1).uppercased()) + words.dropFirst() + "."
  }
}

/// The help of an option that stands for one of a strategy's: several strategies may have it, each in its own sense.
struct StrategyOptionHelp {
  private let kind: StrategyDescription.Kind
  private var senses: [(help: String, owners: [String])] = []
  private let isShared: Bool

  /// The senses of the option `key` among what `registry` knows as a `kind`.
  init(_ kind: StrategyDescription.Kind, _ key: String, _ registry: Registry) {
    self.kind = kind
    let all = registry.descriptions(of: kind)
    for description in all {
      guard let help = description.options.first(where: { $0.name == key })?.help else { continue }
      if let known = senses.firstIndex(where: { $0.help == help }) {
        senses[known].owners.append(description.name)
      } else {
        senses.append((help, [description.name]))
      }
    }
    isShared = senses.count == 1 && senses[0].owners.count == all.count
  }

  /// Each sense and the strategies that take the option in it.
  var text: String {
    senses.map { sense in
      let owners = isShared ? "every \(kind.rawValue)" : "\(kind.rawValue) \(sense.owners.joined(separator: ", "))"
      return "\(sense.help) Of \(owners)."
    }.joined(separator: " ")
  }
}

extension Shortcut {
  /// The shortcut called `name`; every name that the commands declare is in the list.
  static func named(_ name: String) -> Shortcut {
    guard let shortcut = all.first(where: { $0.names.contains(name) }) else {
      preconditionFailure("no shortcut --\(name)")
    }
    return shortcut
  }

  /// What the option means, takes, and is by default, from where the option itself is declared.
  func help(_ toolbox: Toolbox) -> String {
    if let options = RunSettings.options(of: table) {
      let help = options.first { $0.name == key }?.help ?? ""
      switch key {
      case "optimizer": return "\(help) One of \(names(of: .optimizer, toolbox))."
      case "objective": return "\(help) One of \(toolbox.tasks.objectives.map(\.name).joined(separator: ", "))."
      default: return help
      }
    }
    guard let kind = StrategyDescription.Kind(rawValue: table) else { return "" }
    guard key == "name" else { return StrategyOptionHelp(kind, key, toolbox.registry).text }
    return "The \(kind.rawValue): \(names(of: kind, toolbox)); default: the optimizer's."
  }

  /// What a shell completes the option's value to.
  func completion(_ toolbox: Toolbox) -> CompletionKind? {
    switch (table, key) {
    case ("run", "out"), ("tuning", "peft"): return .directory
    case ("model", "path"), ("task", "data"), ("task", "test-data"): return .file()
    case ("task", "name"): return .list(toolbox.tasks.tasks.map(\.name))
    case ("task", "objective"): return .list(toolbox.tasks.objectives.map(\.name))
    case ("run", "optimizer"): return .list(toolbox.registry.descriptions(of: .optimizer).map(\.name))
    default: break
    }
    let kind = StrategyDescription.Kind(rawValue: table)
    let descriptions = kind.map { toolbox.registry.descriptions(of: $0) } ?? []
    if key == "name" { return .list(descriptions.map(\.name)) }
    let options = RunSettings.options(of: table) ?? descriptions.flatMap(\.options)
    for option in options where option.name == key {
      if case .choice(let words) = option.kind { return .list(words) }
    }
    return nil
  }

  private func names(of kind: StrategyDescription.Kind, _ toolbox: Toolbox) -> String {
    toolbox.registry.descriptions(of: kind).map(\.name).joined(separator: ", ")
  }
}
