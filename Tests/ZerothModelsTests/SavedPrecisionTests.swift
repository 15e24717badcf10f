import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels

/// Models written in each precision.
@Suite struct SavedPrecisionTests {
  static let precisions: [(SavedPrecision, ElementType)] = [(.float32, .f32), (.bfloat16, .bf16), (.float16, .f16)]

  @Test(arguments: precisions.indices) func weightsAreRoundedToTheNearest(_ index: Int) throws {
    let (precision, type) = Self.precisions[index]
    let (folder, again) = (try TemporaryFolder(), try TemporaryFolder())
    let model = try MadeModels.make("gpt2")
    let theta = model.randomParameters(StreamKey(seed: 5))
    try model.save(theta, to: folder.path, as: precision)
    let read = try CausalModel(directory: folder.path)
    #expect(read.folder.storedTypes.map(\.type) == [type.rawValue])
    #expect(try folder.text("config.json").contains("\"\(precision.rawValue)\""))
    let rounded = try read.loadParameters()
    let most = type == .f32 ? 0 : type == .f16 ? Float(1.0 / 2048) : Float(1.0 / 256)
    for (a, b) in zip(theta.flattened(), rounded.flattened()) { #expect(abs(a - b) <= most * abs(a) + 1e-7) }
    // Saved once more as they were read, they are the same bytes.
    try read.save(rounded, to: again.path)
    for file in ["model.safetensors", "config.json"] { #expect(try bytes(folder, file) == bytes(again, file)) }
    #expect(read.folder.isExact(.asRead, isTuned: true) == (type == .f32))
    #expect(
      read.folder.isExact(.asRead, isTuned: false) && !read.folder.isExact(.bfloat16, isTuned: false) || type == .bf16)
  }

  @Test func valuesThatHalvesDoNotHoldAreErrors() throws {
    let folder = try TemporaryFolder()
    let model = try MadeModels.make("gpt2")
    var theta = model.randomParameters(StreamKey(seed: 5))
    let block = model.layout.blocks[4]
    func save(_ value: Float, as precision: SavedPrecision) throws -> [Float] {
      theta.withMutableBlock(block) { span in span[7] = value }
      try model.save(theta, to: folder.path, as: precision)
      return try CausalModel(directory: folder.path).loadParameters().values(of: block)
    }
    #expect(try save(65519, as: .float16)[7] == 65504)
    let error = inputError { _ = try save(65520, as: .float16) }
    Defect("", "", "c_attn.weight'", "65520", "float32").expect(error, at: folder.path("model.safetensors"))
    #expect(try save(1e30, as: .float32)[7] == 1e30)
    #expect(try save(.infinity, as: .float16)[7] == .infinity)
  }

  private func bytes(_ folder: TemporaryFolder, _ file: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder.path(file)))
  }
}
