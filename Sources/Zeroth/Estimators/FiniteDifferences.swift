/// The estimate of RGE along directions of any kind, g = 1/q sum_i c_i D_i over the q `directions`:
///
///     two-sided:  c_i = (L(theta + eps D_i) - L(theta - eps D_i)) / (2 eps)
///     one-sided:  c_i = (L(theta + eps D_i) - L(theta)) / eps, L(theta) shared by all
///
/// 2q forward passes, or q + 1 one-sided, all on the mini-batch `batch`. `epsilon` is eps > 0, in units of the
/// parameters. Throws what the objective throws.
public func finiteDifferences<D: Direction, O: Objective & ~Copyable>(
  of objective: borrowing O, at theta: borrowing ParameterStore, along directions: Few<D>,
  on batch: Batch, sides: DifferenceSides = .two, epsilon: Double
) throws(O.Failure) -> GradientEstimate<D> {
  let eps = Float(epsilon)
  var points = Points()
  for i in directions.indices {
    points.append(directions[i], at: sides == .two ? [eps, -eps] : i == 0 ? [0, eps] : [eps])
  }
  let losses = try objective.losses(at: points, from: theta, on: batch)
  var terms = Few<(coefficient: Double, direction: D)>()
  for i in directions.indices {
    let c =
      sides == .two
      ? (losses[2 * i] - losses[2 * i + 1]) / (2 * Double(eps)) : (losses[i + 1] - losses[0]) / Double(eps)
    terms.append((c / Double(directions.count), directions[i]))
  }
  return GradientEstimate(
    terms: terms, losses: losses, projectedGradient: terms.reduce(0) { $0 + $1.coefficient }, epsilon: epsilon)
}
