import Foundation
import TestSupport

/// A package that depends on this one, in a folder that is its own, as the author of a strategy has it.
struct UserPackage {
  private let root: URL

  /// Whether there is a `swift` to build it.
  static let canBuild = (try? run(["swift", "--version"]).status) == 0

  init() throws {
    root = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-scaffold-\(UUID().uuidString)")
    try write(
      "Package.swift",
      """
      // swift-tools-version: 6.3
      import PackageDescription

      let package = Package(
        name: "my-strategies",
        dependencies: [.package(name: "zeroth", path: "\(SharedMaterial.package.path)")],
        targets: [
          .target(name: "Plain"),
          .target(
            name: "MyStrategies",
            dependencies: [.product(name: "Zeroth", package: "zeroth"), .product(name: "ZerothRuns", package: "zeroth")]),
          .target(name: "Untested", dependencies: [.product(name: "ZerothRuns", package: "zeroth")]),
          .testTarget(
            name: "MyStrategiesTests",
            dependencies: ["MyStrategies", .product(name: "ZerothTestKit", package: "zeroth")]),
        ])
      """)
    for target in ["Plain", "MyStrategies", "Untested"] {
      try write("Sources/\(target)/About.swift", "// Nothing yet.\n")
    }
    try write("Tests/MyStrategiesTests/About.swift", "// Nothing yet.\n")
  }

  func remove() { try? FileManager.default.removeItem(at: root) }

  private func write(_ path: String, _ text: String) throws {
    let file = root.appendingPathComponent(path)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  /// Replaces `from` by `to` in a source of the module.
  func edit(_ name: String, _ from: String, _ to: String) throws {
    let file = root.appendingPathComponent("Sources/MyStrategies/\(name)")
    let text = try String(contentsOf: file, encoding: .utf8)
    try Data(text.replacing(from, with: to).utf8).write(to: file)
  }

  /// The paths of all files but those of the build.
  func files() throws -> Set<String> {
    Set(try FileManager.default.subpathsOfDirectory(atPath: root.path).filter { !$0.hasPrefix(".build") })
  }

  /// Runs the scaffold.
  func scaffold(_ arguments: [String]) throws -> (status: Int32, output: String) {
    try Self.run(
      ["swift", "package", "--package-path", root.path, "--allow-writing-to-package-directory", "new-strategy"]
        + arguments)
  }

  /// What became of the tests, each by `Suite.test()`.
  struct TestRun {
    var output: String
    var passed: Set<String> = []
    /// The messages of each that failed.
    var failures: [String: [String]] = [:]
  }

  /// Builds the package and runs its tests.
  func test() throws -> TestRun {
    let flags = ["--package-path", root.path, "-c", "release", "-Xswiftc", "-enable-testing"]
    let build = try Self.run(["swift", "build", "--build-tests"] + flags)
    var result = TestRun(output: build.output)
    guard build.status == 0 else { return result }
    let report = root.appendingPathComponent(".build/report.xml").path
    result.output += try Self.run(["swift", "test", "--skip-build", "--xunit-output", report] + flags).output
    // Swift Testing's report lies beside the one of XCTest.
    let xml = try String(contentsOfFile: report.replacing(".xml", with: "-swift-testing.xml"), encoding: .utf8)
    for part in xml.split(separator: "<testcase ").dropFirst() {
      guard let names = part.firstMatch(of: /classname="[^"]*\.(\w+)" name="([^"]+)"/) else { continue }
      let test = "\(names.1).\(names.2)"
      let messages = part.matches(of: /<failure message="([^"]*)"/).map { String($0.1) }
      if messages.isEmpty { result.passed.insert(test) } else { result.failures[test] = messages }
    }
    return result
  }

  /// A command's status and all that it prints.
  static func run(_ command: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
