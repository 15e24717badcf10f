import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothPluginHost
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTestKit
import ZerothTraining

/// The libraries that the tests load: the two examples, which the package builds, and those made here by `cc`.
enum Libraries {
  static let products = Execution.products
  static let exampleC = products.appendingPathComponent("libExamplePluginC.so").path
  static let exampleSwift = products.appendingPathComponent("libExamplePluginSwift.so").path
  static let tool = products.appendingPathComponent("zeroth").path
  private static let include = SharedMaterial.package.appendingPathComponent("Sources/CZerothPlugin/include").path
  private static let tests = SharedMaterial.package.appendingPathComponent("Tests/PluginTests").path
  private static let hostile = "\(tests)/hostile.c"

  /// Builds `hostile.c` with `names` defined, and calls `body` with the library's path.
  static func withHostile<R>(_ names: String..., body: (String) throws -> R) throws -> R {
    try withHostile(names, source: "hostile.c", body: body)
  }

  /// Builds a file of this folder with `names` defined.
  static func withHostile<R>(_ names: [String], source: String, body: (String) throws -> R) throws -> R {
    try withFolder { folder in
      let library = "\(folder)/libhostile.so"
      let defines = names.map { "-D\($0)" }
      try compile(
        "cc", ["-w", "-O1", "-shared", "-fPIC", "-I\(include)"] + defines + ["\(tests)/\(source)", "-o", library])
      return try body(library)
    }
  }

  /// The same with a C++ file beside it.
  static func withHostile<R>(_ name: String, cPlusPlus source: String, body: (String) throws -> R) throws -> R {
    try withFolder { folder in
      let library = "\(folder)/libhostile.so"
      try Data(source.utf8).write(to: URL(fileURLWithPath: "\(folder)/source.cpp"))
      try compile(
        "cc", ["-w", "-fPIC", "-fexceptions", "-I\(include)", "-D\(name)", "-c", hostile, "-o", "\(folder)/c.o"])
      try compile("c++", ["-w", "-fPIC", "-shared", "\(folder)/c.o", "\(folder)/source.cpp", "-o", library])
      return try body(library)
    }
  }

  static func compile(_ compiler: String, _ arguments: [String]) throws {
    let output = try Execution("/usr/bin/env", [compiler] + arguments)
    try #require(output.status == 0, "\(output.err)")
  }
}

/// theta's bits after `steps` steps of a composition on a quadratic.
func run(
  _ estimator: Composition.Part, _ rule: Composition.Part = .init("sgd", ["learning-rate": 0.01]),
  _ adapter: Composition.Part = .init("none"), steps: Int = 8, generator: String = "philox4x32",
  in registry: Registry
) throws -> [UInt32] {
  let quadratic = Quadratic()
  var theta = quadratic.start()
  var optimizer = try registry.makeOptimizer(
    Composition(estimator: estimator, rule: rule, adapter: adapter, seed: 3, generator: generator), runSteps: steps)
  for _ in 0..<steps { try optimizer.step(&theta, quadratic) }
  return theta.layout.blocks.flatMap { theta.values(of: $0).map(\.bitPattern) }
}

extension Registry {
  /// The strategies of the core and of the library at `path`.
  static func loading(_ path: String, checking: Bool = false) throws -> Registry {
    var registry = Registry.standard
    try registry.load(plugin: path, checking: checking)
    return registry
  }
}
