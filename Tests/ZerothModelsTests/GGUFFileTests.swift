import CZeroth
import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothSupport

@testable import ZerothModels

/// GGUF files: what is read of them, and that one which lies ends in an error that names it.
@Suite struct GGUFFileTests {
  static let widened = SharedMaterial.fixture("gguf/widened.gguf")

  @Test(arguments: ElementFormat.allCases.filter(\.isQuantized))
  func widensAsTheReferenceDoes(format: ElementFormat) throws {
    let file = try GGUFFile(path: Self.widened)
    let codes = try #require(file.tensors.first { $0.name == format.rawValue })
    let values = try #require(file.tensors.first { $0.name == format.rawValue + ".values" })
    #expect(codes.format == format && codes.shape == values.shape && values.format == .float32)
    let base = try #require(file.file.bytes.baseAddress)
    let count = values.shape.reduce(1, *)
    let expected = (0..<count).map {
      file.file.bytes.loadUnaligned(fromByteOffset: values.byteRange.lowerBound + 4 * $0, as: UInt32.self)
    }
    // All at once, and parts that begin and end within a block.
    for (first, length) in [(0, count), (1, 3), (37, 600), (255, 2), (300, count - 301), (512, 512), (count, 0)] {
      var found = [Float](repeating: .nan, count: length)
      zeroth_widen(format.kernel, first, length, base + codes.byteRange.lowerBound, &found)
      #expect(found.map(\.bitPattern) == Array(expected[first..<(first + length)]))
    }
  }

  @Test(arguments: ElementFormat.allCases.filter(\.isQuantized))
  func rowsTimesAVectorAreThoseOfTheWidened(format: ElementFormat) throws {
    let file = try GGUFFile(path: Self.widened)
    let codes = try #require(file.tensors.first { $0.name == format.rawValue })
    let base = try #require(file.file.bytes.baseAddress) + codes.byteRange.lowerBound
    let (count, rows) = (512, 2)
    try #require(codes.shape.reduce(1, *) >= 256 + count + 256)
    var values = [Float](repeating: 0, count: 256 + count + 256)
    zeroth_widen(format.kernel, 0, values.count, base, &values)
    let vector = (0..<count).map { Float(($0 * 37) % 101) / 50 - 1 }
    var found = [Float](repeating: .nan, count: rows)
    // Two rows of 512 elements that lie 256 apart, from the second 256 on.
    zeroth_dot_rows(format.kernel, rows, 256, 256, count, base, vector, &found)
    for row in 0..<rows {
      let products = (0..<count).map { Double(values[256 + row * 256 + $0]) * Double(vector[$0]) }
      let size = products.reduce(0) { $0 + abs($1) }
      // 16 sums in each of two lanes of fp32 and their sum: 20 roundings of 2^-24 at most, of what is no larger than `size`.
      #expect(abs(Double(found[row]) - products.reduce(0, +)) <= 20 * 0x1p-24 * size, "\(found[row])")
    }
  }

  @Test func readsBothVersions() throws {
    let folder = try TemporaryFolder()
    var made = MadeGGUF.llama
    made.version = 2
    let path = try folder.write(made.bytes, to: "m.gguf")
    let model = try CausalModel(directory: path)
    #expect(model.folder.modelType == "llama" && model.layout.blocks.count == 11)
    #expect(try GGUFFile(path: path).metadata["llama.block_count"] == .integer(1))
  }

  @Test func findsTheOtherParts() throws {
    let folder = try TemporaryFolder()
    let whole = MadeGGUF.llama
    func part(_ i: Int, of count: Int, _ tensors: Range<Int>, all: Int) -> MadeGGUF {
      var made = whole
      made.tensors = Array(whole.tensors[tensors])
      made["split.no"] = .integer(UInt32(i))
      made["split.count"] = .integer(UInt32(count))
      made["split.tensors.count"] = .integer(UInt32(all))
      return made
    }
    let first = try folder.write(part(0, of: 2, 0..<4, all: 11).bytes, to: "m-00001-of-00002.gguf")
    #expect(inputError { _ = try loadModel(directory: first) }?.description.contains("part 2 of 2") == true)
    let second = try folder.write(part(1, of: 2, 4..<11, all: 11).bytes, to: "m-00002-of-00002.gguf")
    let single = try folder.write(whole.bytes, to: "m.gguf")
    #expect(
      try loadModel(directory: first).loadParameters().flattened()
        == loadModel(directory: single).loadParameters().flattened())
    #expect(inputError { _ = try loadModel(directory: second) }?.expected.contains("m-00001-of-00002.gguf") == true)
    try folder.write(part(1, of: 2, 4..<10, all: 11).bytes, to: "m-00002-of-00002.gguf")
    #expect(inputError { _ = try loadModel(directory: first) }?.subject.contains("split.tensors.count") == true)
    try folder.write(part(1, of: 2, 3..<11, all: 12).bytes, to: "m-00002-of-00002.gguf")
    #expect(inputError { _ = try loadModel(directory: first) }?.subject.contains("attn_q") == true)
    try folder.write(part(0, of: 2, 4..<11, all: 11).bytes, to: "m-00002-of-00002.gguf")
    #expect(inputError { _ = try loadModel(directory: first) }?.subject.contains("split.no") == true)
  }

  /// A way to lie, and what the error has to mention.
  struct Lie: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let tell: @Sendable (inout MadeGGUF) -> Void
    let mentions: String

    init(_ mentions: String, _ description: String, _ tell: @escaping @Sendable (inout MadeGGUF) -> Void) {
      self.mentions = mentions
      testDescription = description
      self.tell = tell
    }
  }

  static let lies = [
    Lie("version", "version 1") { $0.version = 1 },
    Lie("big-endian", "bytes the other way round") { $0.version = 3 << 24 },
    Lie("number of tensors", "2^60 tensors") { $0.tensorCount = 1 << 60 },
    Lie("number of keys", "2^60 keys") { $0.keyCount = 1 << 60 },
    Lie("number of tensors", "2^64 - 1 tensors") { $0.tensorCount = .max },
    Lie("dimensions", "a product beyond 64 bits") { $0.tensors[0].dimensions = [1 << 40, 1 << 40] },
    Lie("dimensions", "a dimension of 0") { $0.tensors[0].dimensions = [8, 0] },
    Lie("dimensions", "a dimension of 2^63") { $0.tensors[0].dimensions = [1 << 63, 1] },
    Lie("number of dimensions", "five dimensions") { $0.tensors[0].dimensions = [1, 1, 1, 1, 1] },
    Lie("number of dimensions", "no dimensions") { $0.tensors[0].dimensions = [] },
    Lie("IQ3_S", "a type that is not read") { $0.tensors[0].type = 21 },
    Lie("number 99", "a type that does not exist") { $0.tensors[0].type = 99 },
    Lie("multiple of 256", "rows that no block divides") { $0.tensors[0].type = 12 },
    Lie("general.alignment", "an offset between") { $0.offsets[1] = 161 },
    Lie("offset", "an offset beyond the end") { $0.offsets[1] = 1 << 60 },
    Lie("offset", "an offset near 2^64") { $0.offsets[1] = .max - 31 },
    Lie("overlap", "the offset of another tensor") { $0.offsets[1] = 0 },
    Lie("power of two", "an alignment of 24") {
      $0["general.alignment"] = .integer(24)
      $0.alignment = 24
    },
    Lie("general.alignment", "an alignment of 0") { $0["general.alignment"] = .integer(0) },
    Lie("the name twice", "a tensor twice") { $0.tensors[1].name = $0.tensors[0].name },
    Lie("the key twice", "a key twice") { $0.keys.append($0.keys[0]) },
    Lie("general.architecture", "no architecture") { $0["general.architecture"] = nil },
    Lie("general.architecture", "another architecture") { $0["general.architecture"] = .text("mamba") },
    Lie("llama.embedding_length", "no width") { $0["llama.embedding_length"] = nil },
    Lie("llama.attention.head_count", "no heads") { $0["llama.attention.head_count"] = .integer(0) },
    Lie("llama.attention.head_count_kv", "heads that differ") {
      $0["llama.attention.head_count_kv"] = .integers([1, 2])
    },
    Lie("llama.expert_count", "experts") { $0["llama.expert_count"] = .integer(8) },
    Lie("layer_norm_rms_epsilon", "an eps that is no number") {
      $0["llama.attention.layer_norm_rms_epsilon"] = .number(.nan)
    },
    Lie("llama.rope.scaling.type", "another stretching") { $0["llama.rope.scaling.type"] = .text("su") },
    Lie("token_embd.weight", "no embedding") { $0.tensors.removeFirst() },
    Lie("blk.0.attn_v.weight", "another shape") { $0.tensors[5].dimensions = [4, 8] },
    Lie("blk.0.ffn_gate.weight", "no gate") { $0.tensors.remove(at: 8) },
    Lie("blk.0.attn_sinks.weight", "a tensor of another model") {
      $0.add("blk.0.attn_sinks.weight", [8], Array(repeating: 0, count: 8))
    },
    Lie("blk.1.attn_norm.weight", "a layer too many") {
      $0.add("blk.1.attn_norm.weight", [8], Array(repeating: 0, count: 8))
    },
  ]

  @Test(arguments: lies) func aLieIsNamed(_ lie: Lie) throws {
    let folder = try TemporaryFolder()
    var made = MadeGGUF.llama
    lie.tell(&made)
    let path = try folder.write(made.bytes, to: "m.gguf")
    let error = try #require(inputError { _ = try loadModel(directory: path) })
    #expect(error.description.contains(path) && error.description.contains(lie.mentions), "\(error)")
  }

  /// A file that ends anywhere, and one with any one byte of its header wrong, is read or refused; nothing else.
  @Test func everyCutAndEveryFlippedByteEnds() throws {
    let folder = try TemporaryFolder()
    let bytes = MadeGGUF.llama.bytes
    for end in stride(from: 0, to: bytes.count - 1, by: 7) {
      let path = try folder.write(Array(bytes[..<end]), to: "m.gguf")
      #expect(inputError { _ = try loadModel(directory: path) } != nil, "cut at \(end)")
    }
    for place in 4..<min(1400, bytes.count) {
      var wrong = bytes
      wrong[place] ^= 0x80
      let path = try folder.write(wrong, to: "m.gguf")
      do { _ = try loadModel(directory: path).loadFrozenParameters() } catch is InputError {}
    }
  }
}
