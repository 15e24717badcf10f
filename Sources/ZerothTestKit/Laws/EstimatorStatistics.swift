import Zeroth

/// Throws `LawViolation` unless 4 queries give a quarter of the variance of one query, to 25 %. `make` makes the
/// estimator for q queries.
///
/// The variance is taken over the steps of one run. So what the queries share is the same in all of these steps; an
/// example is the V of LGE, if the interval is at least `steps`.
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
