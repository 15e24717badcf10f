/// The finite differences that RGE and LGE share: c_i along each direction, divided by the number of directions.
func differences<D: Direction, O: Objective & ~Copyable>(
  along directions: [D], sides: RandomizedEstimator.Sides, smoothing: Double, _ theta: borrowing ParameterStore,
  _ objective: borrowing O
) throws(O.Failure) -> GradientEstimate<D> {
  let eps = Float(smoothing)
  var losses: [Double] = []
  var terms: [(coefficient: Double, direction: D)] = []
  for (i, direction) in directions.enumerated() {
    // L(theta) is measured along with the first query: models evaluate several points at once.
    let offsets: [Float] = sides == .two ? [eps, -eps] : i == 0 ? [0, eps] : [eps]
    losses += try objective.losses(along: direction, at: offsets, from: theta)
    let c =
      sides == .two
      ? (losses[2 * i] - losses[2 * i + 1]) / (2 * Double(eps)) : (losses[i + 1] - losses[0]) / Double(eps)
    terms.append((c / Double(directions.count), direction))
  }
  return GradientEstimate(
    terms: terms, losses: losses, projectedGradient: terms.reduce(0) { $0 + $1.coefficient })
}
