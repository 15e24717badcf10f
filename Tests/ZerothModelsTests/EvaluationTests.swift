import Foundation
import Testing
import Zeroth
import ZerothModels
import ZerothTestKit

/// Evaluation at displaced weights against the plain path: the weights moved in a copy.
@Suite struct EvaluationTests {
  enum Kind: String, CaseIterable { case gaussian, rademacher, sphere, lowRank, oneBlock }

  static func direction(_ kind: Kind, _ layout: ParameterLayout) -> any Direction {
    let key = StreamKey(seed: 7)
    switch kind {
    case .gaussian: return DenseDirection(key, layout: layout)
    case .rademacher: return DenseDirection(key, distribution: .rademacher, layout: layout)
    case .sphere: return DenseDirection(key, distribution: .sphere, layout: layout)
    case .lowRank:
      return LowRankProbe(rank: 3, leftKey: key.child(.left), rightKey: key.child(.right), matrixScale: 0.5)
    case .oneBlock: return CoordinateDirection([.init(block: 3, element: 0)], values: [25])
    }
  }

  static let cases = MadeModels.configurations.keys.sorted().flatMap { name in Kind.allCases.map { (name, $0) } }

  @Test(arguments: cases)
  func displacedEqualsMoved(model name: String, kind: Kind) throws {
    let model = try MadeModels.make(name)
    let theta = model.randomParameters(StreamKey(seed: 1))
    let batch = MadeModels.batch(vocabulary: model.vocabulary)
    let direction = Self.direction(kind, model.layout)
    let offsets: Few<Float> = [0.02, 0, -0.02]
    let rows = [0, 5, 16, 17, 26, 29, 31]
    let readouts: [Readout] = [
      .logits(rows: rows, ids: nil), .logits(rows: rows, ids: [3, 60, 3]),
      .logProbabilities(rows: rows, targets: [1, 2, 66, 4, 5, 0, 7]),
    ]
    for readout in readouts {
      let displaced = try model.evaluate(batch, readout, at: theta, along: direction, offsets: offsets)
      for (v, offset) in offsets.enumerated() {
        var moved = theta.clone()
        moved.add(direction, scale: offset)
        let expected = try model.evaluate(batch, readout, at: moved)[0]
        #expect(displaced[v].count == expected.count)
        let difference = zip(displaced[v], expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(difference < 2e-5, "offset \(offset): \(difference)")
      }
      #expect(displaced[0] != displaced[1] && displaced[0] != displaced[2], "the direction has an effect")
    }
  }

  @Test(arguments: cases)
  func displacedEqualsMovedOnManyRows(model name: String, kind: Kind) throws {
    let model = try MadeModels.make(name)
    var theta = model.randomParameters(StreamKey(seed: 1))
    // Updates that wait beside the weights are part of them.
    let key = StreamKey(seed: 3)
    theta.add(LowRankProbe(rank: 2, leftKey: key.child(.left), rightKey: key.child(.right)), scale: 0.01)
    let batch = MadeModels.longBatch(vocabulary: model.vocabulary)
    let direction = Self.direction(kind, model.layout)
    for rows in [Array(stride(from: 2, to: batch.tokens.count, by: 3)), [50, 7, 7, 300]] {
      let readout = Readout.logProbabilities(rows: rows, targets: rows.map { $0 % model.vocabulary })
      let displaced = try model.evaluate(batch, readout, at: theta, along: direction, offsets: [0.02, -0.02])
      for (v, offset) in [Float(0.02), -0.02].enumerated() {
        var moved = ParameterStore(model.layout)
        for block in model.layout.blocks { moved.fill(block, with: theta.values(of: block)) }
        for block in model.layout.trainable where direction.touches(block) {
          moved.withMutableBlock(block) {
            direction.add(to: &$0, of: block, rows: 0..<block.rows, scale: offset)
          }
        }
        let expected = try model.evaluate(batch, readout, at: moved)[0]
        let difference = zip(displaced[v], expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(difference < 2e-5, "offset \(offset): \(difference)")
      }
      #expect(displaced[0] != displaced[1])
    }
  }

  @Test(arguments: cases)
  func sameBitsForAnyNumberOfThreads(model name: String, kind: Kind) throws {
    let model = try MadeModels.make(name)
    let theta = model.randomParameters(StreamKey(seed: 1))
    let readout = Readout.logProbabilities(rows: [3, 9, 20], targets: [5, 6, 7])
    for batch in [MadeModels.batch(vocabulary: model.vocabulary), MadeModels.longBatch(vocabulary: model.vocabulary)] {
      var results: [[[Double]]] = []
      for threads in [1, 2, 3] {
        results.append(
          try withThreads(threads) {
            try model.evaluate(
              batch, readout, at: theta, along: Self.direction(kind, model.layout), offsets: [0.01, -0.01])
          })
      }
      #expect(results[0] == results[1] && results[0] == results[2])
    }
  }

  @Test(arguments: MadeModels.configurations.keys.sorted())
  func segmentsThatContinueEqualWholeSequences(model name: String) throws {
    let model = try MadeModels.make(name)
    let theta = model.randomParameters(StreamKey(seed: 1))
    let prompt = [3, 14, 15, 9, 26]
    let tails = [[5, 35], [8], [9, 7, 9]]
    var shared = TokenBatch()
    let first = shared.append(prompt).segment
    let rows = tails.map { shared.append($0, after: first).rows.upperBound - 1 }
    let whole = TokenBatch(tails.map { prompt + $0 })
    var end = -1
    let ends = tails.map { tail in
      end += prompt.count + tail.count
      return end
    }
    let a = try model.evaluate(shared, .logits(rows: rows, ids: nil), at: theta)[0]
    let b = try model.evaluate(whole, .logits(rows: ends, ids: nil), at: theta)[0]
    #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  @Test func logProbabilitiesAreTheSoftmaxOfTheLogits() throws {
    let model = try MadeModels.make("opt")
    let theta = model.randomParameters(StreamKey(seed: 1))
    let batch = MadeModels.batch(vocabulary: model.vocabulary)
    let rows = [4, 18]
    let logits = try model.evaluate(batch, .logits(rows: rows, ids: nil), at: theta)[0]
    let logs = try model.evaluate(batch, .logProbabilities(rows: rows, targets: [100, 0]), at: theta)[0]
    for (i, target) in [100, 0].enumerated() {
      let row = logits[(i * model.vocabulary)..<((i + 1) * model.vocabulary)]
      let expected = row[row.startIndex + target] - log(row.reduce(0) { $0 + exp($1) })
      #expect(abs(logs[i] - expected) < 1e-5)
    }
  }

  @Test func whereNothingIsReadOutThereIsNothingForEachOffset() throws {
    let model = try MadeModels.make("opt")
    let theta = model.randomParameters(StreamKey(seed: 1))
    let along = DenseDirection(StreamKey(seed: 2), layout: model.layout)
    let batch = TokenBatch([[0, 1, 2]])
    let found = try model.evaluate(
      batch, .logProbabilities(rows: [], targets: []), at: theta, along: along, offsets: [0.1, -0.1, 0])
    #expect(found == [[], [], []])
  }

  @Test func notANumberIsNotHidden() throws {
    let model = try MadeModels.make("opt")
    var theta = model.randomParameters(StreamKey(seed: 1))
    theta.withMutableBlock(theta.layout.blocks[0]) { $0[0] = .nan }
    let batch = TokenBatch([[0, 1, 2]])
    let logs = try model.evaluate(batch, .logProbabilities(rows: [1], targets: [2]), at: theta)[0]
    #expect(logs[0].isNaN)
  }

  @Test func badTokensAndLongSequencesAreErrors() throws {
    let model = try MadeModels.make("opt")
    let theta = model.randomParameters(StreamKey(seed: 1))
    #expect(throws: InputError.self) {
      try model.evaluate(TokenBatch([[0, 101]]), .logits(rows: [0], ids: nil), at: theta)
    }
    #expect(throws: InputError.self) {
      try model.evaluate(TokenBatch([[Int](repeating: 1, count: 41)]), .logits(rows: [0], ids: nil), at: theta)
    }
    #expect(throws: InputError.self) {
      try model.evaluate(TokenBatch([[0]]), .logits(rows: [0], ids: [101]), at: theta)
    }
    #expect(throws: InputError.self) {
      try model.evaluate(TokenBatch([[0]]), .logProbabilities(rows: [1], targets: [5]), at: theta)
    }
    #expect(throws: InputError.self) {
      try model.evaluate(TokenBatch([[0]]), .logProbabilities(rows: [0], targets: [-1]), at: theta)
    }
  }
}
