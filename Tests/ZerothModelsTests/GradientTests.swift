import Testing
import Zeroth
import ZerothTestKit

@testable import ZerothModels

/// Derivatives of every family: in both modes against each other, and against central differences; those of a reference
/// library are in `GoldenTests`.
@Suite struct GradientTests {
  static let names = MadeModels.configurations.keys.sorted()
  static let encoders = MadeModels.encoders.keys.sorted()
  static let rows = [0, 5, 16, 17, 26, 29, 31]
  static let readouts: [Readout] = [
    .logits(rows: rows, ids: nil), .logits(rows: rows, ids: [3, 60, 3]),
    .logProbabilities(rows: rows, targets: [1, 2, 66, 4, 5, 0, 7]),
  ]

  /// Adjoints of as many values, of both signs.
  static func adjoints(_ count: Int) -> [Double] {
    (0..<count).map { i in
      let place = (i * 37 + 11) % 19
      return Double(place - 9) / 19
    }
  }

  /// What a gradient is of, for a model of either kind.
  struct Scalar {
    let gradient: (borrowing ParameterStore, inout StoredVector) throws -> Void
    let slope: (borrowing ParameterStore, any Direction) throws -> (value: Double, slope: Double)
    let value: (borrowing ParameterStore) throws -> Double

    init(_ model: CausalModel, _ batch: TokenBatch, _ readout: Readout) {
      gradient = { theta, gradient in
        try model.addGradient(of: readout, batch, at: theta, to: &gradient) { GradientTests.adjoints($0.count) }
      }
      slope = { theta, direction in
        let values = try model.evaluate(batch, readout, from: theta, at: .tangent(along: direction))
        return (GradientTests.sum(values[0]), GradientTests.sum(values[1]))
      }
      value = { theta in GradientTests.sum(try model.evaluate(batch, readout, at: theta)[0]) }
    }

    init(_ model: EncoderModel, _ batch: TokenBatch, _ readout: EncoderReadout) {
      gradient = { theta, gradient in
        try model.addGradient(of: readout, batch, at: theta, to: &gradient) { GradientTests.adjoints($0.count) }
      }
      slope = { theta, direction in
        let values = try model.evaluate(batch, readout, from: theta, at: .tangent(along: direction))
        return (GradientTests.sum(values[0]), GradientTests.sum(values[1]))
      }
      value = { theta in GradientTests.sum(try model.evaluate(batch, readout, at: theta)[0]) }
    }
  }

  static func sum(_ values: [Double]) -> Double {
    zip(adjoints(values.count), values).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// Both modes agree to 1e-5, and with central differences as far as those go in fp32, unless rounding and the kinks of relu make
  /// them useless.
  static func check(
    _ scalar: Scalar, _ theta: borrowing ParameterStore, _ name: String, withDifferences: Bool = true,
    kinds: [EvaluationTests.Kind] = [.gaussian, .rademacher, .lowRank, .oneBlock], ofHighOrder: Bool = false
  ) throws {
    var gradient = StoredVector(theta.layout.trainable)
    try scalar.gradient(theta, &gradient)
    for kind in kinds {
      let direction = EvaluationTests.direction(kind, theta.layout)
      let (value, exact) = try scalar.slope(theta, direction)
      #expect(abs(value - (try scalar.value(theta))) <= 1e-5 * max(1, abs(value)), "\(name), \(kind)")
      let product = gradient.product(with: direction)
      let scale = (gradient.product(with: StoredDirection(gradient, scale: 1)).squareRoot()) + abs(exact)
      #expect(abs(exact - product) <= 1e-5 * scale, "\(name), \(kind): \(exact) forward, \(product) backward")
      guard withDifferences else { continue }
      func moved(_ offset: Float) throws -> Double {
        var moved = theta.clone()
        moved.add(direction, scale: offset)
        return try scalar.value(moved)
      }
      func slope(of h: Float) throws -> Double { (try moved(h) - moved(-h)) / Double(2 * h) }
      // With four points the error falls with h^4, so that h may be large beside rounding in fp32.
      let difference =
        ofHighOrder ? (4 * (try slope(of: 1.5e-3)) - (try slope(of: 3e-3))) / 3 : try slope(of: 1e-4)
      #expect(abs(exact - difference) <= 1e-2 * scale, "\(name), \(kind): \(exact) exact, \(difference) by differences")
    }
  }

  @Test(arguments: names) func modesAgreeWithEachOtherAndWithDifferences(model name: String) throws {
    let model = try MadeModels.make(name)
    let theta = model.randomParameters(StreamKey(seed: 1))
    let batch = MadeModels.batch(vocabulary: model.vocabulary)
    for readout in Self.readouts { try Self.check(Scalar(model, batch, readout), theta, "\(readout)") }
  }

  @Test(arguments: encoders) func modesOfEncodersAgree(model name: String) throws {
    for classes in [nil, 3] {
      let model = try MadeModels.makeEncoder(name, classes: classes)
      let theta = model.randomParameters(StreamKey(seed: 1))
      let readouts: [EncoderReadout] =
        (model.hasMaskedHead ? [.logits(rows: [0, 6, 16], ids: nil), .logits(rows: [2, 8], ids: [3, 60, 3])] : [])
        + [.hidden(rows: [1, 8, 9]), .pooled] + (classes != nil || model.classifierLabels != nil ? [.labelScores] : [])
      for readout in readouts {
        try Self.check(Scalar(model, TokenBatch(EncoderTests.sequences), readout), theta, "\(readout)")
      }
    }
  }

  /// With so many rows that layers are cut, and with updates that wait apart from the weights.
  @Test(arguments: names) func modesAgreeOnManyRows(model name: String) throws {
    let model = try MadeModels.make(name)
    var theta = model.randomParameters(StreamKey(seed: 1))
    let key = StreamKey(seed: 3)
    theta.add(LowRankProbe(rank: 2, leftKey: key.child(.left), rightKey: key.child(.right)), scale: 0.01)
    let batch = MadeModels.longBatch(vocabulary: model.vocabulary)
    let rows = Array(stride(from: 2, to: batch.tokens.count, by: 3))
    try Self.check(
      Scalar(model, batch, .logProbabilities(rows: rows, targets: rows.map { $0 * 7 % model.vocabulary })), theta, name,
      withDifferences: false)
  }

  static func gradient(
    _ model: CausalModel, _ theta: borrowing ParameterStore, _ batch: TokenBatch, _ readout: Readout
  ) throws -> StoredVector {
    var gradient = StoredVector(theta.layout.trainable)
    try Scalar(model, batch, readout).gradient(theta, &gradient)
    return gradient
  }

  @Test(arguments: names) func sameBitsForAnyNumberOfThreads(model name: String) throws {
    let model = try MadeModels.make(name)
    let theta = model.randomParameters(StreamKey(seed: 1))
    let batch = MadeModels.longBatch(vocabulary: model.vocabulary)
    let readout = Readout.logProbabilities(rows: [3, 20, 30, 300], targets: [5, 6, 7, 8])
    let results = try [1, 2, 3].map { threads in
      try withThreads(threads) { try Self.gradient(model, theta, batch, readout) }
    }
    for block in model.layout.blocks {
      #expect(results[0].values(of: block) == results[1].values(of: block), "\(block.name)")
      #expect(results[0].values(of: block) == results[2].values(of: block), "\(block.name)")
    }
  }

  /// Activations that are computed anew are the same numbers, and micro-batches give the same gradient to rounding.
  @Test(arguments: names) func memoryIsSavedWithoutChangingTheGradient(model name: String) throws {
    let model = try MadeModels.make(name)
    let theta = model.randomParameters(StreamKey(seed: 1))
    let batch = MadeModels.longBatch(vocabulary: model.vocabulary)
    let rows = [3, 20, 30, 100, 200, 300]
    for readout in [
      Readout.logProbabilities(rows: rows, targets: [5, 6, 7, 8, 9, 10]), .logits(rows: rows, ids: [1, 2]),
    ] {
      model.activationMemory = defaultActivationMemory
      let whole = try Self.gradient(model, theta, batch, readout)
      model.recomputesActivations = true
      let recomputed = try Self.gradient(model, theta, batch, readout)
      model.recomputesActivations = false
      model.activationMemory = 1 << 18
      let cut = try Self.gradient(model, theta, batch, readout)
      for block in model.layout.blocks {
        #expect(whole.values(of: block) == recomputed.values(of: block), "\(block.name)")
        let (a, b) = (whole.values(of: block), cut.values(of: block))
        let norm = a.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let largest = zip(a, b).map { abs($0 - $1) }.max() ?? 0
        #expect(largest <= 1e-5 * norm + 1e-7, "\(block.name): \(largest) of \(norm)")
      }
    }
  }

  /// A selection has its part of the whole gradient, whatever it selects.
  @Test(arguments: names) func selectionsHaveTheirPart(model name: String) throws {
    let model = try MadeModels.make(name)
    let whole = model.randomParameters(StreamKey(seed: 1))
    let batch = MadeModels.batch(vocabulary: model.vocabulary)
    let all = try Self.gradient(model, whole, batch, Self.readouts[2])
    var compared = 0
    defer { #expect(compared >= 3) }
    for selection in [
      BlockSelection.roles("query", "value"), .roles("norm", "bias"), .roles("embedding", "head"), .layers(1...1),
    ] {
      // A model may lack one of them, such as a second layer.
      guard let layout = try? model.layout.training(only: selection) else { continue }
      compared += 1
      var theta = ParameterStore(layout)
      for block in layout.blocks { theta.fill(block, with: whole.values(of: block)) }
      for recomputes in [false, true] {
        model.recomputesActivations = recomputes
        let part = try Self.gradient(model, theta, batch, Self.readouts[2])
        for block in layout.blocks {
          #expect(
            part.values(of: block) == (block.isTrainable ? all.values(of: model.layout.blocks[block.index]) : []),
            "\(block.name)")
        }
      }
      model.recomputesActivations = false
    }
  }
}
