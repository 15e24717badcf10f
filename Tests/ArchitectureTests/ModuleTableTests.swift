import Foundation
import TestSupport
import Testing

/// docs/architecture.md has a table of what each module may import: the sources keep to it.
@Suite struct ModuleTableTests {
  /// Modules of the toolchain, which everyone may import.
  static let toolchain: Set<String> = ["Foundation", "Synchronization"]

  private nonisolated(unsafe) static let importLine =
    /^(?:@\w+ )?(?:public |package |internal |fileprivate |private )?import (?:struct |class |enum |protocol |func )?(\w+)/
  private let sources = SharedMaterial.package.appendingPathComponent("Sources").path

  /// The modules that each row of the table allows, by the row's module.
  private func table() throws -> [String: Set<String>] {
    let file = SharedMaterial.package.appendingPathComponent("docs/architecture.md")
    var table: [String: Set<String>] = [:]
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      // Module, what it holds, what it may import. Other tables of three columns name no module.
      guard cells.count == 3, cells[0].wholeMatch(of: /`\w+`/) != nil,
        FileManager.default.fileExists(atPath: "\(sources)/\(cells[0].dropFirst().dropLast())")
      else { continue }
      table[String(cells[0].dropFirst().dropLast())] = Set(cells[2].split(separator: ",").map { $0.trimmed })
    }
    return table
  }

  /// The modules that the Swift files below `folder` import, with one file for each.
  private func imports(below folder: URL) throws -> [String: String] {
    var imports: [String: String] = [:]
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    while let file = files?.nextObject() as? URL {
      // The code of a tutorial is a reader's, and no part of the module.
      guard file.pathExtension == "swift", !file.path.contains(".docc/") else { continue }
      for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
        guard line.contains("import "), let match = line.firstMatch(of: Self.importLine)
        else { continue }
        imports[String(match.1)] = file.lastPathComponent
      }
    }
    return imports
  }

  @Test func sourcesImportWhatTheTableAllows() throws {
    let table = try table()
    let sources = SharedMaterial.package.appendingPathComponent("Sources")
    let modules = try FileManager.default.contentsOfDirectory(atPath: sources.path).filter { !$0.hasPrefix("CZlib") }
    #expect(Set(table.keys) == Set(modules))
    for (module, allowed) in table {
      let mayImportAll = allowed.contains("and all of the above")
      for (imported, file) in try imports(below: sources.appendingPathComponent(module)) {
        let isAllowed =
          allowed.contains(imported) || Self.toolchain.contains(imported) || (mayImportAll && table[imported] != nil)
          || (module == "zeroth" && !imported.hasPrefix("Zeroth"))
        #expect(isAllowed, "\(module)/\(file) imports \(imported)")
      }
    }
  }

  /// A strategy needs the core and the descriptions of strategies; no model, no task, no resource.
  @Test func strategiesImportTheCoreAndTheDescriptionsAlone() throws {
    let plugins = SharedMaterial.package.appendingPathComponent("Plugins")
    // Contributed installs them all.
    let names = try FileManager.default.contentsOfDirectory(atPath: plugins.path).filter {
      $0 != "Contributed"
        && FileManager.default.fileExists(atPath: plugins.appendingPathComponent("\($0)/Sources/Install.swift").path)
    }
    #expect(names.count >= 15, "\(names)")
    for name in names {
      let imported = try imports(below: plugins.appendingPathComponent("\(name)/Sources"))
      #expect(imported["Zeroth"] != nil, "\(name)")
      let others = Set(imported.keys).subtracting(Self.toolchain).subtracting(["Zeroth", "ZerothStrategies"])
      #expect(others.isEmpty, "\(name): \(others)")
    }
  }
}

extension StringProtocol {
  fileprivate var trimmed: String { trimmingCharacters(in: .whitespaces) }
}
