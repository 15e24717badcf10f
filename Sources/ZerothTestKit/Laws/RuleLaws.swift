import Zeroth

/// Throws `LawViolation` unless `rule` keeps the laws of `StepRule`, on estimates made by `estimator`.
///
///     try checkRuleLaws(of: Momentum(learningRate: 0.1), memoryless: Momentum(learningRate: 0.1, beta: 0),
///       estimates: RandomizedEstimator())
///
/// `memoryless` is the same rule at beta = 0, whose steps have to be those of SGD. `gain` is the size that the steps
/// reach when the estimate stays the same, in units of -eta g: 1, or 1/(1 - beta) for the heavy ball; nil for a rule
/// that is not linear in the estimate. That a rule evaluates no loss follows from its signature.
public func checkRuleLaws<R: StepRule, E: GradientEstimator>(
  of rule: R, memoryless: R? = nil, gain: Double? = 1, estimates estimator: E, in layout: ParameterLayout = .small
) throws where E.Direction == R.Direction {
  let estimates = try sequence(estimator, layout, seed: 15)
  let others = try sequence(estimator, layout, seed: 16)
  try checkRepetition(rule, estimates, layout)
  try checkCopies(rule, estimates, others, layout)
  if let memoryless { try checkMemoryless(memoryless, estimates, layout) }
  if let gain, let estimate = estimates.first { try checkGain(rule, estimate, gain, layout) }
  try checkStateLaws(of: Optimizer(estimator: estimator, rule: rule, seed: 18), in: layout)
  var working = rule
  for (step, estimate) in estimates.enumerated() {
    let update = working.update(from: estimate, context: context(step, layout))
    try checkDirectionLaws(of: update, in: layout)
  }
}

private func context(_ step: Int, _ layout: ParameterLayout) -> StepContext {
  StepContext(step: step, runKey: StreamKey(seed: 15), layout: layout)
}

/// The estimates of six steps, all at the same point.
private func sequence<E: GradientEstimator>(
  _ original: E, _ layout: ParameterLayout, seed: UInt64
) throws -> [GradientEstimate<E.Direction>] {
  let quadratic = Quadratic(layout)
  let theta = quadratic.start()
  var estimator = original
  return try (0..<6).map { step in
    try estimator.estimate(
      at: theta, context: StepContext(step: step, runKey: StreamKey(seed: seed), layout: layout), objective: quadratic)
  }
}

private func updates<R: StepRule>(
  _ rule: inout R, _ estimates: [GradientEstimate<R.Direction>], _ layout: ParameterLayout, from first: Int = 0
) -> [[Float]] {
  estimates.indices.map { i in
    rule.update(from: estimates[i], context: context(first + i, layout)).flattened(in: layout)
  }
}

private func checkRepetition<R: StepRule>(
  _ rule: R, _ estimates: [GradientEstimate<R.Direction>], _ layout: ParameterLayout
) throws(LawViolation) {
  func run(_ threads: Int) throws(LawViolation) -> [[Float]] {
    try holdingThreads(threads, isLoopless: layout.trainable.count < 2) {
      var rule = rule
      return estimates.indices.map { i in
        // The update is added to a store as by an optimiser: each thread adds it to some of the blocks.
        var theta = ParameterStore(layout)
        theta.add(rule.update(from: estimates[i], context: context(i, layout)), scale: 1)
        return theta.flattened()
      }
    }
  }
  let first = try run(1)
  for threads in [1, 2] {
    for (step, (a, b)) in zip(try run(threads), first).enumerated() {
      try demandSameBits(.ruleRepeats, a, b, "at step \(step), \(threads) threads")
    }
  }
}

/// Copies the rule after three steps. The copy goes on with other estimates, and must change neither the rule nor the
/// updates made before.
private func checkCopies<R: StepRule>(
  _ rule: R, _ estimates: [GradientEstimate<R.Direction>], _ others: [GradientEstimate<R.Direction>],
  _ layout: ParameterLayout
) throws(LawViolation) {
  var reference = rule
  let expected = updates(&reference, estimates, layout)
  var original = rule
  var copy = rule
  var kept: (update: R.Update, values: [Float])?
  for step in estimates.indices {
    if step == 3 { copy = original }
    let update = original.update(from: estimates[step], context: context(step, layout))
    let before = update.flattened(in: layout)
    try demandSameBits(.ruleIsAValue, before, expected[step], "at step \(step), a copy going its own way")
    _ = copy.update(from: others[step], context: context(step, layout))
    try demandSameBits(
      .ruleIsAValue, update.flattened(in: layout), before, "in an update, after the copy moved at step \(step)")
    if let kept {
      try demandSameBits(
        .ruleIsAValue, kept.update.flattened(in: layout), kept.values, "in an update, after step \(step) followed it")
    }
    kept = (update, before)
  }
}

private func checkMemoryless<R: StepRule>(
  _ original: R, _ estimates: [GradientEstimate<R.Direction>], _ layout: ParameterLayout
) throws(LawViolation) {
  var rule = original
  for (step, found) in updates(&rule, estimates, layout).enumerated() {
    try demandMultiple(
      .ruleWithoutMemoryIsSGD, found, -original.learningRate(at: step), estimates[step].flattened(in: layout),
      "at step \(step)")
  }
}

/// Gives the rule the same estimate for 400 steps. At beta <= 0.96 the effect of the start is then below 1e-7.
private func checkGain<R: StepRule>(
  _ original: R, _ estimate: GradientEstimate<R.Direction>, _ gain: Double, _ layout: ParameterLayout
) throws(LawViolation) {
  var rule = original
  let last = 399
  for step in 0..<last { _ = rule.update(from: estimate, context: context(step, layout)) }
  let found = rule.update(from: estimate, context: context(last, layout)).flattened(in: layout)
  try demandMultiple(
    .ruleHasItsGain, found, -original.learningRate(at: last) * gain, estimate.flattened(in: layout), "after 400 steps")
}

/// Checks that `found` is `factor` times `vector`, to 1e-5 of its largest element.
private func demandMultiple(
  _ law: LawViolation.Law, _ found: [Float], _ factor: Double, _ vector: [Double], _ place: String
) throws(LawViolation) {
  let largest = abs(factor) * vector.reduce(0) { max($0, abs($1)) }
  for i in found.indices {
    try demand(
      law, abs(Double(found[i]) - factor * vector[i]) <= 1e-5 * largest,
      found: "\(found[i]) at coordinate \(i) \(place)", expected: "\(factor * vector[i])")
  }
}
