import ArgumentParser
import ZerothStrategies
import ZerothSupport
import ZerothTraining

extension ArgumentHelp {
  /// The help of the option `key` in the table `table`, one of [model], [task] and [run]: its meaning, its range and
  /// its default.
  static func option(_ table: String, _ key: String) -> ArgumentHelp {
    guard let spec = RunSettings.options(of: table)?.first(where: { $0.name == key }) else {
      preconditionFailure("no option \(key) in [\(table)]")
    }
    return ArgumentHelp(stringLiteral: spec.help)
  }
}

extension ArgumentHelp {
  /// The help of `--peft`, for commands that use an adapter.
  static let peft: ArgumentHelp =
    "A folder with an adapter in PEFT's format, LoRA or a prefix, which stands beside the weights. Default: none."
}

extension OptionSpec {
  /// The help of the option, in sentences.
  var help: String { Self.sentence(meaning) + " " + values }

  /// The range of the option and its default, in words.
  private var values: String {
    let words =
      switch defaultValue {
      case .required: "required"
      default: "default: \(defaultWords)"
      }
    // For a text there is no range to state.
    return Self.sentence(kind == .string ? words : "\(expected); \(words)")
  }

  private static func sentence(_ words: String) -> String {
    // A symbol of the papers at the beginning, such as `r,`, `r;`, `tau:` or `lambda of`, keeps its case.
    let first = words.prefix { $0.isLetter || $0 == "'" }
    let isName =
      first != "default" && (words.dropFirst(first.count).first.map { ",:;".contains($0) } ?? false)
      || first == "lambda"
    return (isName ? words.prefix(1).description : words.prefix(1).uppercased()) + words.dropFirst() + "."
  }
}

/// The help of a command-line option that stands for an option of strategies. Several strategies may have that option,
/// with different meanings.
struct StrategyOptionHelp {
  private let kind: StrategyDescription.Kind
  private var senses: [(help: String, owners: [String])] = []
  private let isShared: Bool

  /// The meanings that the option `key` has in the strategies of kind `kind` in `registry`.
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

  /// Each meaning, with the strategies in which the option has it.
  var text: String {
    senses.map { sense in
      let owners = isShared ? "every \(kind.rawValue)" : "\(kind.rawValue) \(sense.owners.joined(separator: ", "))"
      return "\(sense.help) Of \(owners)."
    }.joined(separator: " ")
  }
}

extension Shortcut {
  /// The shortcut called `name`. It must be in the list: only declared shortcuts are looked up.
  static func named(_ name: String) -> Shortcut {
    guard let shortcut = all.first(where: { $0.names.contains(name) }) else {
      preconditionFailure("no shortcut --\(name)")
    }
    return shortcut
  }

  /// The help of the shortcut: the meaning, range and default of the option that it stands for, from where that option
  /// is declared.
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

  /// How a shell completes the value of the option; nil where it cannot.
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
