import Foundation
import Zeroth
import ZerothSupport

/// The weights of one model folder: `model.safetensors`, or the shards that `model.safetensors.index.json` lists.
///
/// Where both are there the single file is taken, as transformers does.
public struct Checkpoint: Sendable {
  /// The folder.
  public let directory: String
  /// The names of all tensors: shard by shard, in the order of their data.
  public let names: [String]

  private let files: [String: SafetensorsFile]  // by the name of the tensor

  /// Opens and checks every file of the checkpoint in `directory`.
  ///
  /// Throws `InputError` for a folder without safetensors, for a file that breaks the format, and for shards that
  /// disagree with the index: one that is missing or outside the folder, a tensor missing from its shard or in two.
  public init(directory: String) throws {
    self.directory = directory
    let single = directory.appendingFile(Checkpoint.fileName)
    let index = directory.appendingFile(Checkpoint.indexName)
    let shards: [SafetensorsFile]
    if FileManager.default.fileExists(atPath: single) {
      shards = [try SafetensorsFile(path: single)]
    } else if FileManager.default.fileExists(atPath: index) {
      shards = try Checkpoint.shards(listedIn: index, directory: directory)
    } else {
      throw Checkpoint.nothingToRead(in: directory)
    }
    var files: [String: SafetensorsFile] = [:]
    for shard in shards {
      for name in shard.names {
        guard let other = files.updateValue(shard, forKey: name) else { continue }
        throw InputError(
          "\(shard.path): tensor '\(name.excerpt)'", found: "the tensor in \(other.path) too",
          expected: "each tensor in one shard")
      }
    }
    self.files = files
    names = shards.flatMap(\.names)
  }

  /// What the checkpoint says about the tensor `name`; throws `InputError` when there is none.
  public func info(_ name: String) throws -> TensorInfo { try file(of: name).info(name) }

  /// Whether there is a tensor `name`.
  public func contains(_ name: String) -> Bool { files[name] != nil }

  /// Reads the tensor `name` in row-major order; F32, F16 and BF16 values are converted exactly.
  ///
  /// Throws `InputError` for an unknown name, another element type, or a destination of another size.
  public func read(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws {
    try file(of: name).read(name, into: destination)
  }

  /// The matrices among `blocks` that are stored in half precision, where they lie in private copies of the files.
  func halves(of blocks: [ParameterBlock]) throws -> HalfPrecisionBlocks {
    var copies: [String: MappedFile] = [:]
    var places: [Int: (address: UnsafeMutableRawPointer, format: ElementFormat)] = [:]
    for block in blocks where block.isMatrix && contains(block.name) {
      let file = try file(of: block.name)
      let info = try file.info(block.name)
      guard let format = info.elementType.halfFormat else { continue }
      let copy = try copies[file.path] ?? file.privateCopy()
      copies[file.path] = copy
      guard let start = copy.bytes.baseAddress else { continue }
      let address = UnsafeMutableRawPointer(mutating: start + info.byteRange.lowerBound)
      // Files may start their data anywhere; what does not lie on an element's boundary is read as fp32.
      if UInt(bitPattern: address) % 2 == 0 { places[block.index] = (address, format) }
    }
    return HalfPrecisionBlocks(places, owner: MappedFiles(all: Array(copies.values)))
  }

  private final class MappedFiles: Sendable {
    let all: [MappedFile]
    init(all: [MappedFile]) { self.all = all }
  }

  private func file(of name: String) throws -> SafetensorsFile {
    guard let file = files[name] else {
      throw InputError(
        "\(directory): tensor '\(name.excerpt)'", found: "no such tensor",
        expected: "one of the \(names.count) in the checkpoint")
    }
    return file
  }
}

// MARK: - Finding the files

extension Checkpoint {
  /// The file of a checkpoint in one piece.
  public static let fileName = "model.safetensors"
  /// The file that lists the shards of a checkpoint in several.
  public static let indexName = "model.safetensors.index.json"

  /// Opens every shard that the index at `path` names and checks that it holds what the index says.
  private static func shards(listedIn path: String, directory: String) throws -> [SafetensorsFile] {
    let subject = "\(path): weight_map"
    let file = try MappedFile(path: path)
    let index = try withExtendedLifetime(file) { try JSON(parsing: file.bytes, subject: path) }
    guard let weightMap = index["weight_map"]?.members, !weightMap.isEmpty else {
      throw InputError(
        subject, found: index["weight_map"]?.summary ?? "nothing", expected: "an object of tensor names and shard files"
      )
    }
    var shards: [SafetensorsFile] = []
    var shardsByName: [String: SafetensorsFile] = [:]
    for entry in weightMap {
      let tensor = "\(subject): tensor '\(entry.key.excerpt)'"
      guard let name = entry.value.string, isPlainFileName(name) else {
        throw InputError(
          tensor, found: entry.value.summary, expected: "the name of a file in the same folder, without directories")
      }
      if shardsByName[name] == nil {
        let shardPath = directory.appendingFile(name)
        guard FileManager.default.fileExists(atPath: shardPath) else {
          throw InputError(
            tensor, found: "no file \(name.excerpt) in the folder", expected: "all shards of the checkpoint")
        }
        let shard = try SafetensorsFile(path: shardPath)
        shardsByName[name] = shard
        shards.append(shard)
      }
      guard shardsByName[name]?.tensors[entry.key] != nil else {
        throw InputError(tensor, found: "a shard \(name.excerpt) without it", expected: "a shard that holds the tensor")
      }
    }
    return shards
  }

  private static func isPlainFileName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && !name.contains("/") && !name.contains("\0")
  }

  private static func nothingToRead(in directory: String) -> InputError {
    let expected = "\(fileName), or \(indexName) and its shards; only safetensors files are read"
    guard let contents = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
      return InputError(directory, found: "no directory that can be read", expected: "a folder with \(expected)")
    }
    let pickles = contents.filter { $0.hasPrefix("pytorch_model") }.sorted()
    let found = pickles.first.map { "\($0) alone, which is a Python pickle" } ?? "no weights"
    return InputError(directory, found: found, expected: expected)
  }
}
