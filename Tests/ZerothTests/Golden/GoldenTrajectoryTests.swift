import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothTestKit

/// Five steps of each composition below against Tests/Fixtures/golden-trajectories/make.py, which works from the formulas alone.
///
/// Weights are single here and double there, and a coefficient is a difference of losses over 2 eps = 0.02: the runs
/// agree to 2e-5, where weights are about 1 and move by about 0.1 in a step.
@Suite struct GoldenTrajectoryTests {
  private struct Golden: Decodable {
    var curvatures: [Double]
    var optimum: [Double]
    var start: [Float]
    var trajectories: [String: [[Double]]]
  }

  private let golden: Golden
  private let layout = ParameterLayout.made([
    .init("q", rows: 4, columns: 3, role: "query"), .init("v", rows: 3, columns: 5, role: "value"),
    .init("b", rows: 6, role: "bias"),
  ])

  init() throws {
    let file = SharedMaterial.fixture("golden-trajectories/golden.json")
    golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
  }

  private static let search = RatioSearch(moves: 2, learningRate: 0.02, epsilon: 0.05, clip: 0.2)
  private static let selected = BlockSelection.roles("query", "value")
  private static let rate: Schedule = 0.03

  private func compositions() -> [String: any OptimizerProtocol] {
    func make<E: GradientEstimator, R: StepRule, A: LayerAdapter>(
      _ estimator: E, _ rule: R, _ adapter: A = NoAdapter()
    ) -> any OptimizerProtocol where R.Direction == E.Direction {
      Optimizer(estimator: estimator, rule: rule, adapter: adapter, seed: 2024).erased
    }
    let rge = RandomizedEstimator(epsilon: 1e-2)
    let lge = LowRankEstimator(rank: 2, interval: 3, epsilon: 1e-2)
    let (rate, selected, search) = (Self.rate, Self.selected, Self.search)
    let sgd = SGD<DenseDirection>(learningRate: rate)
    func shaped(
      _ shaping: CoefficientShaping = .none, _ sides: DifferenceSides = .two, combination: QueryCombination = .mean
    ) -> RandomizedEstimator {
      RandomizedEstimator(epsilon: 1e-2, queries: 3, sides: sides, shaping: shaping, combination: combination)
    }
    return [
      "rge-sgd": make(rge, sgd),
      "rge-one-sided-q2-sgd": make(RandomizedEstimator(epsilon: 1e-2, queries: 2, sides: .one), sgd),
      "rge-rademacher-sgd": make(RandomizedEstimator(epsilon: 1e-2, distribution: .rademacher), sgd),
      "rge-sphere-sgd": make(RandomizedEstimator(epsilon: 1e-2, distribution: .sphere), sgd),
      "rge-z-score-q3": make(shaped(.zScore), sgd),
      "rge-centred-ranks-q3": make(shaped(.centredRanks), sgd),
      "rge-sign-q3": make(shaped(.sign), sgd),
      "rge-clip-q3": make(shaped(.clip(1.5)), sgd),
      "rge-one-sided-z-score-q3": make(shaped(.zScore, .one), sgd),
      "rge-one-sided-centred-ranks-q3": make(shaped(.centredRanks, .one), sgd),
      "rge-sum-q3": make(shaped(combination: .sum), sgd),
      "rge-least-squares-q3": make(shaped(combination: .leastSquares), SGD(learningRate: 1.0)),
      "rge-momentum-ema": make(rge, Momentum(learningRate: rate, beta: 0.8)),
      "rge-momentum-heavy-ball": make(rge, Momentum(learningRate: rate, beta: 0.8, form: .heavyBall)),
      "lge-sgd": make(lge, SGD(learningRate: rate)),
      "lge-lozo-m-exact": make(lge, LowRankMomentum(learningRate: rate, beta: 0.8)),
      "lge-lozo-m-approximate": make(lge, LowRankMomentum(learningRate: rate, beta: 0.8, refresh: .approximate)),
      "cge-sgd": make(CoordinateEstimator(epsilon: 1e-2), SGD(learningRate: rate)),
      "dizo": make(rge, sgd, DivergenceProjection(blocks: selected, every: 2, search: search)),
      "dizo-without-reinitialisation": make(
        rge, sgd, DivergenceProjection(blocks: selected, every: 1, search: search, reinitializes: false)),
      "previous-iterate": make(rge, sgd, PreviousIterateProjection(blocks: selected, every: 1, search: search)),
      "learning-rate-scaling": make(rge, sgd, LearningRateScaling(blocks: selected, every: 1, search: search)),
    ]
  }

  @Test(arguments: [
    "rge-sgd", "rge-one-sided-q2-sgd", "rge-rademacher-sgd", "rge-sphere-sgd", "rge-momentum-ema",
    "rge-z-score-q3", "rge-centred-ranks-q3", "rge-sign-q3", "rge-clip-q3", "rge-one-sided-z-score-q3",
    "rge-one-sided-centred-ranks-q3", "rge-sum-q3", "rge-least-squares-q3", "rge-momentum-heavy-ball", "lge-sgd",
    "lge-lozo-m-exact", "lge-lozo-m-approximate",
    "cge-sgd", "dizo", "dizo-without-reinitialisation", "previous-iterate",
    "learning-rate-scaling",
  ]) func fiveSteps(_ name: String) throws {
    let expected = try #require(golden.trajectories[name])
    var optimizer = try #require(compositions()[name])
    var theta = ParameterStore(layout)
    for (block, range) in zip(layout.blocks, layout.flatRanges) { theta.fill(block, with: Array(golden.start[range])) }
    let (curvatures, optimum) = (golden.curvatures, golden.optimum)
    let objective = FunctionObjective { theta in
      theta.flattened().enumerated().reduce(0) { sum, element in
        let distance = Double(element.element) - optimum[element.offset]
        return sum + 0.5 * curvatures[element.offset] * distance * distance
      }
    }
    #expect(expected.count == 5)
    for (step, point) in expected.enumerated() {
      try optimizer.step(&theta, objective)
      let worst = zip(theta.flattened(), point).map { abs(Double($0) - $1) }.max() ?? .infinity
      #expect(worst < 2e-5, "step \(step)")
    }
  }

  /// Every trajectory has its test: none is left unread.
  @Test func noneIsMissing() { #expect(Set(golden.trajectories.keys) == Set(compositions().keys)) }
}
