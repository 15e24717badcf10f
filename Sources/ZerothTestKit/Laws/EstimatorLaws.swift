import Zeroth

/// Throws `LawViolation` unless `estimator` keeps the laws of `GradientEstimator`, at `steps` steps on `layout`.
///
///     try checkEstimatorLaws(of: RandomizedEstimator(queries: 2))
///
/// Without `traits`, the estimator has to measure only on the step's mini-batch, along directions of this step, and its
/// mean has to be the gradient. Each trait permits one exception. The mean is taken over `seeds` keys at step 0, at
/// least 4, and over a quarter as many at each of steps 1, 3 and 7.
public func checkEstimatorLaws<E: GradientEstimator>(
  of estimator: E, traits: EstimatorTraits = [], in layout: ParameterLayout = .small, steps: Int = 4,
  seeds: Int = 4000
) throws {
  do {
    try estimator.validate(layout)
  } catch {
    throw LawViolation(.estimatorFits, found: "\(error)", expected: "options that fit")
  }
  try checkMeasuring(estimator, traits, layout, steps)
  try checkFailures(estimator, layout)
  try checkRepetition(estimator, layout, steps)
  try checkStateLaws(of: Optimizer(estimator: estimator, rule: SGD(learningRate: 1e-3), seed: 18), in: layout)
  try checkMean(estimator, traits, layout, seeds: seeds)
}

/// Detects that theta is written while it is borrowed. This finds an estimator that gets around the borrow by casting a
/// pointer.
final class ThetaWatch {
  private let blocks: [(block: ParameterBlock, address: UnsafePointer<Float>, bits: [Float])]
  private(set) var changedBlock: String?

  /// Watches `theta`, which has to live longer than this object.
  init(_ theta: borrowing ParameterStore) {
    var blocks: [(block: ParameterBlock, address: UnsafePointer<Float>, bits: [Float])] = []
    for block in theta.layout.blocks {
      guard let address = theta.stored().floats(of: block) else { continue }
      blocks.append((block, address, Array(UnsafeBufferPointer(start: address, count: block.count))))
    }
    self.blocks = blocks
  }

  /// Compares theta with its values at the start.
  func look() {
    for (block, address, bits) in blocks where changedBlock == nil {
      for i in bits.indices where address[i].bitPattern != bits[i].bitPattern { changedBlock = block.name }
    }
  }
}

/// Checks the numbers of forward passes, the mini-batches and the losses, that the directions of the estimate are those
/// measured, and that they obey the laws of directions.
private func checkMeasuring<E: GradientEstimator>(
  _ original: E, _ traits: EstimatorTraits, _ layout: ParameterLayout, _ steps: Int
) throws {
  // At theta = 0 the points equal the displacements exactly, because no sum is rounded.
  let theta = ParameterStore(layout)
  var estimator = original
  var earlier: [[Float]] = []
  for step in 0..<steps {
    let objective = ObservedObjective(Quadratic(layout))
    let watch = ThetaWatch(theta)
    objective.willEvaluate = watch.look
    let context = StepContext(step: step, runKey: StreamKey(seed: 11), layout: layout)
    let estimate = try estimator.estimate(at: theta, context: context, objective: objective)
    watch.look()
    try demand(
      .estimatorLeavesTheta, watch.changedBlock == nil, found: "other bits in \(watch.changedBlock ?? "")",
      expected: "theta as it was")
    let declared = original.forwards(at: step, in: layout)
    try demand(
      .estimatorCounts, objective.points.count == declared, found: "\(objective.points.count) at step \(step)",
      expected: "\(declared)")
    try demand(
      .estimatorReportsLosses, Array(estimate.losses) == objective.losses, found: "\(estimate.losses.prefix(4))",
      expected: "\(objective.losses.prefix(4))")
    let fewest = original.fewestQueries
    try demand(
      .estimatorHasItsQueries, fewest == 1 || estimate.coefficients.count >= fewest,
      found: "\(estimate.coefficients.count) at step \(step)", expected: "at least \(fewest)")
    try checkBatches(objective.batches, drawsBatches: traits.contains(.drawsBatches), step)
    // A gradient is computed as a whole, and not along directions.
    if objective.gradients == 0 { try checkDirections(estimate, objective.points, earlier, layout, step) }
    if traits.contains(.recallsDirections) { earlier += objective.points }
    guard step == 0 else { continue }
    for term in estimate.terms.prefix(2) { try checkDirectionLaws(of: term.direction, in: layout) }
  }
}

/// Checks that every forward pass is on the mini-batch of the step, or on further draws of the step where the traits
/// declare them.
private func checkBatches(_ batches: [Batch], drawsBatches: Bool, _ step: Int) throws(LawViolation) {
  for (i, batch) in batches.enumerated() {
    let found = "(step \(batch.step), draw \(batch.draw)) for forward pass \(i) of step \(step)"
    try demand(.estimatorKeepsTheBatch, batch.step == step && batch.draw >= 0, found: found, expected: "step \(step)")
    try demand(
      .estimatorKeepsTheBatch, batch.draw == 0 || drawsBatches, found: found,
      expected: "draw 0 of an estimator without the trait drawsBatches")
  }
}

/// Checks that each direction of the estimate is parallel, on every block, to one that was measured (cosine 1 to 1e-6).
/// It may have been measured in this step, or at one of the points `earlier`, which may be recalled. An estimate with
/// fewer directions than were measured, such as that of CGE, has to lie in their span.
private func checkDirections<D: Direction>(
  _ estimate: GradientEstimate<D>, _ points: [[Float]], _ earlier: [[Float]], _ layout: ParameterLayout, _ step: Int
) throws(LawViolation) {
  let tolerance = 1e-6
  var measured: [[Double]] = []
  func note(_ points: [[Float]]) {
    for point in points.map({ $0.map(Double.init) }) where point.contains(where: { $0 != 0 }) {
      if !measured.contains(where: { abs(cosine($0, point)) > 1 - 1e-9 }) { measured.append(point) }
    }
  }
  note(points)
  let isOneEach = estimate.terms.count >= measured.count
  note(earlier)
  for (i, term) in estimate.terms.enumerated() {
    let returned = term.direction.flattened(in: layout).map(Double.init)
    func worst(_ candidate: [Double]) -> Double {
      layout.flatRanges.map { abs(cosine(Array(returned[$0]), Array(candidate[$0]))) }.min() ?? 1
    }
    let best =
      isOneEach
      ? measured.map(worst).max() ?? 0
      : layout.flatRanges.map { range in
        partInSpan(Array(returned[range]), of: measured.map { Array($0[range]) })
      }.min() ?? 0
    try demand(
      .estimatorReturnsWhatItMeasured, best >= 1 - tolerance,
      found: "a cosine of \(best) for term \(i) at step \(step)", expected: "1 to \(tolerance) on every block")
  }
}

/// The length of the projection of `vector` on the span of `others`, divided by the length of `vector` (Gram and
/// Schmidt).
private func partInSpan(_ vector: [Double], of others: [[Double]]) -> Double {
  guard norm(vector) > 0 else { return 1 }
  var basis: [[Double]] = []
  for other in others {
    var rest = other
    for axis in basis {
      let part = dot(axis, rest)
      rest = zip(rest, axis).map { $0 - part * $1 }
    }
    let length = norm(rest)
    if length > 1e-6 * norm(other), length > 0 { basis.append(rest.map { $0 / length }) }
  }
  return norm(basis.map { dot($0, vector) }) / norm(vector)
}

/// Checks an objective that throws at its n-th forward pass, for each n: the error has to come through, and theta has
/// to stay the same.
private func checkFailures<E: GradientEstimator>(_ original: E, _ layout: ParameterLayout) throws {
  let quadratic = Quadratic(layout)
  let theta = quadratic.start()
  let declared = original.forwards(at: 0, in: layout)
  let failing = declared <= 16 ? Array(0..<declared) : [0, 1, declared / 2, declared - 1]
  for n in failing {
    let watch = ThetaWatch(theta)
    var estimator = original
    var failure: (any Error)?
    do {
      _ = try estimator.estimate(
        at: theta, context: StepContext(step: 0, runKey: StreamKey(seed: 12), layout: layout),
        objective: FailingObjective(quadratic, at: n))
    } catch {
      failure = error
    }
    watch.look()
    try demand(
      .estimatorLeavesTheta, watch.changedBlock == nil,
      found: "other bits in \(watch.changedBlock ?? "") after an error at forward pass \(n)",
      expected: "theta as it was")
    try demand(
      .estimatorPassesErrors, failure is InjectedFailure, found: failure.map { "\($0)" } ?? "no error",
      expected: "the error thrown at forward pass \(n)")
  }
}

/// Checks that two runs with the same key, on one thread and on two, give the same coefficients and directions, bit for
/// bit.
private func checkRepetition<E: GradientEstimator>(_ original: E, _ layout: ParameterLayout, _ steps: Int) throws {
  let quadratic = Quadratic(layout)
  func run(threads: Int) throws -> [(coefficients: [Double], values: [Float])] {
    try withThreads(threads) {
      let theta = quadratic.start()
      var estimator = original
      return try (0..<steps).map { step in
        let context = StepContext(step: step, runKey: StreamKey(seed: 13), layout: layout)
        let estimate = try estimator.estimate(at: theta, context: context, objective: quadratic)
        return (estimate.terms.map(\.coefficient), estimate.terms.flatMap { $0.direction.flattened(in: layout) })
      }
    }
  }
  let first = try run(threads: 1)
  for threads in [1, 2] {
    for (step, (a, b)) in zip(try run(threads: threads), first).enumerated() {
      let place = "at step \(step), \(threads) threads"
      try demand(
        .estimatorRepeats, a.coefficients.map(\.bitPattern) == b.coefficients.map(\.bitPattern),
        found: "\(a.coefficients) \(place)", expected: "\(b.coefficients)")
      try demandSameBits(.estimatorRepeats, a.values, b.values, place)
    }
  }
}
