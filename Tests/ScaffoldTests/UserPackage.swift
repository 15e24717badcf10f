import Foundation
import TestSupport

/// A package that depends on this one, in a folder that is its own, as the author of a strategy has it.
struct UserPackage {
  private let root: URL

  /// Whether there is a `swift` to build it.
  static let canBuild = (try? run(["swift", "--version"]).status) == 0

  /// The package that docs/extending.md describes, with its target for tasks and two that the scaffold refuses.
  init() throws {
    root = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-scaffold-\(UUID().uuidString)")
    let more = """
      targets: [
          .target(name: "Plain"),
          .target(name: "Untested", dependencies: [.product(name: "ZerothStrategies", package: "zeroth")]),
          .target(name: "MyTasks", dependencies: [.product(name: "ZerothTasks", package: "zeroth")]),
          .testTarget(
            name: "MyTasksTests", dependencies: ["MyTasks", .product(name: "ZerothTestKit", package: "zeroth")]),
      """
    try write(
      "Package.swift",
      try Self.guide("// swift-tools-version").replacing("../zeroth", with: SharedMaterial.package.path)
        .replacing("targets: [", with: more))
    for target in ["Plain", "MyStrategies", "Untested", "MyTasks"] {
      try write("Sources/\(target)/About.swift", "// Nothing yet.\n")
    }
    for target in ["MyStrategiesTests", "MyTasksTests"] {
      try write("Tests/\(target)/About.swift", "// Nothing yet.\n")
    }
    // The tool installs what the scaffold has yet to write.
    try write("Sources/my-zeroth/Main.swift", try Self.guide("@main"))
    try write("run.toml", try Self.guide("[model]"))
  }

  /// The code block of docs/extending.md that has `words` in it.
  private static func guide(_ words: String) throws -> String {
    let guide = SharedMaterial.package.appendingPathComponent("docs/extending.md")
    let blocks = try String(contentsOf: guide, encoding: .utf8).components(separatedBy: "```")
    let block = blocks.indices.first { !$0.isMultiple(of: 2) && blocks[$0].contains(words) }
    return block.map { String(blocks[$0].drop { $0 != "\n" }.dropFirst()) } ?? ""
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

  /// Runs the tool that the guide makes.
  func tool(_ arguments: [String]) throws -> (status: Int32, output: String) {
    try Self.run([root.appendingPathComponent(".build/release/my-zeroth").path] + arguments)
  }

  /// The path of a file of the package.
  func path(_ name: String) -> String { root.appendingPathComponent(name).path }

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
