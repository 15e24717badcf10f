import Zeroth
import ZerothSupport

/// An objective that is measured in shards by the ranks of a job. Each mini-batch, and several directions too, are
/// divided into S shards (``ShardCut``). Each rank measures its own shards, and all ranks learn all losses in one
/// exchange of 8 bytes for each shard and point.
///
///     L(theta + a D) = sum_p w_p L_p(theta + a D)        over the parts p of the mini-batch, in their order
///
/// L_p is the mean of part p, and w_p is its weight in the mean of all parts. Every rank adds all shards in the same
/// order, so losses depend on S and not on the number of ranks. With S = 1 they are those of the objective itself, bit
/// for bit.
///
/// A gradient has d floats, and is not sent: every rank computes it on the whole mini-batch.
public final class ShardedObjective: Objective {
  /// The errors of the parts, and those that other ranks report.
  public typealias Failure = any Error

  /// The share of a part in a mini-batch.
  public struct Share: Sendable, Hashable {
    /// The number of its examples; 0 for a part that is never measured.
    public var examples: Int
    /// Its weight: w_p is its units divided by those of all parts. The units are the examples, or whatever the losses
    /// are means over, such as tokens.
    public var units: Int

    /// A part of `examples` examples with the weight `units`.
    public init(examples: Int, units: Int) {
      self.examples = examples
      self.units = units
    }

    /// The factor of the loss of one of its examples in the mean over all `shares`. It is 1 where each example has the
    /// same weight.
    func factor(in shares: [Share]) -> Double {
      let (examples, units) = shares.reduce((0, 0)) { ($0.0 + $1.examples, $0.1 + $1.units) }
      return Double(self.units * examples) / Double(units * self.examples)
    }
  }

  private let shards: Int
  private let job: Job
  private let shares: (_ batch: Batch, _ parts: Int) -> [Share]
  private let make: (_ part: Int, _ parts: Int) throws -> any Objective
  private let didMeasure: () -> Void
  private let whole: any Objective
  private var made: [Place: any Objective] = [:]

  private struct Place: Hashable {
    let part, parts: Int
  }

  /// The objective in `shards` shards over the ranks of `job`.
  ///
  /// - Parameters:
  ///   - shares: the shares of the parts of a mini-batch, in order. They are the same on every rank.
  ///   - didMeasure: called after each measurement, on every rank.
  ///   - make: makes the objective of part number `part` of each mini-batch, or of all of it where `parts` is 1.
  public init(
    shards: Int, job: Job, shares: @escaping (_ batch: Batch, _ parts: Int) -> [Share],
    didMeasure: @escaping () -> Void = {},
    make: @escaping (_ part: Int, _ parts: Int) throws -> any Objective
  ) throws {
    self.shards = shards
    self.job = job
    self.shares = shares
    self.didMeasure = didMeasure
    self.make = make
    whole = try make(0, 1)
    made[Place(part: 0, parts: 1)] = whole
  }

  /// The loss on `batch`.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws -> Double {
    try losses(at: .theta, from: theta, on: batch, grain: .batch)[0]
  }

  /// The loss of each example of `batch`.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws -> Few<Double> {
    try losses(at: .theta, from: theta, on: batch, grain: .example)
  }

  /// The losses at `points`. This rank measures its own shards.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws -> Few<Double> {
    let cut = ShardCut(shards: shards, directions: points.directions.count)
    let shares = measured(shares(batch, cut.parts))
    var groups = [[Int]](repeating: [], count: cut.groups)
    for i in points.indices { groups[cut.group(of: points[i].direction)].append(i) }
    func count(_ shard: Int) -> Int {
      let share = shares[cut.part(of: shard)]
      guard share.units > 0 else { return 0 }
      return groups[cut.group(ofShard: shard)].count * (grain == .batch ? 1 : share.examples)
    }
    let found = try exchange(count: count, step: batch.step) { shard in
      let chosen = groups[cut.group(ofShard: shard)]
      let part = try objective(cut.part(of: shard), of: cut.parts)
      let all = cut.groups == 1 ? points : points.part(chosen)
      return Array(try part.losses(at: all, from: theta, on: batch, grain: grain))
    }
    didMeasure()
    let total = shares.reduce(0) { $0 + $1.units }
    var losses: Few<Double> = []
    for i in points.indices {
      let group = cut.group(of: points[i].direction)
      let place = groups[group].firstIndex(of: i) ?? 0
      var sum: Double?
      for (part, share) in shares.enumerated() {
        let values = found[group * cut.parts + part]
        guard share.units > 0 else {
          // The part was not measured: its examples add nothing to the mean.
          if grain == .example { for _ in 0..<share.examples { losses.append(0) } }
          continue
        }
        switch grain {
        case .batch:
          let term = Double(share.units) / Double(total) * values[place]
          sum = sum.map { $0 + term } ?? term
        case .example:
          let factor = share.factor(in: shares)
          for value in values[(place * share.examples)..<((place + 1) * share.examples)] {
            losses.append(factor * value)
          }
        }
      }
      if grain == .batch { losses.append(sum ?? .nan) }
    }
    return losses
  }

  /// The losses of the examples, each along its own direction. An example keeps its number, whichever part it is in.
  public func losses<D: ExampleDirections>(
    ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws -> Few<Double> {
    let shares = measured(shares(batch, shards))
    let firsts = shares.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.examples) }
    let found = try exchange(
      count: { shares[$0].units > 0 ? offsets.count * shares[$0].examples : 0 }, step: batch.step
    ) { shard in
      let later = LaterExamples(base: directions, first: firsts[shard])
      return Array(
        try objective(shard, of: shards).losses(ofExamplesAlong: later, at: offsets, from: theta, on: batch))
    }
    didMeasure()
    var losses: Few<Double> = []
    for place in 0..<offsets.count {
      for (part, share) in shares.enumerated() {
        let factor = share.factor(in: shares)
        for example in 0..<share.examples {
          losses.append(share.units > 0 ? factor * found[part][place * share.examples + example] : 0)
        }
      }
    }
    return losses
  }

  /// Whether the objective has a gradient.
  public var hasDerivatives: Bool { whole.hasDerivatives }

  /// The gradient of the whole mini-batch. Every rank computes it.
  public func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws -> Double? {
    var loss: Double?
    _ = try job.exchange(
      Result {
        loss = try whole.differentiate(at: theta, on: batch, into: &gradient)
        return []
      }, counts: [Int](repeating: 0, count: job.size), step: batch.step)
    return loss
  }

  /// The loss and its derivative, each the sum over the parts.
  public func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws -> DirectionalDerivative? {
    guard hasDerivatives else { return nil }
    let shares = measured(shares(batch, shards))
    let found = try exchange(count: { shares[$0].units > 0 ? 2 : 0 }, step: batch.step) { shard in
      guard let slope = try objective(shard, of: shards).differentiate(along: direction, at: theta, on: batch) else {
        throw InputError("part \(shard) of the mini-batch", found: "no derivative", expected: "one, as the whole has")
      }
      return [slope.loss, slope.derivative]
    }
    let units = shares.reduce(0) { $0 + $1.units }
    var sum: DirectionalDerivative?
    for (values, share) in zip(found, shares) where share.units > 0 {
      let weight = Double(share.units) / Double(units)
      let (loss, derivative) = (weight * values[0], weight * values[1])
      sum = DirectionalDerivative(
        loss: sum.map { $0.loss + loss } ?? loss, derivative: sum.map { $0.derivative + derivative } ?? derivative)
    }
    return sum
  }

  /// The shares of a mini-batch, so that at least one part is measured. Where nothing in the mini-batch counts, all
  /// parts are measured, as the undivided objective would do.
  private func measured(_ shares: [Share]) -> [Share] {
    shares.contains { $0.units > 0 } ? shares : shares.map { Share(examples: $0.examples, units: $0.examples) }
  }

  /// The numbers of every shard: `count(shard)` of them. The rank to which the shard belongs gets them from `measure`.
  private func exchange(
    count: (Int) -> Int, step: Int, _ measure: (Int) throws -> [Double]
  ) throws -> [[Double]] {
    let own = Result {
      try ShardCut.shards(shards, of: job.rank, size: job.size).flatMap { shard in
        let expected = count(shard)
        guard expected > 0 else { return [] as [Double] }
        let found = try measure(shard)
        guard found.count == expected else {
          throw InputError(
            "objective", found: "\(found.count) losses of a part of the mini-batch",
            expected: "\(expected): one for each point or example")
        }
        return found
      }
    }
    let counts = (0..<job.size).map { rank in
      ShardCut.shards(shards, of: rank, size: job.size).reduce(0) { $0 + count($1) }
    }
    var rest = try job.exchange(own, counts: counts, step: step)[...]
    return (0..<shards).map { shard in
      defer { rest = rest.dropFirst(count(shard)) }
      return Array(rest.prefix(count(shard)))
    }
  }

  private func objective(_ part: Int, of parts: Int) throws -> any Objective {
    let place = Place(part: part, parts: parts)
    if let known = made[place] { return known }
    let fresh = try make(part, parts)
    made[place] = fresh
    return fresh
  }
}

/// The directions of the examples, starting with example number `first`.
private struct LaterExamples<Base: ExampleDirections>: ExampleDirections {
  let base: Base
  let first: Int

  func direction(of example: Int) -> Base.Direction { base.direction(of: first + example) }
}
