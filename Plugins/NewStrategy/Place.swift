import Foundation
import PackagePlugin

/// Where in a package a strategy is written. Only existing targets are used, so that no manifest has to be edited.
struct Place {
  let root: URL
  /// The module of the strategy.
  let module: String
  let sources: URL
  let tests: URL
  /// The file that already has an `install(into:)` for strategies of this kind; nil where there is none.
  let installer: URL?

  /// The place for a `kind` in `package`. Throws `ScaffoldError` when no target can hold the strategy, or none can test
  /// it.
  init(_ package: Package, _ kind: Kind, target name: String?) throws {
    let all = package.targets(ofType: SwiftSourceModuleTarget.self)
    let allTests = all.filter { $0.kind == .test }
    let target = try Self.library(name, for: kind, among: all.filter { $0.kind == .generic }, allTests)
    let tests = try Self.tests(of: target, among: allTests)
    root = package.directoryURL
    module = target.moduleName
    sources = target.directoryURL
    self.tests = tests.directoryURL
    installer = target.installs(kind.registry)
  }

  /// The target called `name`. Where no name is given, it is the first target that has tests and already installs
  /// strategies of this kind, else the first that has tests, else the first that can import the module.
  private static func library(
    _ name: String?, for kind: Kind, among libraries: [SwiftSourceModuleTarget], _ tests: [SwiftSourceModuleTarget]
  ) throws -> SwiftSourceModuleTarget {
    let (module, product) = (kind.module, product(kind.module))
    guard let name else {
      let able = libraries.filter { $0.sees(module) }
      let tested = able.filter { target in tests.contains { $0.dependsDirectly(on: target.name) } }
      if let first = tested.first(where: { $0.installs(kind.registry) != nil }) ?? tested.first ?? able.first {
        return first
      }
      throw ScaffoldError(
        "package", found: "no library target that depends on \(module), which \(kind.article) needs",
        expected: ".target(name: \"\(kind == .task ? "MyTasks" : "MyStrategies")\", dependencies: [\(product)])")
    }
    guard let target = libraries.first(where: { $0.name == name }) else {
      throw ScaffoldError(
        "target '\(name)'", found: "no library target of this name",
        expected: "one of \(libraries.map { $0.name }.joined(separator: ", "))")
    }
    guard target.sees(module) else {
      throw ScaffoldError(
        "target '\(name)'", found: "no dependency on \(module), which \(kind.article) needs", expected: product)
    }
    return target
  }

  /// The target that tests `target`.
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

  /// The path of `url` relative to the folder of the tests, as the tests name it.
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
  /// The file with a function `install(into:)` for a registry of this type; nil where there is none.
  func installs(_ registry: String) -> URL? {
    sourceFiles.map { $0.url }.first { url in
      let text = url.pathExtension == "swift" ? try? String(contentsOf: url, encoding: .utf8) : nil
      return text?.split(separator: "\n").contains {
        $0.contains("func install(into ") && $0.contains(": inout \(registry))")
      } == true
    }
  }
}
