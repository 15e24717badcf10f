import Foundation
import ZerothSupport

/// The files of a model besides its configuration and weights: the tokenizer in every form, settings for generation and
/// chat, the model's own code, the pooling of sentence models, and the licence. A star stands for any text.
///
/// `config.json` is not in the list because it is written anew. Files that are not listed are not copied: other forms
/// of the weights, files of a training program, and the card that describes the untuned model.
private let modelFilePatterns = [
  "tokenizer*.json", "tokenizer*.model*", "vocab*.json", "vocab*.txt", "merges*.txt", "special_tokens_map.json",
  "added_tokens*.json", "spiece.model", "sentencepiece*.model", "*.tiktoken", "tekken.json",
  "generation_config.json", "chat_template*", "additional_chat_templates/*",
  "preprocessor_config.json", "processor_config.json",
  "modules.json", "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling/config.json",
  "*.py", "LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*",
]

/// Copies the files that belong to a model, except for its configuration and weights, from one model folder to another.
///
/// Returns the names of the copied files. Throws `InputError` for a file that cannot be read or written. Each file is
/// replaced whole or not at all.
@discardableResult
public func copyModelFiles(from source: String, to destination: String) throws -> [String] {
  let names = modelFiles(in: source)
  for name in names {
    let original = try MappedFile(path: source.appendingFile(name))
    if let slash = name.lastIndex(of: "/") {
      let folder = destination.appendingFile(String(name[..<slash]))
      do {
        if !FileManager.default.fileExists(atPath: folder) {
          try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        }
      } catch {
        throw InputError(folder, found: "a folder that cannot be made", expected: "a place to write the model to")
      }
    }
    let copy = try AtomicFile(path: destination.appendingFile(name))
    try withExtendedLifetime(original) { try copy.write(original.bytes) }
    try copy.commit()
  }
  return names
}

/// The names of the files in `folder` that belong to a model, sorted.
private func modelFiles(in folder: String) -> [String] {
  let subfolders = Set(modelFilePatterns.compactMap { $0.split(separator: "/").dropLast().first }.map(String.init))
  var names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  for subfolder in subfolders {
    let inner = (try? FileManager.default.contentsOfDirectory(atPath: folder.appendingFile(subfolder))) ?? []
    names += inner.map { "\(subfolder)/\($0)" }
  }
  return names.filter { name in
    var isFolder: ObjCBool = false
    return modelFilePatterns.contains { matches(name, $0) }
      && FileManager.default.fileExists(atPath: folder.appendingFile(name), isDirectory: &isFolder)
      && !isFolder.boolValue
  }.sorted()
}

/// Whether `name` matches `pattern`, in which a star stands for any text without a slash.
private func matches(_ name: String, _ pattern: String) -> Bool {
  let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
  guard parts.count > 1, let first = parts.first, let last = parts.last else { return name == pattern }
  guard name.hasPrefix(first), name.hasSuffix(last), name.utf8.count >= first.utf8.count + last.utf8.count else {
    return false
  }
  var rest = name.dropFirst(first.count).dropLast(last.count)
  guard !rest.contains("/") else { return false }
  for part in parts.dropFirst().dropLast() where !part.isEmpty {
    guard let found = rest.firstRange(of: part) else { return false }
    rest = rest[found.upperBound...]
  }
  return true
}
