import ZerothSupport
import Foundation

/// The files beside the weights that tokenizers and generation need.
private let tokenizerFileNames = [
  "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "merges.txt", "vocab.txt",
  "special_tokens_map.json", "added_tokens.json", "generation_config.json",
]

/// Copies the tokenizer's files and `generation_config.json`, those that are there, from one model folder to another.
///
/// Returns the names of the files copied. Throws `InputError` for a file that cannot be read or written; each file is
/// replaced whole or not at all.
@discardableResult
public func copyTokenizerFiles(from source: String, to destination: String) throws -> [String] {
  let names = tokenizerFileNames.filter { FileManager.default.fileExists(atPath: source.appendingFile($0)) }
  for name in names {
    let original = try MappedFile(path: source.appendingFile(name))
    let copy = try AtomicFile(path: destination.appendingFile(name))
    try withExtendedLifetime(original) { try copy.write(original.bytes) }
    try copy.commit()
  }
  return names
}
