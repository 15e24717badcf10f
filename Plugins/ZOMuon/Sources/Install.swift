import Zeroth
import ZerothStrategies

/// Adds the estimator `column-subspace`, the rule `muon` and the optimizer `zo-muon` to `registry`. Throws `InputError` when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
  let usual = ColumnEstimator()
  try registry.register(
    estimator: StrategyDescription(
      "column-subspace", summary: "Randomised estimate whose columns lie in a subspace that is held for a while",
      formula:
        "g = c z,  z = sqrt(m/r) P Psi, P with orthonormal columns drawn every nu steps, Psi normal;  plain noise on vectors",
      source: "ZO-Muon (arXiv 2602.17155)",
      options: [
        OptionSpec(
          "rank", .int, default: .value(.int(usual.rank)), range: ColumnEstimator.rankRange,
          "r; cut to the rows of a block, which is then printed"),
        OptionSpec(
          "interval", .int, default: .value(.int(usual.interval)), range: ColumnEstimator.intervalRange, unit: "steps",
          "nu, after how many steps P is drawn again"),
        .epsilon(default: usual.epsilon, range: ColumnEstimator.epsilonRange),
        .queries(default: usual.queries, range: ColumnEstimator.queriesRange), .sides(default: usual.sides),
      ] + OptionSpec.queryWeights,
      forwards: "2q, or q + 1 one-sided", state: "r m for an m x n matrix (P, fp32)")
  ) { options in
    ColumnEstimator(
      rank: try options.int("rank"), interval: try options.int("interval"), epsilon: try options.schedule("epsilon"),
      queries: try options.schedule("queries"), sides: try options.choice("sides"), shaping: try options.shaping(),
      combination: try options.combination())
  }
  try registry.register(rule: MuonFactory())
  try registry.register(
    optimizer: OptimizerPreset(
      "zo-muon", summary: "Four one-sided queries in a subspace of the columns, of which Muon makes a step",
      source: "ZO-Muon (arXiv 2602.17155)",
      tuning: "learning rate for imdb-opt (4.3 M) on SST-2, batch 16, by Benchmarks/sweeps/tune-2026.toml",
      Composition(
        estimator: .init("column-subspace", ["queries": 4, "sides": "one-sided"]),
        rule: .init("muon", ["learning-rate": 1e-2]))))
}

/// The rule with the default options of its initialiser.
private let usual = Muon<LowRankProbe>(learningRate: 0.0)

private struct MuonFactory: CoreRuleFactory {
  let description = StrategyDescription(
    "muon", summary: "Steps along the orthogonal part of an estimator's core",
    formula:
      "theta -= eta A(msign(C))  for the estimate A(C), msign by Newton and Schulz;  theta -= eta_v g on vectors",
    source: "ZO-Muon (arXiv 2602.17155); Muon (Jordan et al. 2024)",
    options: OptionSpec.stepRule + [
      OptionSpec(
        "vector-learning-rate", .schedule, default: .value(.double(usual.vectorLearningRate.base)),
        range: Schedule.baseRange, "eta_v of vectors"),
      OptionSpec(
        "iterations", .int, default: .value(.int(usual.iterations)), range: Muon<LowRankProbe>.iterationsRange,
        "of Newton and Schulz"),
    ])

  func makeCore<D: CoreDirection>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    Muon<D>(
      learningRate: try options.learningRate(), vectorLearningRate: try options.schedule("vector-learning-rate"),
      iterations: try options.int("iterations"), weightDecay: try options.weightDecay())
  }
}
