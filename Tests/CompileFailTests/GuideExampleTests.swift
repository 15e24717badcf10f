import Foundation
import TestSupport
import Testing

/// The Swift examples of the pages. Those that are whole files, which begin with an import, have to compile.
@Suite(.enabled(if: Compiler.found != nil, "needs swiftc and the modules of this build"))
struct GuideExampleTests {
  struct Example: Sendable, CustomTestStringConvertible {
    var page: String
    var code: String
    var testDescription: String { page }
  }

  static let examples: [Example] = {
    let guides = (try? FileManager.default.contentsOfDirectory(atPath: path("docs/strategies"))) ?? []
    let pages =
      ["README.md", "Sources/Zeroth/Zeroth.docc/Zeroth.md", "docs/gradients.md", "docs/library.md"]
      + guides.filter { $0.hasSuffix(".md") }.sorted().map { "docs/strategies/\($0)" }
    return pages.flatMap { page in
      let text = (try? String(contentsOfFile: path(page), encoding: .utf8)) ?? ""
      let blocks = text.components(separatedBy: "```swift\n").dropFirst().compactMap {
        $0.components(separatedBy: "\n```").first
      }
      return blocks.filter { $0.hasPrefix("import ") }.map { Example(page: page, code: $0) }
    }
  }()

  private static func path(_ page: String) -> String { SharedMaterial.package.appendingPathComponent(page).path }

  @Test func thereAreExamples() {
    #expect(Self.examples.count >= 25 && Self.examples.contains { $0.page == "README.md" })
  }

  @Test(arguments: examples) func compiles(_ example: Example) throws {
    let compiler = try #require(Compiler.found)
    let scratch = try Scratch()
    let (status, output) = try compiler.check(try scratch.write([example.code], to: "example.swift"))
    #expect(status == 0, "\(output)")
  }
}
