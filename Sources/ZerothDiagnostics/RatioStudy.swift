import Zeroth
import ZerothSupport

/// A study of the ratios that a projection finds at one theta: how much they depend on its mini-batch and its seed, and
/// how much they lower the loss.
public struct RatioStudy: Sendable {
  /// One projected block.
  public struct Block: Sendable, Hashable {
    /// The name of the block.
    public let name: String
    /// The mean of its ratio over all searches.
    public let ratio: Double
    /// The standard deviations of the ratio over seeds on one mini-batch, and over mini-batches with one seed; nil for
    /// fewer than two.
    public let overSeeds, overBatches: Double?
    /// <g_l, Delta_l>. Where it is above 0, the loss decreases with the ratio.
    public let slope: Double
  }

  /// One search.
  public struct Search: Sendable, Hashable {
    /// The seed of its probes.
    public let seed: Int
    /// The step on whose mini-batch it measured.
    public let step: Int
    /// How much its ratios lower the loss of this mini-batch, and the mean loss of other mini-batches.
    public let gain, gainElsewhere: Double
  }

  /// The projected blocks, in their order.
  public let blocks: [Block]
  /// The searches: those with other seeds, then those with other mini-batches.
  public let searches: [Search]
  /// Among the ratios that changed, the share that changed in the direction in which the loss decreases; 0.5 for random
  /// changes.
  public let downhill: Double
  /// tau, the largest distance of the ratios from 1, which is used for `bound` and `best`.
  public let clip: Double
  /// The largest decrease of the loss, to the first order, with ratios 1 - tau and 1 + tau: with a separate ratio for
  /// each block, and with one common ratio.
  public let bound: (each: Double, alike: Double)
  /// How much separate ratios of this size lower the mean loss, on the mini-batches of the gradient and on others.
  public let best: (gain: Double, gainElsewhere: Double)

  /// Lets `optimizer(seed)` make projections at theta. It is an optimiser with a learning rate of 0, whose adapter
  /// projects at every step. At its first step the blocks for which it has ratios are those of `start`, which is
  /// theta_0.
  ///
  /// `known` are the mini-batches whose mean gradient is `gradient`. `others` are the mini-batches on which the
  /// decrease elsewhere is measured.
  ///
  /// Cost: for each search its forward passes and those of `others`; d floats for a copy of theta that is moved, and d
  /// for Delta.
  public init(
    at theta: borrowing ParameterStore, from start: StoredVector, on objective: some Objective,
    gradient: StoredVector, known: Range<Int>, others: Range<Int>, count: Int, clip: Double,
    optimizer: (_ seed: Int) throws -> any OptimizerProtocol
  ) throws {
    let trainable = theta.layout.trainable
    let delta = StoredVector(from: start, to: theta, trainable)
    let slopes = BlockSums(trainable).products(of: delta, with: gradient).map(\.dot)
    var moved = theta.clone()
    func meanLoss(_ steps: Range<Int>, at theta: borrowing ParameterStore) throws -> Double {
      var losses: [Double] = []
      for step in steps { losses.append(try objective.loss(at: theta, on: Batch(step: step))) }
      return losses.mean
    }
    let lossElsewhere = try meanLoss(others, at: theta)
    var ratios: [(blocks: [ParameterBlock], values: [Double])] = []
    var searches: [Search] = []
    let tries = (0..<count).map { ($0, known.lowerBound) } + known.dropFirst().prefix(count - 1).map { (0, $0) }
    for (seed, step) in tries {
      var optimizer = try optimizer(seed)
      let objective = OnBatch(base: objective, step: step)
      for block in trainable { moved.fill(block, with: start.values(of: block)) }
      _ = try optimizer.takeStep(&moved, objective)  // stores theta_0
      moved.copy(from: theta)
      _ = try optimizer.takeStep(&moved, objective)
      let found = optimizer.adapterRatios(in: theta.layout)
      ratios.append((found.map(\.block), found.map(\.ratio)))
      let batch = Batch(step: step)
      searches.append(
        Search(
          seed: seed, step: step,
          gain: try objective.loss(at: theta, on: batch) - objective.loss(at: moved, on: batch),
          gainElsewhere: try lossElsewhere - meanLoss(others, at: moved)))
    }
    self.searches = searches
    self.clip = clip
    let places = Dictionary(uniqueKeysWithValues: trainable.enumerated().map { ($1.index, $0) })
    let selected = ratios.first?.blocks ?? []
    let chosen = selected.map { places[$0.index] ?? 0 }
    blocks = selected.enumerated().map { i, block in
      let all = ratios.map { $0.values[i] }
      let withFirstSeed = [all[0]] + all.dropFirst(count)
      return Block(
        name: block.name, ratio: all.mean, overSeeds: Array(all.prefix(count)).standardDeviation,
        overBatches: withFirstSeed.standardDeviation, slope: slopes[chosen[i]])
    }
    var signs: [Bool] = []
    for ratios in ratios {
      for (ratio, place) in zip(ratios.values, chosen) where ratio != 1 {
        signs.append((ratio - 1) * slopes[place] < 0)
      }
    }
    downhill = Double(signs.count { $0 }) / Double(signs.count)
    let own = chosen.map { slopes[$0] }
    bound = (clip * own.reduce(0) { $0 + abs($1) }, clip * abs(own.reduce(0, +)))
    let step = PerBlock(StoredDirection(delta, scale: 1), selected) { own[$0] > 0 ? -clip : clip }
    func gain(_ steps: Range<Int>) throws -> Double {
      var gains: [Double] = []
      for number in steps {
        let losses = try objective.losses(along: step, at: [0, 1], from: theta, on: Batch(step: number))
        gains.append(losses[0] - losses[1])
      }
      return gains.mean
    }
    best = (try gain(known), try gain(others))
  }

  /// The study as JSON.
  public var json: JSON {
    [
      "clip": .double(clip), "downhill": .double(downhill),
      "bound": ["each": .double(bound.each), "alike": .double(bound.alike)],
      "best": ["gain": .double(best.gain), "gain_elsewhere": .double(best.gainElsewhere)],
      "searches": .array(
        searches.map {
          [
            "seed": .int($0.seed), "step": .int($0.step), "gain": .double($0.gain),
            "gain_elsewhere": .double($0.gainElsewhere),
          ]
        }),
      "blocks": .object(
        blocks.map { block in
          .init(
            block.name,
            [
              "ratio": .double(block.ratio), "over_seeds": block.overSeeds.map { .double($0) } ?? .null,
              "over_batches": block.overBatches.map { .double($0) } ?? .null, "slope": .double(block.slope),
            ])
        }),
    ]
  }

  /// The study as tables.
  public var text: String {
    var table = Table([
      .left("block"), .right("ratio"), .right("sd over seeds"), .right("sd over mini-batches"), .right("slope"),
    ])
    for block in blocks {
      table.rows.append([
        block.name, Human.fixed(block.ratio, 3), block.overSeeds.map { Human.fixed($0, 3) } ?? "-",
        block.overBatches.map { Human.fixed($0, 3) } ?? "-", "\(Float(block.slope))",
      ])
    }
    var gains = Table([.left("off the loss"), .right("on its mini-batch"), .right("elsewhere")])
    func spread(_ values: [Double]) -> String {
      "\(Human.fixed(values.mean, 5)) ± \(Human.fixed(values.standardDeviation ?? .nan, 5))"
    }
    gains.rows.append(["the ratios found", spread(searches.map(\.gain)), spread(searches.map(\.gainElsewhere))])
    gains.rows.append([
      "ratios 1 - tau or 1 + tau by the exact slopes", Human.fixed(best.gain, 5), Human.fixed(best.gainElsewhere, 5),
    ])
    gains.rows.append(["the same, to the first order", Human.fixed(bound.each, 5), "-"])
    gains.rows.append(["one ratio for all of them, to the first order", Human.fixed(bound.alike, 5), "-"])
    return
      "ratios of \(searches.count) searches, tau \(Float(clip)); \(Human.percent(downhill)) of the ratios move to where the loss falls"
      + "\n\n\(table.text)\n\(gains.text)"
  }
}
