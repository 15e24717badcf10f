import Foundation

/// The texts of a kind of strategy. `FILL IN` marks what the author has to write.
struct Template {
  /// The source of the strategy, with its registration.
  let source: String
  /// The modules that its tests import, besides those that all tests import.
  var imports: [String] = []
  /// The source of the tests.
  let tests: String
  /// The text of the golden file.
  let golden: String
  /// The text of the guide.
  let guide: String
  /// The type of registry, and the line that adds the strategy to one.
  let registry: (type: String, name: String, line: String)
}

/// The files of one strategy.
struct Scaffold {
  private let names: Names
  private let place: Place
  private let template: Template
  private var files: [(url: URL, text: String, purpose: String)] = []
  /// What the author has to do, besides replacing `FILL IN`.
  private var steps: [String] = []

  init(_ names: Names, _ place: Place) {
    self.names = names
    self.place = place
    template =
      switch names.kind {
      case .estimator: .estimator(names)
      case .rule: names.traits.contains(.core) ? .coreRule(names) : .rule(names)
      case .adapter: .adapter(names)
      case .task: .task(names)
      }
    let folder = names.kind == .task ? "docs/tasks" : "docs/strategies"
    let source = place.sources.appending(path: "\(names.type).swift")
    let golden = place.tests.deletingLastPathComponent().appending(path: "Golden/\(names.type).json")
    let guide = place.root.appending(path: "\(folder)/\(names.kebab).md")
    files = [
      (source, template.source, "the \(names.kind.rawValue)"),
      (place.tests.appending(path: "\(names.type)Tests.swift"), test(source, golden, guide), "its tests"),
      (golden, template.golden, "what it should compute"),
      (guide, fillIn(template.guide, source), "its guide"),
    ]
    install()
  }

  /// The source of the test. It checks the laws of the kind and the golden file, and that no `FILL IN` is left.
  private func test(_ source: URL, _ golden: URL, _ guide: URL) -> String {
    let modules = ["Testing", "Zeroth", "ZerothTestKit", names.kind.module, place.module]
    let imports = (modules + template.imports).sorted()
    return """
      \(imports.map { "import \($0)" }.joined(separator: "\n"))

      @Suite struct \(names.type)Tests {
        private let golden = "\(place.fromTests(golden))"

      \(template.tests)
        @Test func isInstalled() throws {
          var \(template.registry.name) = \(template.registry.type).standard
          try install(into: &\(template.registry.name))
          #expect(throws: Never.self, "FILL IN: install(into:) has to register it") {
            _ = try \(template.registry.name).\(names.kind == .task ? "task(named: " : "explain(")"\(names.registered)")
          }
        }

        @Test func nothingIsLeftToFillIn() throws {
          try checkFilledIn(
            "\(place.fromTests(source))",
            "\(place.fromTests(guide))", golden)
        }
      }

      """
  }

  /// The guide, with the names of the file and of the module filled in.
  private func fillIn(_ guide: String, _ source: URL) -> String {
    guide.replacing("SOURCE", with: place.path(source)).replacing("MODULE", with: place.module)
  }

  /// Adds the strategy to the function that installs the strategies of the module. Where there is no such function, it
  /// is written.
  private mutating func install() {
    let (type, name, line) = template.registry
    if let installer = place.installer {
      steps.append("Put into install(into:) in \(place.path(installer)):\n       \(line)")
      return
    }
    let file = place.sources.appending(path: names.kind == .task ? "InstallTasks.swift" : "Install.swift")
    let text = """
      import Zeroth
      import \(names.kind.module)

      /// Adds the \(names.kind == .task ? "tasks" : "strategies") of this module. Throws `InputError` when a name is taken.
      public func install(into \(name): inout \(type)) throws(InputError) {
        \(line)
      }

      """
    files.append((file, text, "where it is registered"))
  }

  /// Writes all files, or none where one of them already exists.
  func write() throws {
    let manager = FileManager.default
    if let existing = files.first(where: { manager.fileExists(atPath: $0.url.path) }) {
      throw ScaffoldError(place.path(existing.url), found: "a file that exists", expected: "a name without one")
    }
    var written: [URL] = []
    do {
      for file in files {
        try manager.createDirectory(at: file.url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(file.text.utf8).write(to: file.url, options: .withoutOverwriting)
        written.append(file.url)
      }
    } catch {
      for url in written { try? manager.removeItem(at: url) }
      throw ScaffoldError("\(place.root.path)", found: "\(error.localizedDescription)", expected: "a place to write to")
    }
  }

  /// The files that were written, and what is left to do.
  var report: String {
    let width = files.map { place.path($0.url).count }.max() ?? 0
    let list = files.map { file in
      let path = place.path(file.url)
      return "  \(path)\(String(repeating: " ", count: width - path.count))  \(file.purpose)"
    }
    let todo =
      steps + [
        "Fill in what is marked FILL IN; the tests fail until then and say where:\n"
          + "       swift build -c release -Xswiftc -enable-testing --build-tests\n"
          + "       swift test -c release -Xswiftc -enable-testing --skip-build --filter \(names.type)Tests"
      ]
    return """
      Written:
      \(list.joined(separator: "\n"))

      To do:
      \(todo.enumerated().map { "  \($0 + 1). \($1)" }.joined(separator: "\n"))
      """
  }
}
