import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothSupport

@testable import ZerothModels

/// Adapters of our own: what is written is read as the same adapter, and merged it is the same model.
@Suite struct LoRAFilesTests {
  static let names = MadeModels.configurations.keys.sorted()
  static let batch = TokenBatch([[3, 14, 15, 9, 26], [5, 35], [8, 9, 7, 9]])
  static let readout = Readout.logits(rows: [4, 6, 10], ids: nil)

  static func difference(_ a: [[Double]], _ b: [[Double]]) -> Double {
    zip(a[0], b[0]).map { abs($0 - $1) }.max() ?? .infinity
  }

  /// The checkpoint of a made model, and the model tuned by `configuration`, with A and B of some size.
  final class Tuned {
    let base: String
    let model: CausalModel
    let theta: ParameterStore

    init(_ name: String, _ configuration: LoRAConfiguration, in folder: String) throws {
      base = folder + "/base"
      let made = try MadeModels.make(name)
      try made.save(made.randomParameters(StreamKey(seed: 3)), to: base)
      model = try CausalModel(directory: base)
      try model.attach(.fresh(.lora(configuration), StreamKey(seed: 4)))
      var theta = try model.loadParameters()
      theta.add(DenseDirection(StreamKey(seed: 5), layout: theta.layout), scale: 0.1)
      self.theta = theta
    }
  }

  static let configurations: [(String, LoRAConfiguration)] = [
    ("blocks", LoRAConfiguration(rank: 3)),
    ("rslora", LoRAConfiguration(rank: 3, isRankStabilized: true, targets: .blocks(.roles("query", "key", "value")))),
    ("all-linear", LoRAConfiguration(rank: 2, alpha: 5, targets: .allLinear)),
    (
      "biases",
      LoRAConfiguration(rank: 2, targets: .names(["q_proj", "c_attn", "query_key_value", "qkv_proj"]), bias: .all)
    ),
    ("own biases", LoRAConfiguration(rank: 2, bias: .loraOnly)),
    ("layer", LoRAConfiguration(rank: 2, targets: .blocks(.roles("value", "dense")), layers: [1], start: .gaussian)),
  ]

  @Test(arguments: names, configurations.map(\.0))
  func whatIsWrittenIsReadAndMerged(model name: String, kind: String) throws {
    let scratch = try Scratch()
    let configuration = try #require(Self.configurations.first { $0.0 == kind }?.1)
    let tuned = try Tuned(name, configuration, in: scratch.path)
    let (base, model) = (tuned.base, tuned.model)
    let expected = try model.evaluate(Self.batch, Self.readout, at: tuned.theta)
    let plain = try CausalModel(directory: base)
    #expect(try Self.difference(expected, plain.evaluate(Self.batch, Self.readout, at: plain.loadParameters())) > 1e-3)

    try model.save(tuned.theta, to: scratch.path + "/adapter")
    let files = try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/adapter")
    #expect(Set(files) == ["adapter_config.json", "adapter_model.safetensors"], "no copy of the base")
    let read = try CausalModel(directory: base)
    try read.attach(PEFTAdapter(directory: scratch.path + "/adapter"))
    #expect(try Self.difference(expected, read.evaluate(Self.batch, Self.readout, at: read.loadParameters())) < 1e-5)
    let again = try model.folder.loadAdapter(in: scratch.path + "/adapter", storage: .float32)
    #expect(again.contentHash() == tuned.theta.contentHash(), "the same blocks, bit for bit")

    try read.folder.saveMerged(read.loadFrozenParameters(), to: scratch.path + "/merged")
    let merged = try CausalModel(directory: scratch.path + "/merged")
    #expect(
      try Self.difference(expected, merged.evaluate(Self.batch, Self.readout, at: merged.loadParameters())) < 1e-5)
  }

  /// Which biases are trained, and the names that they have in PEFT, whose modules with LoRA hold theirs one level deeper.
  @Test(arguments: [
    (LoRAConfiguration.Bias.none, 0, 0), (.all, 2 * 8 + 1, 2 * 2), (.loraOnly, 2 * 2, 2 * 2),
  ])
  func biasesAreTrainedAndNamed(bias: LoRAConfiguration.Bias, count: Int, wrapped: Int) throws {
    let scratch = try Scratch()
    let tuned = try Tuned("opt", LoRAConfiguration(rank: 2, bias: bias), in: scratch.path)
    #expect(tuned.theta.layout.trainable.count { $0.name.hasSuffix(".bias") } == count)
    try tuned.model.save(tuned.theta, to: scratch.path + "/adapter")
    let names = try SafetensorsFile(path: scratch.path + "/adapter/adapter_model.safetensors").names
    #expect(names.count { $0.hasSuffix(".bias") } == count)
    #expect(names.count { $0.hasSuffix("_proj.base_layer.bias") } == wrapped)
  }

  /// A is drawn as is said, B is zero: the fresh model is the base.
  @Test(arguments: LoRAConfiguration.Start.allCases)
  func aFreshOneIsTheBase(start: LoRAConfiguration.Start) throws {
    let scratch = try Scratch()
    let made = try MadeModels.make("gpt2")
    try made.save(made.randomParameters(StreamKey(seed: 3)), to: scratch.path)
    let plain = try CausalModel(directory: scratch.path)
    let model = try CausalModel(directory: scratch.path)
    try model.attach(.fresh(.lora(LoRAConfiguration(rank: 4, targets: .allLinear, start: start)), StreamKey(seed: 4)))
    let theta = try model.loadParameters()
    #expect(theta.layout.trainable.allSatisfy { $0.name.contains(".lora_") } && !theta.layout.trainable.isEmpty)
    for block in theta.layout.trainable {
      let values = theta.values(of: block).map(Double.init)
      guard block.role.rawValue.hasSuffix("-a") else {
        #expect(values.allSatisfy { $0 == 0 }, "B")
        continue
      }
      let bound = 1 / Double(block.columns).squareRoot()
      let deviation = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
      // About a hundred numbers: their root mean square is off by a fourteenth at one standard error, by 0.35 at five.
      switch start {
      case .kaiming:
        #expect(values.allSatisfy { abs($0) <= bound })
        #expect(abs(deviation * 3.0.squareRoot() / bound - 1) < 0.35)
      case .gaussian: #expect(abs(deviation * 4 - 1) < 0.35)
      }
    }
    #expect(
      try Self.difference(
        model.evaluate(Self.batch, Self.readout, at: theta),
        plain.evaluate(Self.batch, Self.readout, at: plain.loadParameters())) < 1e-6)
  }

  @Test(.needs("adapters", "models"), arguments: PEFTTests.adapters.keys.sorted())
  func mergedAgreesWithPEFT(adapter: String) throws {
    let scratch = try Scratch()
    let model = try PEFTTests.model(adapter)
    try model.folder.saveMerged(model.loadFrozenParameters(), to: scratch.path, as: .float32)
    let merged = try CausalModel(directory: scratch.path)
    let golden = try Golden(path: SharedMaterial.path("adapters/\(adapter)/golden.json"))
    let comparison = try merged.compare(with: golden, at: merged.loadFrozenParameters())
    #expect(comparison.passes, "\(comparison.checks)")
  }

  /// An adapter that is read and written again is the same files: names, shapes and values.
  @Test(.needs("adapters", "models"), arguments: PEFTTests.adapters.keys.sorted())
  func whatIsReadIsWrittenAgain(adapter: String) throws {
    let scratch = try Scratch()
    let model = try PEFTTests.model(adapter)
    try model.save(model.loadParameters(), to: scratch.path)
    let own = try SafetensorsFile(path: scratch.path + "/adapter_model.safetensors")
    let theirs = try SafetensorsFile(path: SharedMaterial.path("adapters/\(adapter)/adapter_model.safetensors"))
    #expect(Set(own.names) == Set(theirs.names))
    for name in theirs.names {
      #expect(own.tensors[name]?.shape == theirs.tensors[name]?.shape)
      func values(_ file: SafetensorsFile) throws -> [Float] {
        try [Float](unsafeUninitializedCapacity: file.info(name).elementCount) { buffer, count in
          count = try file.info(name).elementCount
          try file.read(name, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
        }
      }
      #expect(try values(own) == values(theirs))
    }
    let again = try PEFTTests.model(adapter, at: scratch.path)
    let golden = try Golden(path: SharedMaterial.path("adapters/\(adapter)/golden.json"))
    #expect(try again.compare(with: golden, at: again.loadFrozenParameters()).passes)
  }

  static let refused: [(LoRAConfiguration, String)] = [
    (LoRAConfiguration(targets: .names(["absent"])), "target-modules"),
    (LoRAConfiguration(targets: .names(["wte"])), "target-modules"),
    (LoRAConfiguration(targets: .pattern("(")), "regular expression"),
    (LoRAConfiguration(layers: [9]), "target-modules"),
    (LoRAConfiguration(rankPattern: [.init("absent", 3)]), "rank-pattern: found 'absent'"),
    (LoRAConfiguration(alphaPattern: [.init("c_attn", 3), .init("c_fc", 3)]), "alpha-pattern: found 'c_fc'"),
    (LoRAConfiguration(modulesToSave: ["absent"]), "modules-to-save"),
    (LoRAConfiguration(modulesToSave: ["c_attn"]), "modules-to-save"),
  ]

  @Test(arguments: refused.indices) func refusesWhatTheModelLacks(_ i: Int) throws {
    let (configuration, named) = Self.refused[i]
    let model = try MadeModels.make("gpt2")
    let error = #expect(throws: InputError.self) {
      try model.attach(.fresh(.lora(configuration), StreamKey(seed: 1)))
    }
    #expect("\(error.map { "\($0)" } ?? "")".contains(named), "\(error.map { "\($0)" } ?? "")")
  }
}
