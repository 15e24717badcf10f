import Foundation
import Zeroth
import ZerothSupport

/// The weights in one model folder: `model.safetensors`, or the shards that `model.safetensors.index.json` lists.
///
/// Where both exist, the single file is used, as in transformers.
public struct Checkpoint: Sendable, ModelWeights {
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

  var path: String { directory }
  var configurationName: String { ConfigurationFile.name }
  var frozenStorage: WeightStorage { .float32 }
  var mappedFiles: [MappedFile] { files.values.map(\.file) }
  func storedName(of name: String) -> String { name }
  func shape(of name: String) throws -> [Int] { try info(name).shape }
  func typeName(of name: String) throws -> String { try info(name).elementType.rawValue }
  func savedType(of name: String) throws -> ElementType { try info(name).elementType }

  func writeModelFiles(to folder: String) throws { try copyModelFiles(from: directory, to: folder) }

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

  /// Calls `body` with the bytes of the tensor `name`, whose elements are F32, F16 or BF16, and with its entry in the
  /// header. Throws `InputError` for an unknown name or another element type.
  func withBytes<R>(
    ofFloats name: String, _ body: (UnsafeRawBufferPointer, TensorInfo) throws -> R
  ) throws -> R {
    let file = try file(of: name)
    let info = try file.floatInfo(name)
    return try file.withBytes(of: name) { try body($0, info) }
  }

  /// Whether the tensors `name` and `other` have one shape and the same values.
  func isSame(_ name: String, as other: String) throws -> Bool {
    try withBytes(ofFloats: name) { bytes, info in
      try withBytes(ofFloats: other) { otherBytes, otherInfo in
        guard info.shape == otherInfo.shape else { return false }
        if info.elementType == otherInfo.elementType { return bytes.elementsEqual(otherBytes) }
        guard let base = bytes.baseAddress, let otherBase = otherBytes.baseAddress else { return true }
        let piece = 1 << 14
        let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: 2 * piece)
        defer { values.deallocate() }
        for first in stride(from: 0, to: info.elementCount, by: piece) {
          let count = min(piece, info.elementCount - first)
          let ours = UnsafeMutableBufferPointer(rebasing: values[0..<count])
          let theirs = UnsafeMutableBufferPointer(rebasing: values[piece..<(piece + count)])
          ElementConversion.decode(base + first * info.elementType.bitWidth / 8, as: info.elementType, into: ours)
          ElementConversion.decode(
            otherBase + first * otherInfo.elementType.bitWidth / 8, as: otherInfo.elementType, into: theirs)
          if !ours.elementsEqual(theirs) { return false }
        }
        return true
      }
    }
  }

  /// The matrices among `blocks` that are stored in half precision. They stay in private copies of the files. A matrix
  /// whose values do not follow each other there is copied to its own memory.
  func stored(_ blocks: [ParameterBlock], _ map: TensorMap) throws -> StoredBlocks {
    var copies: [String: MappedFile] = [:]
    let memory = OwnedMemory()
    var places: [Int: StoredBlocks.Place] = [:]
    for block in blocks where block.isMatrix && contains(map.part(of: block).tensor) {
      let name = map.part(of: block).tensor
      let file = try file(of: name)
      let info = try file.info(name)
      guard let format = info.elementType.halfFormat else { continue }
      guard let first = map.start(of: block) else {
        guard let halves = memory.allocate(block.count * MemoryLayout<UInt16>.stride).baseAddress else { continue }
        try map.readHalves(block, from: self, into: halves.bindMemory(to: UInt16.self, capacity: block.count))
        places[block.index] = .init(writable: halves, format)
        continue
      }
      let copy = try copies[file.path] ?? file.privateCopy()
      copies[file.path] = copy
      guard let start = copy.bytes.baseAddress else { continue }
      let address = UnsafeMutableRawPointer(mutating: start + info.byteRange.lowerBound + 2 * first)
      // A file may start its data at any address. A matrix that does not begin at the boundary of an element is read as
      // fp32.
      if UInt(bitPattern: address) % 2 == 0 { places[block.index] = .init(writable: address, format) }
    }
    memory.files = Array(copies.values)
    return StoredBlocks(places, owner: memory)
  }

  func base(_ blocks: [ParameterBlock], _ map: TensorMap) throws -> StoredBlocks {
    let memory = OwnedMemory()
    var places: [Int: StoredBlocks.Place] = [:]
    for block in blocks where block.isMatrix && contains(map.part(of: block).tensor) {
      let name = map.part(of: block).tensor
      let file = try file(of: name)
      let info = try file.floatInfo(name)
      let format = info.elementType.halfFormat ?? .float32
      if let first = map.start(of: block), let start = file.file.bytes.baseAddress {
        let address = start + info.byteRange.lowerBound + format.bytes(of: first)
        if UInt(bitPattern: address).isMultiple(of: UInt(format.groupBytes)) {
          places[block.index] = .init(address, format)
          memory.files.append(file.file)
          continue
        }
      }
      guard format != .float32, let halves = memory.allocate(format.bytes(of: block.count)).baseAddress else {
        continue
      }
      try map.readHalves(block, from: self, into: halves.bindMemory(to: UInt16.self, capacity: block.count))
      places[block.index] = .init(UnsafeRawPointer(halves), format)
    }
    return StoredBlocks(places, owner: memory)
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

  /// Opens every shard that the index at `path` names, and checks that each shard holds the tensors that the index
  /// lists for it.
  private static func shards(listedIn path: String, directory: String) throws -> [SafetensorsFile] {
    let subject = "\(path): weight_map"
    let file = try MappedFile(path: path)
    try ForeignWeights.refuse(file)
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
    guard let contents = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
      return InputError(
        directory, found: "no directory that can be read", expected: "a folder with \(fileName) or \(indexName)")
    }
    let (found, expected) = ForeignWeights.inPlaceOfWeights(contents)
    return InputError(directory, found: found, expected: expected)
  }
}
