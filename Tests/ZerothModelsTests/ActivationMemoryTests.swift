import Testing
import Zeroth
import ZerothTestKit

@testable import ZerothModels

/// Activations within a budget: micro-batches, and fewer points at a time.
@Suite struct ActivationMemoryTests {
  /// Sequences of several lengths, of which some continue others, further back too.
  private func batch(vocabulary: Int) -> TokenBatch {
    func tokens(_ count: Int, _ salt: Int) -> [Int] { (0..<count).map { ($0 * 31 + salt * 17 + 5) % vocabulary } }
    var batch = TokenBatch()
    batch.append(tokens(17, 1))
    batch.append(tokens(9, 3))
    batch.append(tokens(3, 4), after: 0)
    batch.append(tokens(2, 5), after: 1)
    batch.append(tokens(30, 6))
    batch.append(tokens(5, 7), after: 4)
    for salt in 8..<14 { batch.append(tokens(salt, salt)) }
    return batch
  }

  @Test func runsOfSequences() {
    let batch = batch(vocabulary: 50)
    // Tokens by sequence with what continues it: 31 (the two that are interleaved), 35, then 8 to 13.
    #expect(batch.microBatches(of: 1000) == [0..<12])
    #expect(batch.microBatches(of: 129) == [0..<12])
    #expect(batch.microBatches(of: 66) == [0..<6, 6..<12])
    #expect(batch.microBatches(of: 31) == [0..<4, 4..<6, 6..<9, 9..<11, 11..<12])
    #expect(batch.microBatches(of: 1) == [0..<4, 4..<6] + (6..<12).map { $0..<($0 + 1) })
    #expect(TokenBatch().microBatches(of: 10) == [])
    let part = batch.part(4..<7)
    #expect(part.tokens == Array(batch.tokens[31..<74]) && part.positions == Array(batch.positions[31..<74]))
    #expect(part.segments.map(\.prefix) == [nil, 0, nil])
  }

  static let kinds = [PointTests.Kind.sharedRight, .gaussian, .mixed]
  static let cases = MadeModels.configurations.keys.sorted().flatMap { name in kinds.map { (name, $0) } }

  @Test(arguments: cases) func causalValuesAreTheSame(model name: String, kind: PointTests.Kind) throws {
    let model = try MadeModels.make(name)
    let theta = model.randomParameters(StreamKey(seed: 1))
    let points = PointTests.points(kind, model.layout)
    let batch = batch(vocabulary: model.vocabulary)
    // Rows in no order, of some sequences alone.
    let rows = [30, 3, 100, 64, 26, 3]
    for readout in [
      Readout.logits(rows: rows, ids: [2, 8]), .logProbabilities(rows: rows, targets: [5, 6, 7, 8, 9, 1]),
    ] {
      model.activationMemory = defaultActivationMemory
      let whole = try model.evaluate(batch, readout, from: theta, at: points)
      for limit in [1, 40, 100, 300] {
        model.activationMemory = limit * model.activationsPerRow * 4
        let parts = try model.evaluate(batch, readout, from: theta, at: points)
        #expect(parts.count == whole.count && zip(parts, whole).allSatisfy { $0.count == $1.count })
        let largest = zip(parts.joined(), whole.joined()).map { abs($0 - $1) }.max() ?? .infinity
        #expect(largest < 2e-5, "\(limit) rows")
      }
    }
  }

  @Test(arguments: MadeModels.encoders.keys.sorted()) func encodersValuesAreTheSame(model name: String) throws {
    let model = try MadeModels.makeEncoder(name, classes: 3)
    let theta = model.randomParameters(StreamKey(seed: 1))
    let points = PointTests.points(.sharedRight, model.layout)
    let batch = TokenBatch((3..<14).map { length in (0..<length).map { ($0 * 7 + length) % model.vocabulary } })
    for readout in [
      EncoderReadout.logits(rows: [60, 2, 40], ids: nil), .hidden(rows: [5, 70, 6]), .pooled, .labelScores,
    ] {
      model.activationMemory = defaultActivationMemory
      let whole = try model.evaluate(batch, readout, from: theta, at: points)
      for limit in [1, 20, 60] {
        model.activationMemory = limit * model.activationsPerRow * 4
        let parts = try model.evaluate(batch, readout, from: theta, at: points)
        #expect(parts.count == whole.count && zip(parts, whole).allSatisfy { $0.count == $1.count })
        let largest = zip(parts.joined(), whole.joined()).map { abs($0 - $1) }.max() ?? .infinity
        #expect(largest < 2e-5, "\(limit) rows")
      }
    }
  }

  /// What a model says that a row takes bounds what its workspace gives out, and is no more than three times of it.
  @Test(arguments: MadeModels.configurations.keys.sorted()) func causalRowsTakeWhatIsSaid(model name: String) throws {
    let model = try MadeModels.make(name)
    let theta = model.randomParameters(StreamKey(seed: 1))
    func mostUsed(sequences: Int) throws -> Int {
      let batch = TokenBatch((0..<sequences).map { row in (0..<30).map { ($0 + row) % model.vocabulary } })
      let readout = Readout.logits(rows: Array(batch.tokens.indices), ids: [1])
      _ = try model.evaluate(batch, readout, at: theta)
      return model.workspace.mostUsed
    }
    let few = try mostUsed(sequences: 4)
    let perRow = (try mostUsed(sequences: 8) - few) / (4 * 30 * 4)
    #expect((model.activationsPerRow / 3...model.activationsPerRow).contains(perRow))
    let many = try mostUsed(sequences: 40)
    let perRowOfMany = (try mostUsed(sequences: 80) - many) / (40 * 30 * 4)
    #expect((model.activationsPerRow / 3...model.activationsPerRow).contains(perRowOfMany))
  }

  @Test(arguments: MadeModels.encoders.keys.sorted()) func encoderRowsTakeWhatIsSaid(model name: String) throws {
    let model = try MadeModels.makeEncoder(name)
    let theta = model.randomParameters(StreamKey(seed: 1))
    func mostUsed(sequences: Int) throws -> Int {
      let batch = TokenBatch((0..<sequences).map { row in (0..<30).map { ($0 + row) % model.vocabulary } })
      _ = try model.evaluate(batch, .hidden(rows: Array(batch.tokens.indices)), at: theta)
      return model.workspace.mostUsed
    }
    for few in [4, 40] {
      let before = try mostUsed(sequences: few)
      let perRow = (try mostUsed(sequences: 2 * few) - before) / (few * 30 * 4)
      #expect((model.activationsPerRow / 3...model.activationsPerRow).contains(perRow))
    }
  }
}
