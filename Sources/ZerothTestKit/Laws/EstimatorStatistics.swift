import Zeroth

/// Throws `LawViolation` unless the variance of the estimator that `make` makes for q queries is q times smaller with 4
/// queries than with one, to 25 %.
///
/// It is taken over the steps of one run, so that what is shared by the queries (V of LGE, given an interval of at least
/// `steps`) is the same in all of them.
public func checkVarianceLaw<E: GradientEstimator>(
  in layout: ParameterLayout = .small, steps: Int = 4000, _ make: (_ queries: Int) -> E
) throws {
  let quadratic = Quadratic(layout)
  let theta = quadratic.start()
  func variance(queries: Int) throws -> Double {
    var estimator = make(queries)
    var moments = Moments(layout.parameterCount)
    for step in 0..<steps {
      let context = StepContext(step: step, runKey: StreamKey(seed: 14), layout: layout)
      moments.add(
        try estimator.estimate(at: theta, context: context, objective: quadratic).flattened(in: layout))
    }
    return moments.variance.reduce(0, +)
  }
  let ratio = try variance(queries: 1) / variance(queries: 4)
  try demand(
    .estimatorAverages, (3...5).contains(ratio), found: "a variance \(ratio) times smaller with 4 queries",
    expected: "4")
}
