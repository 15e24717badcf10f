/// The estimate of RGE along directions of any kind, g = 1/q sum_i c_i D_i over the q `directions`:
///
///     two-sided:  c_i = (L(theta + eps D_i) - L(theta - eps D_i)) / (2 eps)
///     one-sided:  c_i = (L(theta + eps D_i) - L(theta)) / eps, one L(theta) for all i
///
/// All losses are on the mini-batch `batch`: 2q forward passes, or q + 1 where one-sided. `epsilon` is eps > 0, in
/// units of the parameters. `shaping` changes the c_i, and `combination` may replace the mean over the queries. Throws
/// what the objective throws.
public func finiteDifferences<D: Direction, O: Objective & ~Copyable>(
  of objective: borrowing O, at theta: borrowing ParameterStore, along directions: Few<D>,
  on batch: Batch, sides: DifferenceSides = .two, epsilon: Double, shaping: CoefficientShaping = .none,
  combination: QueryCombination = .mean
) throws(O.Failure) -> GradientEstimate<D> {
  let eps = Float(epsilon)
  var points = Points()
  for i in directions.indices {
    points.append(directions[i], at: sides == .two ? [eps, -eps] : i == 0 ? [0, eps] : [eps])
  }
  let losses = try objective.losses(at: points, from: theta, on: batch)
  var measured = Few<Double>()
  for i in directions.indices {
    measured.append(
      sides == .two
        ? (losses[2 * i] - losses[2 * i + 1]) / (2 * Double(eps)) : (losses[i + 1] - losses[0]) / Double(eps))
  }
  let coefficients = shaping(measured, sides: sides)
  let weights = combination.weights(coefficients, of: directions, in: theta.layout)
  var terms = Few<(coefficient: Double, direction: D)>()
  for i in directions.indices { terms.append((weights[i], directions[i])) }
  return GradientEstimate(
    terms: terms, losses: losses, projectedGradient: measured.reduce(0) { $0 + $1 / Double(measured.count) },
    epsilon: epsilon, coefficients: coefficients)
}
