import Foundation
import Testing
import Zeroth
import ZerothModels
import ZerothTestKit

/// Training from half-precision weights as the checkpoint stores them.
@Suite struct StorageTests {
  /// A folder with the made model `name`, stored as `type`.
  func folder(_ name: String, _ type: SavedPrecision) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let model = try MadeModels.make(name)
    try model.save(model.randomParameters(StreamKey(seed: 4)), to: folder.path, as: type)
    return folder
  }

  /// Fused tensors too: parts of rows, of columns, and of rows that take turns.
  static let cases = ["opt", "llama", "phi3", "gpt2", "gpt-neox"].flatMap { name in
    [SavedPrecision.bfloat16, .float16].map { (name, $0) }
  }

  @Test(arguments: cases) func storedHalvesEvaluateAsFloats(model name: String, type: SavedPrecision) throws {
    let folder = try folder(name, type)
    let model = try CausalModel(directory: folder.path)
    let halves = try model.loadParameters(storage: .asStored)
    let floats = try model.loadParameters()
    #expect(halves.flattened() == floats.flattened())
    for matrix in model.layout.blocks where matrix.isMatrix {
      #expect(halves.stored().format(of: matrix) == (type == .float16 ? .float16 : .bfloat16))
      #expect(floats.stored().format(of: matrix) == .float32)
    }
    try expectSameEvaluations(of: model, halves, floats)
  }

  /// A product with one row is computed otherwise than one with many, where W is not in fp32.
  @Test(arguments: cases) func oneRowMeetsTheSameWeights(model name: String, type: SavedPrecision) throws {
    let folder = try folder(name, type)
    let model = try CausalModel(directory: folder.path)
    let halves = try model.loadParameters(storage: .asStored)
    let floats = try model.loadParameters()
    let direction = LowRankProbe(rank: 2, leftKey: StreamKey(seed: 7), rightKey: StreamKey(seed: 8))
    for offset: Float in [0, 0.01] {
      let batch = TokenBatch([[5]])
      func logits(_ theta: borrowing ParameterStore) throws -> [Double] {
        try model.evaluate(
          batch, .logits(rows: [0], ids: nil), at: theta, along: offset == 0 ? nil : direction, offsets: [offset])[0]
      }
      let (found, expected) = (try logits(halves), try logits(floats))
      let size = expected.reduce(0) { max($0, abs($1)) }
      // Sums of some hundred products in another order, through a few layers.
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 2e-5 * size })
    }
  }

  @Test(arguments: cases) func lowRankTrainingFollowsTheFloats(model name: String, type: SavedPrecision) throws {
    let folder = try folder(name, type)
    let file = folder.path("model.safetensors")
    let before = try Data(contentsOf: URL(fileURLWithPath: file))
    let model = try CausalModel(directory: folder.path)
    var losses: [[Double]] = []
    for storage in WeightStorage.allCases {
      var theta = try model.loadParameters(storage: storage)
      var optimizer = Optimizer(
        estimator: LowRankEstimator(rank: 2, interval: 4), rule: SGD(learningRate: 1e-3), seed: 6)
      let objective = NextToken(model)
      losses.append(try (0..<12).map { _ in try optimizer.step(&theta, objective).meanLoss })
      #expect(theta.flattened() != (try model.loadParameters().flattened()))
    }
    #expect(losses[0][..<4] == losses[1][..<4], "until the first window is folded nothing is rounded")
    #expect(zip(losses[0], losses[1]).allSatisfy { abs($0 - $1) < 0.02 }, "\(losses)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == before, "the checkpoint is not written")
  }
}
