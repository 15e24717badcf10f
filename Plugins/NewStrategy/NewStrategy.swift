import Foundation
import PackagePlugin

/// The command
/// `swift package --allow-writing-to-package-directory new-strategy KIND NAME [--target TARGET] [--core]
/// [--by-example]`. It writes the source of a strategy, its test, its golden file and its guide into the current
/// package, and prints what its author has to do next.
@main
struct NewStrategy: CommandPlugin {
  static let usage = """
    USAGE: swift package --allow-writing-to-package-directory new-strategy KIND NAME [--target TARGET] [--core] [--by-example]

      KIND          \(Kind.expected)
      NAME          the type in UpperCamelCase, such as SphereEstimator; a task becomes a constant of TextTask
      TARGET        the library target that it is written into; by default the first with tests that depends on
                    ZerothStrategies, for a task on ZerothTasks
      --core        an estimator whose directions have a core, or a rule that keeps moments of one
      --by-example  an estimator with a loss for each example
    """

  func performCommand(context: PluginContext, arguments: [String]) throws {
    var rest = ArgumentExtractor(arguments)
    if arguments.isEmpty || rest.extractFlag(named: "help") > 0 { return print(Self.usage) }
    let targets = rest.extractOption(named: "target")
    var traits: Set<Trait> = []
    for trait in Trait.allCases where rest.extractFlag(named: trait.rawValue) > 0 { traits.insert(trait) }
    let words = rest.remainingArguments
    guard words.count == 2, targets.count <= 1 else {
      throw ScaffoldError(
        "command line", found: "'\(arguments.joined(separator: " "))'",
        expected: "KIND NAME [--target TARGET] [--core] [--by-example]")
    }
    guard let kind = Kind(rawValue: words[0]) else {
      throw ScaffoldError("kind", found: "'\(words[0])'", expected: Kind.expected)
    }
    for trait in traits where !trait.kinds.contains(kind) {
      throw ScaffoldError(
        "--\(trait.rawValue)", found: kind.article,
        expected: trait.kinds.map(\.article).joined(separator: " or "))
    }
    let names = try Names(words[1], kind, traits)
    let place = try Place(context.package, kind, target: targets.first)
    let scaffold = Scaffold(names, place)
    try scaffold.write()
    print(scaffold.report)
  }
}

/// What can be asked for in a new strategy.
enum Trait: String, CaseIterable {
  /// The directions of the estimator have a core, or the rule keeps moments of cores.
  case core
  /// The estimator asks for the losses of single examples.
  case byExample = "by-example"

  /// The kinds of strategies that can have this trait.
  var kinds: [Kind] { self == .core ? [.estimator, .rule] : [.estimator] }
}

/// The kinds of strategies that can be written.
enum Kind: String, CaseIterable {
  case estimator, rule, adapter, task

  /// The module that a strategy of this kind is built on.
  var module: String { self == .task ? "ZerothTasks" : "ZerothStrategies" }

  /// The kind with its article: `an estimator`.
  var article: String { self == .estimator || self == .adapter ? "an \(rawValue)" : "a \(rawValue)" }

  /// The type of the registry for this kind.
  var registry: String { self == .task ? "TaskRegistry" : "Registry" }

  static let expected = "one of \(allCases.map(\.rawValue).joined(separator: ", "))"
}

/// The error for a request that cannot be fulfilled. Its text is one sentence, as with all errors of the project.
struct ScaffoldError: Error, CustomStringConvertible {
  let description: String

  init(_ subject: String, found: String, expected: String) {
    description = "\(subject): found \(found), expected \(expected)"
  }
}
