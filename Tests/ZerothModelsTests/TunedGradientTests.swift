import Testing
import Zeroth
import ZerothTestKit

@testable import ZerothModels

/// Derivatives by what tuning adds to a model whose own weights are frozen: LoRA's factors, and the keys and values of a
/// prefix.
@Suite struct TunedGradientTests {
  static let names = MadeModels.configurations.keys.sorted()
  static let tunings: [String: TuningMethod] = [
    "query and value": .lora(LoRAConfiguration(rank: 3)),
    "all-linear": .lora(LoRAConfiguration(rank: 2, alpha: 5, targets: .allLinear)),
    "prefix": .prefix(tokens: 3),
    "bitfit": .bitfit,
  ]
  static let cases = names.flatMap { name in tunings.keys.sorted().map { (name, $0) } }
  static let kinds: [EvaluationTests.Kind] = [.gaussian, .rademacher, .lowRank]

  /// `model` tuned as `tuning` says, with no block at 0: B of a fresh LoRA is, and then A has no gradient.
  static func tune(_ model: any PretrainedModel, _ tuning: String) throws -> ParameterStore {
    try model.attach(.fresh(tunings[tuning] ?? .full, StreamKey(seed: 4)))
    var theta = model.randomParameters(StreamKey(seed: 1))
    if tuning == "prefix" { try model.startPrefix(&theta) }
    theta.add(DenseDirection(StreamKey(seed: 5), layout: theta.layout), scale: 0.1)
    return theta
  }

  /// Sequences of their own, one of them continued by two others.
  static func continued() -> (TokenBatch, Readout) {
    var batch = TokenBatch()
    let first = batch.append([3, 14, 15, 9, 26]).segment
    batch.append([5, 35, 8])
    batch.append([9, 7], after: first)
    batch.append([31], after: first)
    return (batch, .logProbabilities(rows: [1, 4, 7, 8, 10], targets: [1, 2, 66, 4, 5]))
  }

  @Test(arguments: cases) func modesAgreeWithEachOtherAndWithDifferences(model name: String, tuning: String) throws {
    let model = try MadeModels.make(name)
    let theta = try Self.tune(model, tuning)
    #expect(theta.layout.trainable.count < theta.layout.blocks.count)
    // Where the loss is so flat that its differences drown in the rounding of fp32, they are taken over more.
    let isFlat = tuning == "prefix" || name == "opt post-norm"
    let batch = MadeModels.batch(vocabulary: model.vocabulary)
    try GradientTests.check(
      .init(model, batch, GradientTests.readouts[2]), theta, "\(name), \(tuning)", kinds: Self.kinds,
      ofHighOrder: isFlat)
    let (continued, readout) = Self.continued()
    try GradientTests.check(
      .init(model, continued, readout), theta, "\(name), \(tuning), continued", kinds: Self.kinds, ofHighOrder: isFlat)
  }

  @Test(arguments: MadeModels.encoders.keys.sorted(), tunings.keys.sorted())
  func modesOfEncodersAgree(model name: String, tuning: String) throws {
    let model = try MadeModels.makeEncoder(name, classes: 3)
    let theta = try Self.tune(model, tuning)
    for readout in [EncoderReadout.hidden(rows: [1, 8, 9]), .labelScores] {
      try GradientTests.check(
        .init(model, TokenBatch(EncoderTests.sequences), readout), theta, "\(name), \(tuning)", kinds: Self.kinds,
        ofHighOrder: true)
    }
  }

  /// On many rows, with layers computed anew, and in micro-batches too; the same bits on any number of threads.
  @Test(arguments: cases) func gradientsDependNeitherOnThreadsNorOnMemory(model name: String, tuning: String) throws {
    let model = try MadeModels.make(name)
    let theta = try Self.tune(model, tuning)
    let batch = MadeModels.longBatch(vocabulary: model.vocabulary)
    // Row 0 sees the prefix through the narrowest window.
    let rows = [0, 3, 20, 30, 100, 200, 300]
    let readout = Readout.logProbabilities(rows: rows, targets: [4, 5, 6, 7, 8, 9, 10])
    let whole = try GradientTests.gradient(model, theta, batch, readout)
    let others = try [1, 2, 3].map { threads in
      try withThreads(threads) { try GradientTests.gradient(model, theta, batch, readout) }
    }
    model.recomputesActivations = true
    let recomputed = try GradientTests.gradient(model, theta, batch, readout)
    model.recomputesActivations = false
    model.activationMemory = 1 << 18
    let cut = try GradientTests.gradient(model, theta, batch, readout)
    for block in theta.layout.trainable {
      let values = whole.values(of: block)
      #expect(values.contains { $0 != 0 }, "\(block.name)")
      for other in others + [recomputed] { #expect(values == other.values(of: block), "\(block.name)") }
      let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let largest = zip(values, cut.values(of: block)).map { abs($0 - $1) }.max() ?? 0
      #expect(largest <= 1e-5 * norm + 1e-7, "\(block.name): \(largest) of \(norm)")
    }
  }
}
