import ConMeZO
import CoreMoments
import EGGROLL
import FZOO
import GRZO
import HiZOO
import MedianRGE
import RAdaZO
import SignRule
import SparseMeZO
import SubZero
import TeZO
import ZOAdaM
import ZOMuon
import ZOSVRG
import Zeroth
import ZerothTestKit

/// One estimator with one rule and one adapter, named by its parts.
struct Composition: Sendable, CustomStringConvertible {
  let description: String
  /// The estimator's own factor on the learning rate: noisier estimates need smaller steps.
  private let optimizer: @Sendable (_ rate: Double, _ seed: UInt64, _ roles: Roles) -> any OptimizerProtocol
  private let rateFactor: Double

  /// The optimiser at `rate`, which suits one two-sided Gaussian query; its adapter works on blocks of `roles`.
  func make(rate: Double, seed: UInt64, roles: Roles = .model) -> any OptimizerProtocol {
    optimizer(rate * rateFactor, seed, roles)
  }

  /// The blocks that adapters work on: all of them, and the first alone.
  struct Roles: Sendable {
    let all, first: BlockSelection
    /// Steps from one search of DiZO's released settings to the next. Each may move a ratio by a fifth either way, whatever the losses
    /// say near the end; of LoRA those of A and of B, and so all of their product.
    var releasedInterval = 25

    /// Blocks of a model's own.
    static let model = Roles(all: .roles("query", "value"), first: .roles("query"))
    /// A and B beside them.
    static let lora = Roles(
      all: .roles("query-a", "query-b", "value-a", "value-b"), first: .roles("query-a", "query-b"),
      releasedInterval: 300)
  }

  /// Each estimator at some settings, with the rules of its kind and every adapter.
  static let all: [Composition] = randomized + combined + lowRank + coordinates + derivatives + methods

  private typealias Rules<D: Direction> = [(name: String, make: @Sendable (Double) -> any StepRule<D>)]

  private static let adapters: [(name: String, make: @Sendable (Roles) -> any LayerAdapter)] = {
    let search = RatioSearch(learningRate: 0.05, epsilon: 0.05, clip: 0.2, units: .ratio)
    return [
      ("none", { _ in NoAdapter() }),
      ("dizo", { DivergenceProjection(blocks: $0.all, every: 5, search: search) }),
      ("dizo paper", { DivergenceProjection(.paper, blocks: $0.first, every: 5) }),
      ("dizo released", { DivergenceProjection(.released, blocks: $0.first, every: $0.releasedInterval) }),
      ("previous iterate", { PreviousIterateProjection(blocks: $0.all, every: 2, search: search) }),
      ("dizo first-order", { FirstOrderProjection(blocks: $0.all, every: 5, learningRate: 0.01) }),
      ("learning-rate scaling", { LearningRateScaling(blocks: $0.all, every: 5, search: search) }),
    ]
  }()

  private static func rules<D: Direction>() -> Rules<D> {
    [
      ("sgd", { SGD(learningRate: Schedule($0)) }),
      ("momentum", { Momentum(learningRate: Schedule($0)) }),
      ("heavy-ball", { Momentum(learningRate: Schedule(0.1 * $0), form: .heavyBall) }),
    ]
  }

  private static let randomized: [Composition] = NoiseDistribution.allCases.flatMap { distribution in
    [(DifferenceSides.two, 1), (.one, 1), (.one, 3)].flatMap { sides, queries in
      compose(
        "rge \(distribution) \(sides.rawValue) q=\(queries)",
        RandomizedEstimator(queries: queries, sides: sides, distribution: distribution), rules(), rateFactor: 1)
    }
  }

  private static let lowRank: [Composition] = DifferenceSides.allCases.flatMap { sides in
    [(1, 1, 1), (2, 5, 1), (3, 50, 2)].flatMap { rank, interval, queries in
      compose(
        "lge \(sides.rawValue) r=\(rank) nu=\(interval) q=\(queries)",
        LowRankEstimator(rank: rank, interval: interval, queries: queries, sides: sides),
        rules()
          + LowRankMomentum<LowRankProbe>.Refresh.allCases.map { refresh in
            (
              "lozo-m \(refresh.rawValue)",
              { LowRankMomentum(learningRate: Schedule($0), beta: 0.5, refresh: refresh) }
            )
          },
        rateFactor: rank == 1 ? 0.25 : 0.5)
    }
  }

  /// Several queries as a sum, and within a limit.
  private static let combined: [Composition] = {
    var all = compose("rge sum q=3", RandomizedEstimator(queries: 3, combination: .sum), rules(), rateFactor: 1.0 / 3)
    all += compose("rge clip q=3", RandomizedEstimator(queries: 3, shaping: .clip(100)), rules(), rateFactor: 1)
    return all
  }()

  /// Estimators outside the core.
  private static let methods: [Composition] = {
    var all = compose("conmezo", ConeEstimator(), rules(), rateFactor: 0.5)
    all += compose("subzero", SubspaceEstimator(rank: 2, interval: 20), factored() + cored(), rateFactor: 0.5)
    // On objectives of one example its differences do not differ.
    all += compose("grzo", FlipoutEstimator(isRelative: false), rules(), rateFactor: 1)
    all += compose("hizoo", HessianInformedEstimator(), rules(), rateFactor: 1)
    all += compose("median", MedianEstimator(), rules(), rateFactor: 1)
    all += compose("sparse-mezo", SparseEstimator(density: 0.75, interval: 20), rules(), rateFactor: 1)
    all += compose("zo-svrg", VarianceReducedEstimator(interval: 5, anchorBatches: 2), rules(), rateFactor: 0.5)
    all += compose("tezo", TemporalEstimator(rank: 32), factored() + cored(), rateFactor: 0.5)
    all += compose("population q=2", PopulationEstimator(queries: 2), rules(), rateFactor: 0.5)
    all += compose(
      "column-subspace q=2", ColumnEstimator(rank: 2, interval: 20, queries: 2), rules() + cored(), rateFactor: 0.5)
    return all
  }()

  /// Steps whose length is not the gradient's: they compose as all do, at a rate that is a length.
  static let shaped: [Composition] = {
    var all: [Composition] = []
    for (shape, factor) in [(CoefficientShaping.zScore, 1.0), (.centredRanks, 3), (.sign, 1)] {
      let word = shape.word.rawValue
      all += compose("rge \(word) q=4", RandomizedEstimator(queries: 4, shaping: shape), rules(), rateFactor: factor)
      all += compose("lge \(word) q=4", LowRankEstimator(queries: 4, shaping: shape), factored(), rateFactor: factor)
    }
    all += compose(
      "rge q=4", RandomizedEstimator(queries: 4, sides: .one), normalized() + elementwise(), rateFactor: 1)
    all += compose("lge q=4", LowRankEstimator(queries: 4), normalized() + coreLengths(), rateFactor: 1)
    all += compose("population z-score q=4", PopulationEstimator(queries: 4, shaping: .zScore), rules(), rateFactor: 1)
    // The core of TeZO is a column of r numbers, whose sign has the length 1, and A has 1/r.
    all += compose("tezo q=4", TemporalEstimator(rank: 32, queries: 4), coreLengths(muonFactor: 32), rateFactor: 1)
    all += compose(
      "subzero q=4", SubspaceEstimator(rank: 2, interval: 20, queries: 4), coreLengths(), rateFactor: 1)
    all += compose(
      "column-subspace q=4", ColumnEstimator(rank: 2, interval: 20, queries: 4), coreLengths(), rateFactor: 1)
    return all
  }()

  /// The rules that take directions with factors, of LOZO-M one.
  private static func factored<D: LowRankDirection>() -> Rules<D> {
    let lozo: Rules<D> = [("lozo-m", { LowRankMomentum(learningRate: Schedule($0), beta: 0.5) })]
    return rules() + lozo
  }

  /// Momentum of cores, of which LOZO-M is the one with LGE.
  private static func cored<D: CoreDirection>() -> Rules<D> {
    [("core-momentum", { CoreMomentum(learningRate: Schedule($0), beta: 0.5) })]
  }

  /// Rules on cores whose steps are as long as their rate, about.
  private static func coreLengths<D: CoreDirection>(muonFactor: Double = 1) -> Rules<D> {
    [
      ("core-adam", { CoreAdam(learningRate: Schedule($0)) }),
      ("muon", { Muon(learningRate: Schedule(muonFactor * $0), vectorLearningRate: Schedule($0)) }),
    ]
  }

  /// Rules whose steps are no longer than their rate, about.
  private static func normalized<D: Direction>() -> Rules<D> {
    [
      ("normalized", { NormalizedBySpread(learningRate: Schedule($0)) }),
      ("r-adazo", { RefinedAdam(learningRate: Schedule(0.5 * $0)) }),
    ]
  }

  /// Rules whose steps move every element by about their rate.
  private static func elementwise<D: Direction>() -> Rules<D> {
    [
      ("adam", { Adam(learningRate: Schedule($0)) }),
      ("scalar-adam", { ScalarAdam(learningRate: Schedule($0)) }),
      ("sign", { ElementwiseSign(learningRate: Schedule($0)) }),
      ("sign-of-projection", { SignOfProjection(learningRate: Schedule($0)) }),
    ]
  }

  private static let coordinates =
    compose("cge all", CoordinateEstimator(), rules(), rateFactor: 4)
    + compose("cge random", CoordinateEstimator(.random(4)), rules(), rateFactor: 2)

  private static let derivatives =
    compose("gradient", ExactGradient(), rules(), rateFactor: 4)
    + compose("forward gradient", ForwardGradient(), rules(), rateFactor: 1)
    + compose(
      "low-rank forward gradient", LowRankForwardGradient(rank: 2, interval: 5),
      factored(), rateFactor: 0.5)

  private static func compose<E: GradientEstimator>(
    _ name: String, _ estimator: E, _ rules: Rules<E.Direction>, rateFactor: Double
  ) -> [Composition] {
    rules.flatMap { rule in
      adapters.map { adapter in
        Composition(
          description: "\(name), \(rule.name), \(adapter.name)",
          optimizer: { rate, seed, roles in
            func open<R: StepRule<E.Direction>, A: LayerAdapter>(_ rule: R, _ adapter: A) -> any OptimizerProtocol {
              Optimizer(estimator: estimator, rule: rule, adapter: adapter, seed: seed).erased
            }
            return open(rule.make(rate), adapter.make(roles))
          },
          rateFactor: rateFactor)
      }
    }
  }
}
