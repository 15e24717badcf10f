import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels

@Suite("Checkpoint: reading safetensors") struct CheckpointSafetensorsTests {
  @Test func headerAndUnalignedDataAreRead() throws {
    let folder = try TemporaryFolder()
    // 'b' comes first in the data, three bytes long: with a header of even length the others lie at odd addresses.
    var header =
      #"{"__metadata__":{"format":"pt","note":"\u00e9\n\ud83d\ude00"},"#
      + #""a\/1":{"dtype":"F32","shape":[2,1],"data_offsets":[3,11]},"#
      + #""b":{"shape":[3],"data_offsets":[0,3],"dtype":"U8"},"#
      + #""empty":{"dtype":"BF16","shape":[0,7],"data_offsets":[11,11]},"#
      + #""scalar":{"dtype":"BF16","shape":[],"data_offsets":[11,13]}}"#
    if !header.utf8.count.isMultiple(of: 2) { header += " " }
    let data: [UInt8] = [1, 2, 3, 0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc1, 0x40, 0x40]
    let path = try folder.write(safetensorsBytes(header: header, data: data), to: "x.safetensors")
    let file = try SafetensorsFile(path: path)
    #expect(file.names == ["b", "a/1", "empty", "scalar"])
    #expect(file.metadata == ["format": "pt", "note": "é\n😀"])
    #expect(try file.floats("a/1") == [1, -10])
    #expect(try file.floats("empty") == [])
    #expect(try file.floats("scalar") == [3])
    let info = try file.info("a/1")
    #expect(info.elementType == .f32 && info.shape == [2, 1] && info.elementCount == 2)
    let start = 8 + header.utf8.count
    #expect(info.byteRange == start + 3..<start + 11 && !info.byteRange.lowerBound.isMultiple(of: 2))
    #expect(try file.withBytes(of: "b") { Array($0) } == [1, 2, 3])
  }

  @Test func requestsThatDoNotFitAreErrors() throws {
    let folder = try TemporaryFolder()
    let header =
      #"{"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"#
      + #""w":{"dtype":"F16","shape":[2],"data_offsets":[8,12]}}"#
    let path = try folder.write(
      safetensorsBytes(header: header, data: [UInt8](repeating: 0, count: 12)), to: "x.safetensors")
    let file = try SafetensorsFile(path: path)
    var floats: [Float] = [7, 7, 7]
    func read(_ name: String, count: Int) -> InputError? {
      inputError {
        try floats.withUnsafeMutableBufferPointer { try file.read(name, into: .init(rebasing: $0[..<count])) }
      }
    }
    Defect("", "", "'ids'", "I64", "BF16").expect(read("ids", count: 1), at: path)
    Defect("", "", "'w'", "2 elements", "expected 3").expect(read("w", count: 3), at: path)
    Defect("", "", "'v'", "no such tensor").expect(read("v", count: 1), at: path)
    #expect(floats == [7, 7, 7])
  }

  /// Weights that are widened to fp32 do not stand in memory twice: the pages of a tensor go once it is read.
  @Test func aTensorThatWasReadTakesNoMemory() throws {
    let folder = try TemporaryFolder()
    let count = 1 << 20
    let header = #"{"w":{"dtype":"F32","shape":[\#(count)],"data_offsets":[0,\#(4 * count)]}}"#
    let words = (0..<count).map { Float($0).bitPattern }
    let path = try folder.write(safetensorsBytes(header: header, data: littleEndianBytes(words)), to: "x.safetensors")
    let file = try SafetensorsFile(path: path)
    let (sum, held) = try file.withBytes(of: "w") { bytes in
      (bytes.reduce(0) { $0 &+ Int($1) }, try residentBytes(ofMapped: path))
    }
    #expect(held >= 4 * count)
    #expect(try file.floats("w") == (0..<count).map { Float($0) })
    #expect(try residentBytes(ofMapped: path) < count)
    // What went is read from the file again.
    #expect(try file.withBytes(of: "w") { $0.reduce(0) { $0 &+ Int($1) } } == sum)
  }

  /// The bytes of the file at `path` that this process holds in memory, as /proc says.
  private func residentBytes(ofMapped path: String) throws -> Int {
    let maps = try #require(try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/smaps")).readToEnd())
    let lines = String(decoding: maps, as: UTF8.self).split(separator: "\n")
    var (isOurs, kilobytes) = (false, 0)
    for line in lines {
      let words = line.split(separator: " ")
      if words[0].contains("-") { isOurs = line.hasSuffix(path) }
      if isOurs, words[0] == "Rss:" { kilobytes += try #require(Int(words[1])) }
    }
    return 1024 * kilobytes
  }

  /// Headers over 16 bytes of data.
  static let defects = [
    Defect("empty header", "", "header", "end of the text"),
    Defect("not an object", "[1]", "header", "an array of 1"),
    Defect("space before the object", " {}", "header"),
    Defect("not JSON", "{'a': 1}", "header", "a key in quotes"),
    Defect("trailing garbage", "{} x", "header", "'x' at byte 3"),
    Defect("unfinished", #"{"w":{"dtype":"F32","#, "header", "end of the text"),
    Defect("bad escape", #"{"\x":{}}"#, "header", "backslash"),
    Defect("lone surrogate", #"{"\ud800":{}}"#, "header", "surrogate"),
    Defect("bad number", #"{"w":{"dtype":"F32","shape":[04],"data_offsets":[0,16]}}"#, "header", "'4'"),
    Defect("deeply nested", String(repeating: "[", count: 1_000_000), "header", "nested"),
    Defect("metadata not an object", #"{"__metadata__":[]}"#, "__metadata__", "an array of 0"),
    Defect("metadata not strings", #"{"__metadata__":{"epoch":3}}"#, "__metadata__: epoch", "3", "a string"),
    Defect("tensor not an object", #"{"w":3}"#, "'w'", "3", "data_offsets"),
    Defect("no dtype", #"{"w":{"shape":[4],"data_offsets":[0,16]}}"#, "'w'", "dtype", "nothing"),
    Defect("no shape", #"{"w":{"dtype":"F32","data_offsets":[0,16]}}"#, "'w'", "shape", "nothing"),
    Defect("no offsets", #"{"w":{"dtype":"F32","shape":[4]}}"#, "'w'", "data_offsets", "nothing"),
    Defect("unknown dtype", #"{"w":{"dtype":"F31","shape":[4],"data_offsets":[0,16]}}"#, "'w'", "\"F31\"", "BF16"),
    Defect("dtype a number", #"{"w":{"dtype":32,"shape":[4],"data_offsets":[0,16]}}"#, "'w'", "dtype", "32"),
    Defect("shape a number", #"{"w":{"dtype":"F32","shape":4,"data_offsets":[0,16]}}"#, "'w'", "shape", "found 4"),
    Defect("shape of strings", #"{"w":{"dtype":"F32","shape":["4"],"data_offsets":[0,16]}}"#, "'w'", "shape", "\"4\""),
    Defect("shape a fraction", #"{"w":{"dtype":"F32","shape":[4.0],"data_offsets":[0,16]}}"#, "'w'", "shape", "4.0"),
    Defect("shape negative", #"{"w":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}"#, "'w'", "shape", "-4"),
    Defect("shape true", #"{"w":{"dtype":"F32","shape":[true],"data_offsets":[0,16]}}"#, "'w'", "shape", "true"),
    Defect(
      "shape beyond 64 bits", #"{"w":{"dtype":"F32","shape":[18446744073709551620],"data_offsets":[0,16]}}"#, "'w'",
      "shape", "18446744073709551620"),
    Defect(
      "product beyond 64 bits", #"{"w":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,16]}}"#,
      "'w'", "4294967296"),
    Defect(
      "size in bytes beyond 64 bits", #"{"w":{"dtype":"F32","shape":[4611686018427387908],"data_offsets":[0,16]}}"#,
      "'w'", "4611686018427387908"),
    Defect("one offset", #"{"w":{"dtype":"F32","shape":[4],"data_offsets":[16]}}"#, "'w'", "data_offsets", "[16]"),
    Defect("negative offset", #"{"w":{"dtype":"F32","shape":[4],"data_offsets":[-16,0]}}"#, "'w'", "data_offsets"),
    Defect("begin > end", #"{"w":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}"#, "'w'", "[16, 0]"),
    Defect("past the end", #"{"w":{"dtype":"F32","shape":[5],"data_offsets":[0,20]}}"#, "'w'", "[0, 20]", "16"),
    Defect(
      "offset beyond 64 bits", #"{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,9223372036854775808]}}"#, "'w'",
      "9223372036854775808"),
    Defect(
      "largest offset", #"{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,9223372036854775807]}}"#, "'w'",
      "9223372036854775807"),
    Defect("range too small", #"{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,12]}}"#, "'w'", "12 bytes", "16"),
    Defect("half bytes", #"{"w":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}"#, "'w'", "F4"),
    Defect(
      "overlap",
      #"{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"v":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#,
      "'v'", "'w'", "overlap"),
    Defect(
      "gap",
      #"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"v":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#,
      "'v'", "4 bytes"),
    Defect("gap at the start", #"{"w":{"dtype":"F32","shape":[3],"data_offsets":[4,16]}}"#, "'w'", "4 bytes"),
    Defect("trailing bytes", #"{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}"#, "'w'", "4 bytes"),
    Defect("data without tensors", "{}", "16 bytes"),
    Defect(
      "duplicate name",
      #"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\u0077":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#,
      "'w'", "twice"),
    Defect(
      "duplicate field", #"{"w":{"dtype":"F32","shape":[4],"shape":[4],"data_offsets":[0,16]}}"#, "'shape'", "twice"),
  ]

  @Test("A header that breaks the format is one error", arguments: defects)
  func defectiveHeader(_ defect: Defect) throws {
    let folder = try TemporaryFolder()
    let bytes = safetensorsBytes(header: defect.content, data: [UInt8](repeating: 0, count: 16))
    let path = try folder.write(bytes, to: "bad.safetensors")
    defect.expect(inputError { _ = try SafetensorsFile(path: path) }, at: path)
  }

  static let defectiveFiles: [(bytes: [UInt8], mentions: [String])] = [
    ([], ["0 bytes"]),
    ([1, 0, 0, 0, 0, 0, 0], ["7 bytes"]),
    ([3, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d], ["3 bytes", "file of 10", "cut short"]),
    ([UInt8](repeating: 0xff, count: 16), ["18446744073709551615 bytes", "100000000"]),
    (littleEndianBytes([UInt64(100_000_001)]) + [0x7b, 0x7d], ["100000001 bytes", "at most 100000000"]),
    (littleEndianBytes([UInt64(5)]) + [0x7b, 0x22, 0xff, 0x22, 0x7d], ["UTF-8"]),
    (littleEndianBytes([UInt64(5)]) + [0x7b, 0x22, 0xc3, 0x22, 0x7d], ["UTF-8"]),
    (littleEndianBytes([UInt64(5)]) + [0x7b, 0x22, 0x0a, 0x22, 0x7d], ["control character"]),
  ]

  @Test(arguments: defectiveFiles.indices) func defectiveFile(_ index: Int) throws {
    let folder = try TemporaryFolder()
    let (bytes, mentions) = CheckpointSafetensorsTests.defectiveFiles[index]
    let path = try folder.write(bytes, to: "bad.safetensors")
    let error = try #require(inputError { _ = try SafetensorsFile(path: path) })
    for mention in [path] + mentions { #expect(error.description.contains(mention), "\(error)") }
  }

  @Test func whatIsNoFileIsAnError() throws {
    let folder = try TemporaryFolder()
    let missing = folder.path("none.safetensors")
    Defect("", "", "No such file").expect(inputError { _ = try SafetensorsFile(path: missing) }, at: missing)
    Defect("", "", "a directory").expect(inputError { _ = try SafetensorsFile(path: folder.path) }, at: folder.path)
    let pipe = folder.path("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    Defect("", "", "neither").expect(inputError { _ = try SafetensorsFile(path: pipe) }, at: pipe)
  }

  /// No prefix of a valid file, and no single flipped bit of its header, is a crash; a prefix is always an error.
  @Test func damagedFilesNeverCrash() throws {
    let folder = try TemporaryFolder()
    let header =
      #"{"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"v":{"dtype":"F16","shape":[2],"data_offsets":[8,12]}}"#
    let bytes = safetensorsBytes(header: header, data: [UInt8](repeating: 0x3c, count: 12))
    for count in bytes.indices {
      let path = try folder.write(Array(bytes[..<count]), to: "cut.safetensors")
      #expect(throws: InputError.self) { try SafetensorsFile(path: path) }
    }
    for bit in 0..<8 * (8 + header.utf8.count) {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << (bit % 8)
      let path = try folder.write(damaged, to: "flipped.safetensors")
      do {
        let file = try SafetensorsFile(path: path)
        for name in file.names where file.tensors[name]?.elementType.isFloatConvertible == true {
          _ = try file.floats(name)
        }
      } catch is InputError {}
    }
  }

  /// Tensors, elements and the sum of their absolute values, from numpy.
  static let sharedModels: [(folder: String, tensors: Int, elements: Int, absoluteSum: Double)] = [
    ("imdb-opt", 68, 4_274_176, 329469.91063547134), ("stories260K", 47, 260_032, 31164.12566447403),
    ("tiny/opt", 52, 37680, 1828.8044652826575), ("tiny/opt-350m-style", 36, 22624, 1097.720892548561),
    ("tiny/llama-gqa", 30, 86256, 4023.621918581426), ("tiny/llama3-tied", 20, 29248, 1416.877537107357),
    ("tiny/bert-encoder", 39, 15648, 783.9532311485964), ("tiny/roberta", 42, 25267, 1262.803620140192),
    ("all-minilm-l6-v2", 103, 22_713_216, 1003914.1026933789),
  ]

  @Test(.needs("models"), arguments: sharedModels.indices)
  func sharedModelsHoldWhatNumpyReads(_ index: Int) throws {
    let model = CheckpointSafetensorsTests.sharedModels[index]
    let checkpoint = try Checkpoint(directory: SharedMaterial.path("models/" + model.folder))
    #expect(checkpoint.names.count == model.tensors)
    var elements = 0
    var absoluteSum = 0.0
    for name in checkpoint.names {
      let floats = try checkpoint.floats(name)
      elements += floats.count
      for value in floats { absoluteSum += Double(abs(value)) }
    }
    #expect(elements == model.elements)
    #expect(abs(absoluteSum - model.absoluteSum) < 1e-9 * model.absoluteSum)
  }
}
