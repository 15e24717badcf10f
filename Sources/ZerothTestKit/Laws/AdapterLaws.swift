import Zeroth

/// Throws `LawViolation` unless `adapter` keeps the laws of `LayerAdapter`, over `steps` steps on `layout`.
///
///     let blocks = BlockSelection.roles("query", "value")
///     try checkAdapterLaws(of: DivergenceProjection(.paper, blocks: blocks, every: 2), selection: blocks, clip: 0.2)
///
/// `selection` and `clip` (tau; nil where nothing is clipped) have to be the options of the adapter. `identity` is an
/// adapter of the same type whose ratios stay 1, such as one with eta' = 0. It must not change a bit of the run.
public func checkAdapterLaws<A: LayerAdapter>(
  of adapter: A, selection: BlockSelection, clip: Double?, identity: A? = nil,
  in layout: ParameterLayout = .attention(layers: 2, width: 4), steps: Int = 8
) throws {
  do {
    try adapter.validate(layout, weightDecay: .none)
  } catch {
    throw LawViolation(.adapterFits, found: "\(error)", expected: "options that fit")
  }
  // A steep objective makes the ratios reach their bounds.
  let steep = Quadratic(layout, largest: 100)
  let traces = try drive(adapter, steep, steps)
  try checkBlocks(traces, selection, clip, layout)
  let again = try withThreads(2) { try drive(adapter, steep, steps) }
  for (step, (a, b)) in zip(again, traces).enumerated() {
    try demandSameBits(.adapterRepeats, a.after, b.after, "at step \(step), two threads")
  }
  if let identity {
    let still = try drive(identity, steep, steps)
    let plain = try drive(NoAdapter(), steep, steps)
    for (step, (a, b)) in zip(still, plain).enumerated() {
      try demandSameBits(.adapterIdentity, a.after, b.after, "at step \(step)")
    }
  }
  try checkStateLaws(
    of: Optimizer(estimator: RandomizedEstimator(), rule: SGD(learningRate: 1e-3), adapter: adapter, seed: 18),
    in: layout,
    steps: steps)
  try checkWithoutMovement(adapter, steep, steps)
  try checkFailures(adapter, steep, steps)
  try checkNonFinite(adapter, steep, steps)
}

/// What one step did, as flattened vectors.
private struct Trace {
  var scales: [Float]
  var before: [Float]
  /// After the update, before `didApply`.
  var middle: [Float]
  var after: [Float]
}

private typealias Update = WeightedSum<DenseDirection>

/// An update whose elements have about the size `size`, on all trainable blocks.
private func makeUpdate(_ step: Int, _ layout: ParameterLayout, size: Float) -> Update {
  let z = DenseDirection(StreamKey(seed: 17).child(.step, step), layout: layout)
  return Update([(size, z)])
}

/// Calls the methods of the adapter in the order of the optimiser, counts forward passes, and checks that theta is not
/// written while it is measured.
private func drive<A: LayerAdapter>(
  _ original: A, _ quadratic: Quadratic, _ steps: Int, size: Float = 0.05
) throws -> [Trace] {
  let layout = quadratic.layout
  var theta = quadratic.start()
  var adapter = original
  adapter.begin(theta)
  var traces: [Trace] = []
  for step in 0..<steps {
    let context = StepContext(step: step, runKey: StreamKey(seed: 18), layout: layout)
    let update = makeUpdate(step, layout, size: size)
    let declared = adapter.forwards(at: step)
    let objective = ObservedObjective(quadratic)
    let watch = ThetaWatch(theta)
    objective.willEvaluate = watch.look
    var (scales, outcome) = try adapter.scales(for: update, at: theta, context: context, objective: objective)
    watch.look()
    try demandUnchanged(watch)
    let before = theta.flattened()
    let applied = AppliedUpdate(update, scales: scales)
    theta.add(applied, scale: 1)
    let middle = theta.flattened()
    let second = ThetaWatch(theta)
    objective.willEvaluate = second.look
    outcome += try adapter.didApply(applied, to: &theta, context: context, objective: objective)
    try demandUnchanged(second)
    try demand(
      .adapterSurvivesNonFiniteLosses, outcome == .none || !objective.losses.allSatisfy(\.isFinite),
      found: "\(outcome.nonFiniteMoves) moves at step \(step)", expected: "none left out, all losses being finite")
    try demand(
      .adapterCounts, objective.points.count == declared, found: "\(objective.points.count) at step \(step)",
      expected: "\(declared)")
    traces.append(
      Trace(scales: layout.blocks.map { scales[$0] }, before: before, middle: middle, after: theta.flattened()))
  }
  return traces
}

private func demandUnchanged(_ watch: ThetaWatch) throws(LawViolation) {
  try demand(
    .adapterLeavesThetaWhileMeasuring, watch.changedBlock == nil, found: "other bits in \(watch.changedBlock ?? "")",
    expected: "theta as it was")
}

/// Checks where blocks have moved. A block outside the selection must not move. A selected block may move only along
/// its difference from theta_0 or from the iterate before, to a ratio in the range.
private func checkBlocks(
  _ traces: [Trace], _ selection: BlockSelection, _ clip: Double?, _ layout: ParameterLayout
) throws(LawViolation) {
  guard let first = traces.first else { return }
  var acted = false
  for (step, trace) in traces.enumerated() {
    for (block, range) in zip(layout.blocks, layout.flatRanges) {
      let scale = trace.scales[block.index]
      let middle = trace.middle[range]
      let after = trace.after[range]
      let place = "of \(block.name) at step \(step)"
      guard selection.contains(block), block.isTrainable else {
        try demand(.adapterLeavesOtherBlocks, scale == 1, found: "a scale of \(scale) \(place)", expected: "1")
        try demandSameBits(.adapterLeavesOtherBlocks, Array(after), Array(middle), place)
        continue
      }
      if scale != 1 || !after.elementsEqual(middle) { acted = true }
      try demandInRange(Double(scale), clip, place)
      let moved = zip(after, middle).map { Double($0) - Double($1) }
      guard norm(moved) > 0 else { continue }
      let ratios = [first.before, trace.before].compactMap { base -> Double? in
        ratio(moved, along: zip(middle, base[range]).map { Double($0) - Double($1) })
      }
      try demand(
        .adapterMovesAlongDelta, !ratios.isEmpty, found: "a move that is not along the difference \(place)",
        expected: "a multiple of theta - theta_0 or theta_t - theta_(t-1)")
      try demandInRange(ratios.min { abs($0 - 1) < abs($1 - 1) } ?? 1, clip, place)
    }
  }
  try demand(.adapterActs, acted, found: "the run of no adapter", expected: "another one")
}

/// The ratio rho with moved = (rho - 1) delta; nil where `moved` is not parallel to `delta`. Both vectors are rounded
/// to floats.
private func ratio(_ moved: [Double], along delta: [Double]) -> Double? {
  let factor = dot(moved, delta) / dot(delta, delta)
  let rest = norm(zip(moved, delta).map { $0 - factor * $1 })
  let rounding = 1e-6 * Double(moved.count).squareRoot()
  return rest <= 1e-4 * norm(moved) + rounding ? 1 + factor : nil
}

private func demandInRange(_ ratio: Double, _ clip: Double?, _ place: String) throws(LawViolation) {
  guard let clip else { return }
  try demand(
    .adapterStaysInRange, abs(ratio - 1) <= clip + 1e-4, found: "a ratio of \(ratio) \(place)",
    expected: "\(1 - clip) to \(1 + clip)")
}

/// Checks updates of zero: nothing has moved, so no block may move, and no ratio may become NaN.
private func checkWithoutMovement<A: LayerAdapter>(
  _ adapter: A, _ quadratic: Quadratic, _ steps: Int
) throws {
  let start = quadratic.start().flattened()
  for (step, trace) in try drive(adapter, quadratic, steps, size: 0).enumerated() {
    try demandSameBits(.adapterIsSafeWithoutMovement, trace.after, start, "at step \(step), updates of zero")
    try demand(
      .adapterIsSafeWithoutMovement, trace.scales.allSatisfy(\.isFinite), found: "\(trace.scales)",
      expected: "finite scales")
  }
}

/// Checks an objective that throws at each forward pass of the adapter in turn: theta has to stay where the update left
/// it.
private func checkFailures<A: LayerAdapter>(_ original: A, _ quadratic: Quadratic, _ steps: Int) throws {
  guard let step = (0..<steps).first(where: { original.forwards(at: $0) > 0 }) else { return }
  let layout = quadratic.layout
  for n in 0..<original.forwards(at: step) {
    var theta = quadratic.start()
    var adapter = original
    adapter.begin(theta)
    let context = StepContext(step: step, runKey: StreamKey(seed: 18), layout: layout)
    let update = makeUpdate(step, layout, size: 0.05)
    let failing = FailingObjective(quadratic, at: n)
    var lent = theta.flattened()
    var failure: (any Error)?
    do {
      let (scales, _) = try adapter.scales(for: update, at: theta, context: context, objective: failing)
      let applied = AppliedUpdate(update, scales: scales)
      theta.add(applied, scale: 1)
      lent = theta.flattened()
      _ = try adapter.didApply(applied, to: &theta, context: context, objective: failing)
    } catch {
      failure = error
    }
    try demandSameBits(
      .adapterLeavesThetaWhileMeasuring, theta.flattened(), lent, "after an error at forward pass \(n)")
    try demand(
      .adapterLeavesThetaWhileMeasuring, failure is InjectedFailure, found: failure.map { "\($0)" } ?? "no error",
      expected: "the error thrown at forward pass \(n)")
  }
}

/// Checks an objective that gives NaN at every forward pass: theta has to stay finite, and each step that measures has
/// to report the moves that it left out.
private func checkNonFinite<A: LayerAdapter>(_ original: A, _ quadratic: Quadratic, _ steps: Int) throws {
  var theta = quadratic.start()
  var adapter = original
  adapter.begin(theta)
  let objective = NonFiniteObjective(quadratic) { _ in true }
  for step in 0..<steps {
    let context = StepContext(step: step, runKey: StreamKey(seed: 18), layout: quadratic.layout)
    let update = makeUpdate(step, quadratic.layout, size: 0.05)
    var (scales, outcome) = try adapter.scales(for: update, at: theta, context: context, objective: objective)
    let applied = AppliedUpdate(update, scales: scales)
    theta.add(applied, scale: 1)
    outcome += try adapter.didApply(applied, to: &theta, context: context, objective: objective)
    try demand(
      .adapterSurvivesNonFiniteLosses, theta.flattened().allSatisfy(\.isFinite), found: "theta that is not finite",
      expected: "finite values after a loss of NaN")
    try demand(
      .adapterSurvivesNonFiniteLosses, adapter.forwards(at: step) == 0 || outcome.nonFiniteMoves > 0,
      found: "no move in the outcome of step \(step)", expected: "every move left out")
  }
}
