import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothDistributed
import ZerothSupport
import ZerothTestKit

/// Examples that are fitted by a line each: 1/2 (x . theta - y)^2, where x and y follow from the example's number. A mini-batch has
/// twelve; an example weighs its `units` in the mean.
private final class Lines: DifferentiableObjective {
  static let batch = 12
  private let part: Range<Int>
  private let units: (Int) -> Int
  private let failing: Bool

  init(_ part: Range<Int> = 0..<Lines.batch, units: @escaping (Int) -> Int = { _ in 1 }, failing: Bool = false) {
    self.part = part
    self.units = units
    self.failing = failing
  }

  static func examples(of batch: Batch) -> [Int] { (0..<Self.batch).map { 100 * batch.step + 7 * batch.draw + $0 } }

  private func residual(_ example: Int, _ theta: [Float]) -> Double {
    theta.enumerated().reduce(-cos(Double(example))) { $0 + sin(Double(example * 13 + $1.offset)) * Double($1.element) }
  }

  private func weighted(_ batch: Batch) -> [(example: Int, weight: Double)] {
    let examples = Array(Self.examples(of: batch)[part])
    let all = Double(examples.reduce(0) { $0 + units($1) })
    return examples.map { ($0, Double(units($0)) / all) }
  }

  func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    if failing { throw InputError("example 3", found: "no line", expected: "one") }
    let x = theta.flattened()
    return weighted(batch).reduce(0) { $0 + $1.weight * residual($1.example, x) * residual($1.example, x) / 2 }
  }

  func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Few<Double> {
    let x = theta.flattened()
    let all = weighted(batch)
    return Few(all.map { Double(all.count) * $0.weight * residual($0.example, x) * residual($0.example, x) / 2 })
  }

  func gradient(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(InputError) -> Double {
    let x = theta.flattened()
    var slopes = [Double](repeating: 0, count: x.count)
    for (example, weight) in weighted(batch) {
      let r = weight * residual(example, x)
      for i in x.indices { slopes[i] += r * sin(Double(example * 13 + i)) }
    }
    // flattened() has the blocks one behind the other, without the gaps that align them.
    let starts = theta.layout.blocks.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
    gradient.forEachPanel { [slopes] block, rows, values in
      let first = starts[block.index] + rows.lowerBound * block.columns
      for i in values.indices { values[i] = Float(slopes[first + i]) }
    }
    return try loss(at: theta, on: batch)
  }
}

/// A direction for each example.
private struct OwnDirections: ExampleDirections {
  func direction(of example: Int) -> DenseDirection {
    DenseDirection(StreamKey(seed: 21).child(.query, example), layout: .small)
  }
}

@Suite struct ShardedObjectiveTests {
  private static let layout = ParameterLayout.small
  private static func theta() -> ParameterStore {
    var theta = ParameterStore(layout)
    for block in layout.blocks {
      theta.fill(block, with: (0..<block.count).map { Float(sin(Double($0 + block.offset))) / 8 })
    }
    return theta
  }

  private static func points(_ directions: Int, oneSided: Bool = false) -> Points {
    var points = Points()
    for i in 0..<directions {
      let direction = DenseDirection(StreamKey(seed: 9).child(.query, i), layout: layout)
      points.append(direction, at: oneSided ? (i == 0 ? [0, 0.01] : [0.01]) : [0.01, -0.01])
    }
    return points
  }

  /// The objective in `shards`, of which part `failing` cannot be measured.
  private static func sharded(
    _ shards: Int, _ job: Job = Job(), units: @escaping (Int) -> Int = { _ in 1 }, failing: Int? = nil
  ) throws -> ShardedObjective {
    try ShardedObjective(
      shards: shards, job: job,
      shares: { batch, parts in
        (0..<parts).map { part in
          let examples = Lines.examples(of: batch)[ShardCut.range(part, of: parts, count: Lines.batch)]
          return .init(examples: examples.count, units: examples.reduce(0) { $0 + units($1) })
        }
      },
      make: { part, parts in
        Lines(ShardCut.range(part, of: parts, count: Lines.batch), units: units, failing: parts > 1 && part == failing)
      })
  }

  /// Examples that weigh 0 to 4: some parts weigh nothing.
  static let weights: [@Sendable (Int) -> Int] = [{ _ in 1 }, { $0 % 5 }, { $0 % 4 == 0 ? 3 : 0 }]

  @Test func oneShardIsTheObjectiveItself() throws {
    let theta = Self.theta()
    for directions in [1, 4] {
      for grain in [LossGrain.batch, .example] {
        let plain = try Lines().losses(
          at: Self.points(directions), from: theta, on: Batch(step: 3), grain: grain)
        let found = try Self.sharded(1).losses(
          at: Self.points(directions), from: theta, on: Batch(step: 3), grain: grain)
        #expect(Array(found) == Array(plain))
      }
    }
  }

  /// 1e-12 is a few thousand roundings of double: only the order of sums differs.
  @Test(arguments: [2, 3, 4, 5, 8, 12, 30], weights.indices)
  func theShardsMakeTheMean(shards: Int, weighing: Int) throws {
    let units = Self.weights[weighing]
    let theta = Self.theta()
    for points in [Self.points(1), Self.points(4), Self.points(3, oneSided: true), .theta] {
      for grain in [LossGrain.batch, .example] {
        let plain = try Lines(units: units).losses(at: points, from: theta, on: Batch(step: 2, draw: 1), grain: grain)
        let found = try Self.sharded(shards, units: units).losses(
          at: points, from: theta, on: Batch(step: 2, draw: 1), grain: grain)
        #expect(found.count == plain.count)
        #expect(zip(plain, found).allSatisfy { abs($0 - $1) <= 1e-12 * max(1, abs($0)) })
      }
    }
    var (whole, parts) = (StoredVector(theta.layout.trainable), StoredVector(theta.layout.trainable))
    let direction = DenseDirection(StreamKey(seed: 4), layout: Self.layout)
    let loss = try Lines(units: units).gradient(at: theta, on: Batch(step: 1), into: &whole)
    let slope = try Lines(units: units).derivative(along: direction, at: theta, on: Batch(step: 1))
    let sharded = try Self.sharded(shards, units: units)
    #expect(try sharded.differentiate(at: theta, on: Batch(step: 1), into: &parts) == loss)
    #expect(parts.product(with: direction) == whole.product(with: direction))
    let found = try #require(try sharded.differentiate(along: direction, at: theta, on: Batch(step: 1)))
    // Gradients are kept in Float.
    #expect(abs(found.derivative - slope.derivative) <= 1e-5 * max(1, abs(slope.derivative)))
    #expect(abs(found.loss - slope.loss) <= 1e-12)
  }

  /// Each example along its own direction, whichever part and rank it is in.
  @Test(arguments: [1, 2, 5, 12], weights.indices) func examplesKeepTheirDirections(shards: Int, weighing: Int) throws {
    let units = Self.weights[weighing]
    let (directions, batch) = (OwnDirections(), Batch(step: 6))
    let plain = try Lines(units: units).losses(
      ofExamplesAlong: directions, at: [0.01, -0.02], from: Self.theta(), on: batch)
    func losses(_ ranks: Int) throws -> [[Double]] {
      try ThreadRanks.run(ranks) { communicator in
        Array(
          try Self.sharded(shards, Job(communicator), units: units).losses(
            ofExamplesAlong: directions, at: [0.01, -0.02], from: Self.theta(), on: batch))
      }.map { try $0.get() }
    }
    let alone = try losses(1)[0]
    #expect(alone.count == 2 * Lines.batch)
    #expect(zip(plain, alone).allSatisfy { abs($0 - $1) <= 1e-12 * max(1, abs($0)) })
    if shards == 1 { #expect(alone == Array(plain)) }
    for ranks in 2...3 { for found in try losses(ranks) { #expect(found == alone, "\(ranks) ranks") } }
  }

  /// The law: the number of ranks changes no bit.
  @Test(arguments: [1, 2, 3, 8], [1, 4]) func anyNumberOfRanksGivesTheSameBits(shards: Int, directions: Int) throws {
    func losses(_ ranks: Int) throws -> [[UInt64]] {
      try ThreadRanks.run(ranks) { communicator in
        let theta = Self.theta()
        let objective = try Self.sharded(shards, Job(communicator), units: Self.weights[1])
        var bits: [UInt64] = []
        for grain in [LossGrain.batch, .example] {
          bits += try objective.losses(
            at: Self.points(directions), from: theta, on: Batch(step: 5), grain: grain
          ).map(\.bitPattern)
        }
        let direction = DenseDirection(StreamKey(seed: 4), layout: Self.layout)
        let slope = try objective.differentiate(along: direction, at: theta, on: Batch(step: 1))
        return bits + [slope?.loss.bitPattern ?? 0, slope?.derivative.bitPattern ?? 0]
      }.map { try $0.get() }
    }
    let alone = try losses(1)[0]
    for ranks in 2...4 {
      for found in try losses(ranks) { #expect(found == alone, "\(ranks) ranks") }
    }
  }

  /// 8 bytes for each shard and point, and 8 in front of each rank's.
  @Test func whatIsSent() throws {
    let sent = try ThreadRanks.run(2) { communicator in
      let job = Job(communicator)
      _ = try Self.sharded(2, job).losses(at: Self.points(1), from: Self.theta(), on: Batch(step: 0))
      return job.bytes
    }.map { try $0.get() }
    #expect(sent == [24, 24])
  }

  @Test func anErrorReachesEveryRank() throws {
    for (ranks, failing) in [(2, 0), (2, 3), (3, 2)] {
      let results = ThreadRanks.run(ranks) { communicator in
        let job = Job(communicator)
        let objective = try Self.sharded(4, job, failing: failing)
        let error = inputError {
          _ = try objective.losses(at: Self.points(1), from: Self.theta(), on: Batch(step: 0))
        }
        return (error, job.isAgreedEnd)
      }
      let owner = try #require((0..<ranks).first { ShardCut.shards(4, of: $0, size: ranks).contains(failing) })
      for (rank, result) in results.enumerated() {
        let (error, isAgreed) = try result.get()
        #expect(isAgreed && error?.found == "no line")
        #expect(error?.subject == (owner == 0 ? "example 3" : "rank \(owner): example 3"), "rank \(rank)")
      }
    }
  }

  /// Every shard has one owner, in the order of the ranks, and none has two more than another.
  @Test func shardsAreDealtOut() {
    for shards in [1, 2, 7, 8, 13] {
      for size in 1...9 {
        let dealt = (0..<size).map { ShardCut.shards(shards, of: $0, size: size) }
        #expect(dealt.flatMap(\.self) == Array(0..<shards))
        let counts = dealt.map(\.count)
        #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
      }
      for directions in [0, 1, 2, 3, 4, 6, 16] {
        let cut = ShardCut(shards: shards, directions: directions)
        #expect(cut.groups * cut.parts == shards && max(1, directions).isMultiple(of: cut.groups))
        let groups = (0..<directions).map { cut.group(of: $0) }
        #expect(groups == groups.sorted())
      }
    }
  }
}
