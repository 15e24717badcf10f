import Foundation
import TestSupport
import Testing

/// What the types rule out: sources that must not compile, each with a phrase of the error that must be said.
///
/// A source begins with `// error: PHRASE`; control.swift, checked with the same flags, compiles.
@Suite(.enabled(if: Compiler.found != nil, "needs swiftc and the modules of this build"))
struct CompileFailTests {
  static let folder = SharedMaterial.package.appendingPathComponent("Tests/CompileFailTests/Sources-that-must-fail")
  static let sources: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasSuffix(".swift") }.sorted()
  }()

  @Test func thereAreSources() { #expect(Self.sources.count >= 6 && Self.sources.contains("control.swift")) }

  @Test(arguments: sources) func compiles(_ name: String) throws {
    let compiler = try #require(Compiler.found)
    let path = Self.folder.appendingPathComponent(name).path
    let firstLine = try #require(try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").first)
    let (status, output) = try compiler.check(path)
    if firstLine == "// compiles" {
      #expect(status == 0, "\(output)")
    } else {
      let phrase = try #require(firstLine.hasPrefix("// error: ") ? String(firstLine.dropFirst(10)) : nil)
      #expect(status != 0)
      let errors = output.split(separator: "\n").filter { $0.contains("error: ") }
      #expect(errors.contains { $0.contains(phrase) }, "\(output)")
    }
  }
}

/// `swiftc` with the modules that this test was built with.
struct Compiler: Sendable {
  let executable: URL
  let modules: URL
  /// The maps of the modules in C.
  let moduleMaps: [URL]

  /// The compiler of this toolchain and the modules beside the test's own executable, if both are there.
  static let found: Compiler? = {
    let search = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").map(String.init) ?? []
    let compilers = search.map { URL(fileURLWithPath: $0).appendingPathComponent("swiftc") }
    guard let executable = compilers.first(where: { FileManager.default.isExecutableFile(atPath: $0.path) }) else {
      return nil
    }
    for folder in buildFolders() {
      let modules = folder.appendingPathComponent("Modules")
      let map = folder.appendingPathComponent("CZeroth.build/module.modulemap")
      if FileManager.default.fileExists(atPath: modules.appendingPathComponent("Zeroth.swiftmodule").path),
        FileManager.default.fileExists(atPath: map.path)
      {
        let zlib = SharedMaterial.package.appendingPathComponent("Sources/CZlib/module.modulemap")
        return Compiler(executable: executable, modules: modules, moduleMaps: [map, zlib])
      }
    }
    return nil
  }()

  /// The folders of the running executable and of the test bundle that its arguments name.
  private static func buildFolders() -> [URL] {
    ([CommandLine.arguments.first, "/proc/self/exe"].compactMap(\.self) + CommandLine.arguments)
      .map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().deletingLastPathComponent() }
  }

  /// Type-checks `source` and, as ownership is looked at only then, lowers it.
  func check(_ source: String) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = executable
    process.arguments =
      ["-emit-sil", "-o", "/dev/null", "-swift-version", "6", "-I", modules.path]
      + moduleMaps.flatMap { ["-Xcc", "-fmodule-map-file=\($0.path)"] } + [source]
    let pipe = Pipe()
    process.standardError = pipe
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
