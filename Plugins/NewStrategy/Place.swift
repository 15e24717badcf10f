import Foundation
import PackagePlugin

/// Where in a package a strategy is written: existing targets, so that no manifest has to be edited.
struct Place {
  let root: URL
  /// The module of the strategy.
  let module: String
  let sources: URL
  let tests: URL
  /// The files that already put strategies and tasks into a registry, by the type of the registry.
  let installers: [String: URL]

  /// The place in `package`. Throws when there is no target that can hold it, or none that can test it.
  init(_ package: Package, target name: String?) throws {
    let all = package.targets(ofType: SwiftSourceModuleTarget.self)
    let allTests = all.filter { $0.kind == .test }
    let target = try Self.library(name, among: all.filter { $0.kind == .generic }, allTests)
    let tests = try Self.tests(of: target, among: allTests)
    root = package.directoryURL
    module = target.moduleName
    sources = target.directoryURL
    self.tests = tests.directoryURL
    installers = ["Registry", "TaskRegistry"].reduce(into: [:]) { $0[$1] = target.installs($1) }
  }

  /// The target called `name`, or the first that has tests and installs strategies, or could.
  private static func library(
    _ name: String?, among libraries: [SwiftSourceModuleTarget], _ tests: [SwiftSourceModuleTarget]
  ) throws -> SwiftSourceModuleTarget {
    guard let name else {
      let able = libraries.filter { $0.sees("ZerothStrategies") }
      let tested = able.filter { target in tests.contains { $0.dependsDirectly(on: target.name) } }
      if let first = tested.first(where: { $0.installs("Registry") != nil }) ?? tested.first ?? able.first {
        return first
      }
      throw ScaffoldError(
        "package", found: "no library target that depends on ZerothStrategies",
        expected: ".target(name: \"MyStrategies\", dependencies: [\(product("ZerothStrategies"))])")
    }
    guard let target = libraries.first(where: { $0.name == name }) else {
      throw ScaffoldError(
        "target '\(name)'", found: "no library target of this name",
        expected: "one of \(libraries.map { $0.name }.joined(separator: ", "))")
    }
    guard target.sees("ZerothStrategies") else {
      throw ScaffoldError(
        "target '\(name)'", found: "no dependency on ZerothStrategies", expected: product("ZerothStrategies"))
    }
    return target
  }

  /// The tests of `target`.
  private static func tests(
    of target: SwiftSourceModuleTarget, among tests: [SwiftSourceModuleTarget]
  ) throws -> SwiftSourceModuleTarget {
    let own = tests.filter { $0.dependsDirectly(on: target.name) }
    guard let found = own.first(where: { $0.name == "\(target.name)Tests" }) ?? own.first else {
      throw ScaffoldError(
        "target '\(target.name)'", found: "no test target that depends on it",
        expected: ".testTarget(name: \"\(target.name)Tests\", dependencies: "
          + "[\"\(target.name)\", \(product("ZerothTestKit"))])")
    }
    guard found.sees("ZerothTestKit") else {
      throw ScaffoldError(
        "target '\(found.name)'", found: "no dependency on ZerothTestKit", expected: product("ZerothTestKit"))
    }
    return found
  }

  private static func product(_ name: String) -> String { ".product(name: \"\(name)\", package: \"zeroth\")" }

  /// The path of `url` from the root of the package.
  func path(_ url: URL) -> String {
    String(url.standardizedFileURL.path.dropFirst(root.standardizedFileURL.path.count).drop { $0 == "/" })
  }

  /// The path of `url` from the folder of the tests, as their source names it.
  func fromTests(_ url: URL) -> String {
    let here = path(tests).split(separator: "/")
    let there = path(url).split(separator: "/")
    let shared = zip(here, there).prefix { $0 == $1 }.count
    return (here.dropFirst(shared).map { _ in ".." } + there.dropFirst(shared)).joined(separator: "/")
  }
}

extension Target {
  /// Whether the target can import `module`.
  func sees(_ module: String) -> Bool { recursiveTargetDependencies.contains { $0.name == module } }

  /// Whether the target depends on the target called `name`.
  func dependsDirectly(on name: String) -> Bool {
    dependencies.contains { if case .target(let target) = $0 { target.name == name } else { false } }
  }
}

extension SwiftSourceModuleTarget {
  /// The file that has `install(into:)` for a registry of this type, if there is one.
  func installs(_ registry: String) -> URL? {
    sourceFiles.map { $0.url }.first { url in
      let text = url.pathExtension == "swift" ? try? String(contentsOf: url, encoding: .utf8) : nil
      return text?.split(separator: "\n").contains {
        $0.contains("func install(into ") && $0.contains(": inout \(registry))")
      } == true
    }
  }
}
