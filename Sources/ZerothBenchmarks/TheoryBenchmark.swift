import Foundation
import Zeroth
import ZerothSupport
import ZerothTestKit

/// Tests what the papers' theorems say of rates, on an objective whose constants are known.
///
/// The objective is f(theta) = ||theta||^2 / 2 on a matrix of m x n, so that L = 1. A mini-batch b adds sigma <n_b,
/// theta>, where n_b is normal. The theorem of LOZO bounds the mean of ||grad f||^2 over a run of T steps with windows
/// of nu steps by O(sqrt(Delta_0 L d~ sigma^2 / T) + Delta_0 L d nu / T), where d~ = m n^2 / r and d = m n. Each mean
/// is taken at the best learning rate of a grid with factors of 2. An exponent is the slope of a straight line through
/// the logarithms.
public struct TheoryBenchmark {
  /// A law: one quantity as a power of another, with the exponent.
  public struct Law: Sendable {
    /// The names of the two quantities.
    public let name: String
    /// The exponent in the theorem.
    public let predicted: Double
    /// Whether the theorem only bounds the exponent from above.
    public let isBound: Bool
    /// The measured values.
    public let points: [(x: Double, y: Double)]

    /// The slope of log y over log x, by least squares.
    public var measured: Double {
      let (x, y) = (points.map { log($0.x) }, points.map { log($0.y) })
      let count = Double(points.count)
      let (meanX, meanY) = (x.reduce(0, +) / count, y.reduce(0, +) / count)
      let covariance = zip(x, y).reduce(0) { $0 + ($1.0 - meanX) * ($1.1 - meanY) }
      return covariance / x.reduce(0) { $0 + ($1 - meanX) * ($1 - meanX) }
    }
  }

  /// The measured laws.
  public let laws: [Law]
  private let seeds: Int

  /// Measures all laws, each with `seeds` seeds.
  public init(seeds: Int = 4) throws {
    try require("--seeds", seeds, "1 to 1000") { (1...1000).contains($0) }
    self.seeds = seeds
    let (m, n) = (16, 16)
    func mean(_ steps: Int, rank: Int, interval: Int, sigma: Double) throws -> Double {
      let spread = Double(m * n * n) / Double(rank)
      let usual = sigma > 0 ? (Double(m * n) / 2 / (spread * sigma * sigma * Double(steps))).squareRoot() : 1 / spread
      return try (-3...3).map { power in
        try Self.meanSquare(
          rows: m, columns: n, steps: steps, rank: rank, interval: interval, sigma: sigma,
          learningRate: usual * exp2(Double(power)), seeds: seeds)
      }.filter(\.isFinite).min() ?? .nan
    }
    laws = [
      Law(
        name: "mean ||grad f||^2 over T, sigma 1, r 2, nu 10", predicted: -0.5, isBound: false,
        points: try [1000, 4000, 16000].map { (Double($0), try mean($0, rank: 2, interval: 10, sigma: 1)) }),
      Law(
        name: "mean ||grad f||^2 over d~, sigma 1, T 4000, nu 10, r 8 to 1", predicted: 0.5, isBound: true,
        points: try [8, 4, 2, 1].map {
          (Double(m * n * n) / Double($0), try mean(4000, rank: $0, interval: 10, sigma: 1))
        }),
      Law(
        name: "mean ||grad f||^2 over nu, sigma 0, T 3200, r 2", predicted: 1, isBound: true,
        points: try [25, 50, 100, 200, 400].map { (Double($0), try mean(3200, rank: 2, interval: $0, sigma: 0)) }),
      try Self.norms(seeds: 16 * seeds),
    ]
  }

  /// The mean of ||theta||^2 over the steps of LOZO and over the seeds.
  private static func meanSquare(
    rows: Int, columns: Int, steps: Int, rank: Int, interval: Int, sigma: Double, learningRate: Double, seeds: Int
  ) throws -> Double {
    let layout = try ParameterLayout([.init("w", rows: rows, columns: columns)])
    var total = 0.0
    for seed in 0..<seeds {
      let objective = NoisySphere(layout: layout, sigma: sigma)
      var theta = ParameterStore(layout)
      theta.fill(layout.blocks[0], with: [Float](repeating: 1, count: rows * columns))
      var optimizer = Optimizer(
        estimator: LowRankEstimator(rank: rank, interval: interval, epsilon: 1e-3),
        rule: SGD(
          learningRate: Schedule(learningRate)), seed: UInt64(seed))
      for _ in 0..<steps {
        total += NoisySphere.square(theta)
        guard total.isFinite, total < 1e12, try optimizer.step(&theta, objective).outcome == .applied else {
          return .nan
        }
      }
    }
    return total / Double(steps * seeds)
  }

  /// Appendix E of DiZO: E||e_l||^2 of isotropic directions is proportional to the dimension of the block.
  private static func norms(seeds: Int) throws -> Law {
    let sizes = [16, 64, 256, 1024]
    let layout = try ParameterLayout(sizes.map { .init("w\($0)", rows: $0) })
    var theta = ParameterStore(layout)
    for block in layout.blocks { theta.fill(block, with: [Float](repeating: 1, count: block.count)) }
    let objective = NoisySphere(layout: layout, sigma: 0)
    var squares = [Double](repeating: 0, count: sizes.count)
    for seed in 0..<seeds {
      let optimizer = Optimizer(estimator: RandomizedEstimator(), rule: SGD(learningRate: 0), seed: UInt64(seed))
      let context = StepContext(step: 0, runKey: StreamKey(seed: UInt64(seed)), layout: layout)
      let estimate = try optimizer.estimate(at: theta, context: context, objective: objective)
      for (l, block) in layout.blocks.enumerated() { squares[l] += estimate.sumOfSquares(on: [block]) / Double(seeds) }
    }
    return Law(
      name: "E||estimate_l||^2 over d_l, RGE", predicted: 1, isBound: false,
      points: zip(sizes, squares).map { (Double($0), $1) })
  }

  /// The laws as JSON.
  public var json: JSON {
    [
      "seeds": .int(seeds),
      "laws": .array(
        laws.map { law in
          [
            "name": .string(law.name), "predicted": .double(law.predicted), "is_bound": .bool(law.isBound),
            "measured": .double(law.measured),
            "points": .array(law.points.map { ["x": .double($0.x), "y": .double($0.y)] }),
          ]
        }),
    ]
  }

  /// The laws as a table.
  public var text: String {
    var table = Table([.left("law"), .right("exponent"), .right("predicted"), .left("values")])
    for law in laws {
      table.rows.append([
        law.name, Human.fixed(law.measured, 2), (law.isBound ? "at most " : "") + Human.fixed(law.predicted, 1),
        law.points.map { "\(Float($0.y)) at \(Float($0.x))" }.joined(separator: ", "),
      ])
    }
    return "theorems, measured over \(seeds) seeds\n\n" + table.text
  }
}

/// ||theta||^2 / 2 + sigma <n_b, theta>, n_b normal and drawn for each mini-batch.
private struct NoisySphere: Objective {
  typealias Failure = Never
  let layout: ParameterLayout
  let sigma: Double

  static func square(_ theta: borrowing ParameterStore) -> Double {
    var sum = 0.0
    for block in theta.layout.blocks {
      theta.withBlock(block) { values in
        for i in 0..<values.count { sum += Double(values[i]) * Double(values[i]) }
      }
    }
    return sum
  }

  func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double {
    let half = Self.square(theta) / 2
    guard sigma > 0 else { return half }
    var stream = RandomStream(StreamKey(seed: 77).child(.batch, batch.step))
    var dot = 0.0
    for block in layout.blocks {
      theta.withBlock(block) { values in
        for i in 0..<values.count { dot += stream.gaussian() * Double(values[i]) }
      }
    }
    return half + sigma * dot
  }
}
