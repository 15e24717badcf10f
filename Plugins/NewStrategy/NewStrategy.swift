import Foundation
import PackagePlugin

/// `swift package --allow-writing-to-package-directory new-strategy KIND NAME [--target TARGET]`: writes the source of a
/// strategy, its test, its golden file and its guide into the package at hand, and says what is left to do.
@main
struct NewStrategy: CommandPlugin {
  static let usage = """
    USAGE: swift package --allow-writing-to-package-directory new-strategy KIND NAME [--target TARGET]

      KIND      \(Kind.expected)
      NAME      the type in UpperCamelCase, such as SphereEstimator; a task becomes a constant of TextTask
      TARGET    the library target that it is written into; by default the first with tests that depends on ZerothStrategies,
                for a task on ZerothTasks
    """

  func performCommand(context: PluginContext, arguments: [String]) throws {
    var rest = ArgumentExtractor(arguments)
    if arguments.isEmpty || rest.extractFlag(named: "help") > 0 { return print(Self.usage) }
    let targets = rest.extractOption(named: "target")
    let words = rest.remainingArguments
    guard words.count == 2, targets.count <= 1 else {
      throw ScaffoldError(
        "command line", found: "'\(arguments.joined(separator: " "))'", expected: "KIND NAME [--target TARGET]")
    }
    guard let kind = Kind(rawValue: words[0]) else {
      throw ScaffoldError("kind", found: "'\(words[0])'", expected: Kind.expected)
    }
    let names = try Names(words[1], kind)
    let place = try Place(context.package, kind, target: targets.first)
    let scaffold = Scaffold(names, place)
    try scaffold.write()
    print(scaffold.report)
  }
}

/// What can be written.
enum Kind: String, CaseIterable {
  case estimator, rule, adapter, task

  /// The module that has what a strategy of this kind is made of.
  var module: String { self == .task ? "ZerothTasks" : "ZerothStrategies" }

  /// In a sentence: `an estimator`.
  var article: String { self == .estimator || self == .adapter ? "an \(rawValue)" : "a \(rawValue)" }

  /// The registry that it goes into.
  var registry: String { self == .task ? "TaskRegistry" : "Registry" }

  static let expected = "one of \(allCases.map(\.rawValue).joined(separator: ", "))"
}

/// Something that was asked for cannot be done: one sentence, as all errors of the project are.
struct ScaffoldError: Error, CustomStringConvertible {
  let description: String

  init(_ subject: String, found: String, expected: String) {
    description = "\(subject): found \(found), expected \(expected)"
  }
}
