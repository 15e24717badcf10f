import Foundation
import TestSupport
import Testing

/// Runs `body` on a folder that holds these files and is gone afterwards.
func withTokenizerFolder(_ files: [String: Data], _ body: (String) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-tokenizer-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  for (name, content) in files {
    // Without the wait for the disk of `Data.write(to:)`, which thousands of small files would pay.
    let file = try #require(fopen(folder.appendingPathComponent(name).path, "w"))
    defer { fclose(file) }
    let written = content.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
    #expect(written == content.count)
  }
  try body(folder.path)
}

/// The bytes of a file below `Tests/Fixtures/tokenizers`.
func tokenizerFixture(_ name: String) throws -> Data {
  try Data(contentsOf: URL(fileURLWithPath: SharedMaterial.fixture("tokenizers/\(name)")))
}
