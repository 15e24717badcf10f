import Foundation
import Zeroth
import ZerothSupport

/// A model in GGUF: one file, or the parts into which a large file was split.
///
/// The contents of a `config.json` and a `tokenizer.json` are derived from the metadata. So families and tokenizers
/// need to read only one form.
struct GGUFModel: Sendable {
  /// The file with the metadata: the only file, or the first part.
  let file: GGUFFile
  /// The tensors of all parts by their names in the file, each with the part that contains it.
  let tensors: [String: (tensor: GGUFFile.Tensor, file: MappedFile)]

  /// Opens and checks the file at `path`. Where it is the first of several parts, opens and checks the others too.
  init(path: String) throws {
    file = try GGUFFile(path: path)
    var tensors: [String: (tensor: GGUFFile.Tensor, file: MappedFile)] = [:]
    for part in [file] + (try Self.otherParts(of: file)) {
      for tensor in part.tensors {
        guard let other = tensors.updateValue((tensor, part.file), forKey: tensor.name) else { continue }
        throw InputError(
          "\(part.path): tensor '\(tensor.name.excerpt)'", found: "the tensor in \(other.file.path) too",
          expected: "each tensor in one part")
      }
    }
    self.tensors = tensors
    let expected = try file.integer("split.tensors.count", default: tensors.count, 0...Int(Int32.max))
    guard expected == tensors.count else {
      throw InputError(
        "\(path): split.tensors.count", found: "\(expected)", expected: "\(tensors.count), the tensors of all parts")
    }
  }

  /// The parts of a split model after the first. Their names are that of the first with another number.
  private static func otherParts(of first: GGUFFile) throws -> [GGUFFile] {
    let count = try first.integer("split.count", default: 1, 0...99_999)
    guard count > 1 else { return [] }
    let number = try first.integer("split.no", 0...(count - 1))
    let end = suffix(number, of: count)
    guard first.path.hasSuffix(end) else {
      throw InputError(first.path, found: "part \(number + 1) of \(count)", expected: "a name that ends with \(end)")
    }
    let stem = String(first.path.dropLast(end.count))
    guard number == 0 else {
      throw InputError(
        first.path, found: "part \(number + 1) of \(count)",
        expected: "the first, \(stem)\(suffix(0, of: count)), which finds the others")
    }
    return try (1..<count).map { i in
      let path = stem + suffix(i, of: count)
      guard FileManager.default.fileExists(atPath: path) else {
        throw InputError(path, found: "no such file", expected: "part \(i + 1) of \(count), beside the first")
      }
      let part = try GGUFFile(path: path)
      let found = (try part.integer("split.no", 0...99_999), try part.integer("split.count", 0...99_999))
      guard found == (i, count) else {
        throw InputError(
          "\(path): split.no", found: "part \(found.0 + 1) of \(found.1)", expected: "part \(i + 1) of \(count)")
      }
      return part
    }
  }

  private static func suffix(_ i: Int, of count: Int) -> String {
    String(format: "-%05d-of-%05d.gguf", i + 1, count)
  }

  /// The known architecture that `general.architecture` names. Throws `InputError` for another one.
  func architecture() throws(InputError) -> GGUFArchitecture {
    guard let name = try file.text("general.architecture"),
      let architecture = GGUFArchitecture.all.first(where: { $0.name == name })
    else {
      throw file.error(
        "general.architecture", expected: "one of \(GGUFArchitecture.all.map(\.name).joined(separator: ", "))")
    }
    return architecture
  }

  /// The `config.json` that follows from the metadata.
  func configuration() throws -> ConfigurationFile {
    let architecture = try architecture()
    var members = try architecture.configure(GGUFFields(model: self, architecture: architecture.name))
    func token(_ key: String) throws -> Int? {
      let key = "tokenizer.ggml.\(key)_token_id"
      return file.metadata[key] == nil ? nil : try file.integer(key, 0...Int(Int32.max))
    }
    members.append(.init("bos_token_id", try token("bos").map { .int($0) } ?? .null))
    var ends: [Int] = []
    for end in [try token("eos"), try token("eot")] { if let end, !ends.contains(end) { ends.append(end) } }
    members.append(
      .init("eos_token_id", ends.count == 1 ? .int(ends[0]) : ends.isEmpty ? .null : .array(ends.map { .int($0) })))
    members.append(.init("pad_token_id", try token("padding").map { .int($0) } ?? .null))
    return ConfigurationFile(json: .object(members), name: file.path)
  }

  /// The weights, under the names that `names` gives to the parts of a decoder.
  func weights(_ names: DecoderTensors) throws -> GGUFWeights {
    try GGUFWeights(self, names, architecture())
  }
}
