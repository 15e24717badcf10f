import Foundation
import Testing
import Zeroth

/// An empty folder that is removed after `body`.
public func withFolder<R>(_ body: (String) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}

/// The `InputError` that `body` throws; records an issue when it throws none or another error.
public func inputError(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> InputError? {
  #expect(throws: InputError.self, sourceLocation: sourceLocation) { try body() }
}
