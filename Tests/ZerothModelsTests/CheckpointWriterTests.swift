import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels

@Suite("Checkpoint: writing safetensors") struct CheckpointWriterTests {
  typealias Tensor = SafetensorsWriter.Tensor

  /// Hands `values` over in pieces of `pieceSize`.
  private func hand(
    _ values: [Float], pieceSize: Int, to write: (UnsafeBufferPointer<Float>) throws -> Void
  ) throws {
    try values.withUnsafeBufferPointer { values in
      for start in stride(from: 0, to: values.count, by: pieceSize) {
        try write(UnsafeBufferPointer(rebasing: values[start..<min(start + pieceSize, values.count)]))
      }
    }
  }

  @Test func bytesAreThoseOfTheFormat() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("x.safetensors")
    let tensors = [Tensor(name: "b\"", shape: [1], elementType: .bf16), Tensor(name: "a", shape: [2, 1])]
    try SafetensorsWriter.write(tensors, to: path) { tensor, write in
      try hand(tensor.name == "a" ? [1, -10] : [3], pieceSize: 1, to: write)
    }
    var header =
      #"{"__metadata__":{"format":"pt"},"b\"":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]},"#
      + #""a":{"dtype":"F32","shape":[2,1],"data_offsets":[2,10]}}"#
    while !header.utf8.count.isMultiple(of: 8) { header += " " }
    let expected = safetensorsBytes(header: header, data: [0x40, 0x40, 0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc1])
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(expected))
    #expect(try folder.contents == ["x.safetensors"])
  }

  @Test(arguments: [ElementType.f32, .f16, .bf16]) func roundTrip(_ type: ElementType) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("x.safetensors")
    // More than one staging buffer of every type; multiples of 1/4 below 64 are exact in BF16.
    let values = (0..<600_001).map { Float($0 % 511 - 255) / 4 }
    let tensors = [
      Tensor(name: "large", shape: [600_001], elementType: type), Tensor(name: "none", shape: [0], elementType: type),
      Tensor(name: "scalar", shape: [], elementType: type),
    ]
    var order: [String] = []
    try SafetensorsWriter.write(tensors, to: path) { tensor, write in
      order.append(tensor.name)
      if tensor.name == "large" { try hand(values, pieceSize: 299_999, to: write) }
      if tensor.name == "scalar" { try hand([-0.5], pieceSize: 1, to: write) }
    }
    let file = try SafetensorsFile(path: path)
    #expect(order == file.names && order == ["large", "none", "scalar"])
    #expect(try file.floats("large") == values)
    #expect(try file.floats("scalar") == [-0.5])
    #expect(file.metadata == ["format": "pt"])
    #expect(try file.info("large").byteRange.lowerBound.isMultiple(of: 8))
  }

  @Test func singlePrecisionKeepsEveryBit() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("x.safetensors")
    let patterns: [UInt32] = [
      0, 0x8000_0000, 1, 0x7f_ffff, 0x7f7f_ffff, 0x7f80_0000, 0xff80_0000, 0x7f80_0001, 0xffc0_1234,
    ]
    try SafetensorsWriter.write([Tensor(name: "w", shape: [3, 3])], to: path) { _, write in
      try hand(patterns.map { Float(bitPattern: $0) }, pieceSize: 9, to: write)
    }
    #expect(try SafetensorsFile(path: path).floats("w").map(\.bitPattern) == patterns)
  }

  @Test func failureKeepsTheOldFileAndNothingElse() throws {
    struct Interruption: Error {}
    let folder = try TemporaryFolder()
    let path = try folder.write("old", to: "x.safetensors")
    let tensors = [Tensor(name: "w", shape: [2]), Tensor(name: "v", shape: [2])]
    #expect(throws: Interruption.self) {
      try SafetensorsWriter.write(tensors, to: path) { tensor, write in
        if tensor.name == "v" { throw Interruption() }
        try hand([1, 2], pieceSize: 2, to: write)
        #expect(try folder.contents.count == 2)  // the temporary file lies in the same folder
      }
    }
    let few = inputError {
      try SafetensorsWriter.write(tensors, to: path) { try hand($0.name == "v" ? [1] : [1, 2], pieceSize: 2, to: $1) }
    }
    Defect("", "", "'v'", "1 values", "expected 2").expect(few, at: path)
    let many = inputError {
      try SafetensorsWriter.write(tensors, to: path) { try hand([1, 2, 3], pieceSize: 2, to: $1) }
    }
    Defect("", "", "'w'", "more than 2").expect(many, at: path)
    #expect(try folder.text("x.safetensors") == "old")
    #expect(try folder.contents == ["x.safetensors"])
  }

  @Test func tensorsThatNoFileHoldsAreErrors() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("x.safetensors")
    let defects: [([Tensor], String)] = [
      ([Tensor(name: "w", shape: []), Tensor(name: "w", shape: [])], "'w'"),
      ([Tensor(name: "__metadata__", shape: [])], "'__metadata__'"),
      ([Tensor(name: "i", shape: [1], elementType: .i64)], "I64"),
      ([Tensor(name: "n", shape: [-1])], "[-1]"),
      ([Tensor(name: "h", shape: [.max, 2])], "'h'"),
      ((0..<8).map { Tensor(name: "t\($0)", shape: [1 << 57]) }, "'t7'"),
    ]
    for (tensors, mention) in defects {
      let error = inputError {
        try SafetensorsWriter.write(tensors, to: path) { _, _ in Issue.record("asked for data") }
      }
      Defect("", "", mention).expect(error, at: path)
    }
    #expect(try folder.contents == [])
  }

  @Test func pathsThatCannotBeWrittenAreErrors() throws {
    let folder = try TemporaryFolder()
    func write(to path: String) -> InputError? {
      inputError {
        try SafetensorsWriter.write([Tensor(name: "w", shape: [1])], to: path) { try hand([1], pieceSize: 1, to: $1) }
      }
    }
    let missing = folder.path("none/x.safetensors")
    Defect("", "", "No such file").expect(write(to: missing), at: missing)
    let directory = folder.path("sub")
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    Defect("", "", "directory").expect(write(to: directory), at: directory)
    #expect(try folder.contents == ["sub"])
  }
}
