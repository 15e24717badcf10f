import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothSupport

@testable import ZerothModels

/// Models whose matrices are never written: they compute and train as a copy in fp32 does, and what was trained is an adapter.
@Suite struct FrozenModelTests {
  static let names = ["opt", "llama", "qwen2", "phi3", "gpt2", "gpt-neox"]

  static func difference(_ a: [[Double]], _ b: [[Double]]) -> Double { LoRAFilesTests.difference(a, b) }

  /// Steps of LOZO on `model`, frozen and in fp32, whose losses agree to 1e-4; the frozen parameters after them.
  @discardableResult
  static func train(_ model: CausalModel, steps: Int, rate: Double = 1e-3) throws -> ParameterStore {
    var frozen = try model.loadParameters(storage: .frozen, deltaRank: .unlimited)
    var floats = try model.loadParameters()
    #expect(frozen.flattened() == floats.flattened())
    let objective = NextToken(model)
    var a = Optimizer(estimator: LowRankEstimator(rank: 2, interval: 7), rule: SGD(learningRate: .init(rate)), seed: 6)
    var b = a
    for step in 0..<steps {
      let (x, y) = (try a.step(&frozen, objective), try b.step(&floats, objective))
      let worst = zip(x.losses, y.losses).map { abs($0 - $1) / abs($1) }.max() ?? 1
      #expect(worst < 1e-4, "step \(step): \(worst)")
    }
    #expect(frozen.flattened() != (try model.loadParameters().flattened()))
    return frozen
  }

  /// The folder with a made model, stored as `type`.
  static func folder(_ name: String, _ type: SavedPrecision, in scratch: TestSupport.Scratch) throws -> String {
    let base = scratch.path + "/base"
    let made = try MadeModels.make(name)
    try made.save(made.randomParameters(StreamKey(seed: 3)), to: base, as: type)
    return base
  }

  @Test(arguments: names, [SavedPrecision.float32, .bfloat16])
  func trainsAsACopyInFloats(name: String, type: SavedPrecision) throws {
    let scratch = try TestSupport.Scratch()
    let base = try Self.folder(name, type, in: scratch)
    let file = base + "/model.safetensors"
    let before = try #require(FileManager.default.contents(atPath: file))
    let model = try CausalModel(directory: base)
    let theta = try Self.train(model, steps: 40)
    #expect(FileManager.default.contents(atPath: file) == before, "the base keeps every bit")
    for block in model.layout.blocks where block.isMatrix {
      #expect(theta.stored().kept(of: block) != nil, "\(block.name)")
    }
    let (batch, readout) = (LoRAFilesTests.batch, LoRAFilesTests.readout)
    let inFloats = try model.evaluate(batch, readout, at: theta.clone())
    #expect(try Self.difference(model.evaluate(batch, readout, at: theta), inFloats) < 1e-5)
  }

  @Test(.needs("models/gguf"), arguments: ["llama-q4_0", "llama-q4_k_m", "phi3-q8_0", "gpt2-q8_0"])
  func trainsQuantisedMatrices(name: String) throws {
    let path = GGUFModelTests.path(name)
    let before = try #require(FileManager.default.contents(atPath: path))
    let model = try CausalModel(directory: path)
    let theta = try Self.train(model, steps: 200, rate: 1e-4)
    #expect(model.layout.blocks.contains { theta.stored().format(of: $0).isQuantized })
    #expect(FileManager.default.contents(atPath: path) == before, "the base keeps every bit")
  }

  /// What is saved is an adapter: read again it is the same model beside a base that is never written, in fp32, and merged.
  @Test(arguments: MadeModels.configurations.keys.sorted()) func whatIsWrittenIsRead(name: String) throws {
    let scratch = try TestSupport.Scratch()
    let base = try Self.folder(name, .float32, in: scratch)
    let model = try CausalModel(directory: base)
    var theta = try model.loadParameters(storage: .frozen, deltaRank: .unlimited)
    let key = StreamKey(seed: 8)
    for window in 0..<3 {
      theta.add(
        LowRankProbe(rank: 2, leftKey: key.child(.left, window), rightKey: key.child(.right, window), matrixScale: 0.5),
        scale: 0.03)
    }
    let (batch, readout) = (LoRAFilesTests.batch, LoRAFilesTests.readout)
    let expected = try model.evaluate(batch, readout, at: theta)
    let plain = try model.evaluate(batch, readout, at: model.loadParameters())
    #expect(Self.difference(expected, plain) > 1e-3)

    let adapter = scratch.path + "/adapter"
    try model.save(theta, to: adapter)
    let files = try FileManager.default.contentsOfDirectory(atPath: adapter)
    #expect(Set(files) == ["adapter_config.json", "adapter_model.safetensors", FactorFiles.restName])
    let read = try CausalModel(directory: base)
    try read.attach(PEFTAdapter(directory: adapter))
    let kept = try read.loadFrozenParameters()
    #expect(kept.keepsFactors && kept.layout.trainable.isEmpty)
    #expect(try Self.difference(expected, read.evaluate(batch, readout, at: kept)) < 1e-5)
    #expect(try Self.difference(expected, read.evaluate(batch, readout, at: read.loadParameters())) < 1e-5)
    let going = try read.loadParameters(storage: .frozen)
    #expect(zip(going.flattened(), theta.flattened()).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(going.layout.trainable.count == going.layout.blocks.count)

    try read.folder.saveMerged(kept, to: scratch.path + "/merged", as: .float32)
    let merged = try CausalModel(directory: scratch.path + "/merged")
    #expect(try Self.difference(expected, merged.evaluate(batch, readout, at: merged.loadParameters())) < 1e-5)
  }

  @Test func damagedFilesAreNamed() throws {
    let scratch = try TestSupport.Scratch()
    let model = try CausalModel(directory: Self.folder("llama", .float32, in: scratch))
    var theta = try model.loadParameters(storage: .frozen)
    theta.add(LowRankProbe(rank: 2, leftKey: StreamKey(seed: 1), rightKey: StreamKey(seed: 2)), scale: 0.1)
    let adapter = scratch.path + "/adapter"
    try model.save(theta, to: adapter)
    let place = try TestSupport.Scratch()
    let other = try CausalModel(directory: Self.folder("opt", .float32, in: place))
    try other.attach(PEFTAdapter(directory: adapter))
    #expect(inputError { _ = try other.loadFrozenParameters() }?.found == "factors that the model has no module for")
    let half = try CausalModel(directory: Self.folder("llama", .bfloat16, in: scratch))
    try half.attach(PEFTAdapter(directory: adapter))
    let error = inputError { _ = try half.loadParameters(storage: .asStored) }
    #expect(error?.subject == "model.storage" && error?.expected.contains("frozen") == true)
    try FileManager.default.removeItem(atPath: adapter + "/adapter_model.safetensors")
    #expect(inputError { _ = try PEFTAdapter(directory: adapter) } != nil)
  }

  /// llama.cpp's form holds the linear layers, and what it leaves out is said.
  @Test(arguments: ["llama", "qwen2"]) func isConverted(name: String) throws {
    let scratch = try TestSupport.Scratch()
    let base = try Self.folder(name, .float32, in: scratch)
    let model = try CausalModel(directory: base)
    var theta = try model.loadParameters(storage: .frozen)
    theta.add(LowRankProbe(rank: 2, leftKey: StreamKey(seed: 1), rightKey: StreamKey(seed: 2)), scale: 0.1)
    try model.save(theta, to: scratch.path + "/adapter")
    let read = try CausalModel(directory: base)
    try read.attach(PEFTAdapter(directory: scratch.path + "/adapter"))
    let path = scratch.path + "/adapter.gguf"
    let leftOut = try read.folder.saveGGUFAdapter(read.loadFrozenParameters(), to: path)
    let isTied = name == "qwen2"
    #expect(leftOut.count == (isTied ? 2 : 1), "\(leftOut)")
    #expect(leftOut.contains { $0.contains("output layer too") } == isTied)
    let file = try GGUFFile(path: path)
    let names = Set(file.tensors.map(\.name))
    #expect(names.contains("token_embd.weight.lora_a") != isTied)
    let block = try #require(model.layout["model.layers.1.mlp.down_proj.weight"])
    let factors = theta.stored().factors(of: block)
    let (left, right, rank) = try #require(factors)
    let shapes = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.shape) })
    #expect(shapes["blk.1.ffn_down.weight.lora_a"] == [rank, block.columns] && left.count == block.rows * rank)
    #expect(shapes["blk.1.ffn_down.weight.lora_b"] == [block.rows, rank] && right.count == block.columns * rank)
  }
}
