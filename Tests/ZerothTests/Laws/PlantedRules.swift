import Testing
import Zeroth
import ZerothTestKit

/// EMA momentum, written out, with one bug planted in it.
private struct BuggyRule: StepRule {
  typealias Direction = DenseDirection
  typealias Update = Held

  enum Bug {
    case none, forgetsOneMinusBeta, climbs, forgetsTheLearningRate, sharesItsState, updatesFollowTheState, drawsAnew
    case forgetsAQuery
  }
  let bug: Bug
  let learningRate: Schedule = 0.1
  let decay: Double
  private var momentum = Vector()
  private let calls = Counter()

  init(_ bug: Bug, decay: Double = 0.9) {
    self.bug = bug
    self.decay = decay
  }

  final class Vector: @unchecked Sendable { var values: [Float] = [] }

  struct Held: Zeroth.Direction {
    let layout: ParameterLayout
    let vector: Vector
    let scale: Float

    func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
      let first = layout.flatRanges[block.index].lowerBound + rows.lowerBound * block.columns
      for i in 0..<values.count { values[i] += scale * self.scale * vector.values[first + i] }
    }
  }

  mutating func codeState(_ state: StateCoder) throws(InputError) {
    var values = momentum.values
    try state.code("momentum", &values)
    guard state.isRestoring else { return }
    momentum = Vector()
    momentum.values = values
  }

  mutating func update(from estimate: GradientEstimate<DenseDirection>, context: StepContext) -> Held {
    var estimate = estimate
    if bug == .forgetsAQuery { estimate.terms.removeLast() }
    if bug != .sharesItsState && bug != .updatesFollowTheState || momentum.values.isEmpty {
      let copy = Vector()
      copy.values = momentum.values
      momentum = copy
    }
    let g = estimate.flattened(in: context.layout)
    if momentum.values.isEmpty { momentum.values = g.map { _ in 0 } }
    let weight = bug == .forgetsOneMinusBeta ? 1 : 1 - decay
    for i in g.indices { momentum.values[i] = Float(decay) * momentum.values[i] + Float(weight * g[i]) }
    if bug == .drawsAnew { momentum.values[0] += Float(calls.next()) }
    let scale = Float(bug == .climbs ? 0.1 : bug == .forgetsTheLearningRate ? -1 : -0.1)
    if bug == .sharesItsState {
      let seen = Vector()
      seen.values = momentum.values
      return Held(layout: context.layout, vector: seen, scale: scale)
    }
    return Held(layout: context.layout, vector: momentum, scale: scale)
  }
}

@Suite struct PlantedRuleTests {
  private func check(_ bug: BuggyRule.Bug) throws {
    try checkRuleLaws(
      of: BuggyRule(bug), memoryless: BuggyRule(bug, decay: 0), estimates: RandomizedEstimator(queries: 2))
  }

  @Test func soundRulePasses() throws { try check(.none) }

  @Test func planted() {
    expectViolation(.ruleHasItsGain) { try check(.forgetsOneMinusBeta) }
    expectViolation(.ruleWithoutMemoryIsSGD) { try check(.climbs) }
    expectViolation(.ruleWithoutMemoryIsSGD) { try check(.forgetsTheLearningRate) }
    expectViolation(.ruleWithoutMemoryIsSGD) { try check(.forgetsAQuery) }
    expectViolation(.ruleRepeats) { try check(.drawsAnew) }
    expectViolation(.ruleIsAValue) { try check(.sharesItsState) }
    expectViolation(.ruleIsAValue) { try check(.updatesFollowTheState) }
  }

  @Test func theHeavyBallIsNotTheAverage() {
    expectViolation(.ruleHasItsGain) {
      try checkRuleLaws(
        of: Momentum(learningRate: 0.1, beta: 0.9, form: .heavyBall), estimates: RandomizedEstimator())
    }
  }
}
