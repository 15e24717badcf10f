import Testing
import Zeroth
import ZerothTestKit

/// A projection towards the start, written out for one query block, with one bug planted in it.
private struct BuggyAdapter: LayerAdapter {
  enum Bug {
    case none, touchesAnotherBlock, scalesAnotherBlock, leavesTheRange, scalesOutOfRange, writesWhileMeasuring
    case measuresTwice, dividesByZero, addsNoise, drawsAnew, ignoresNaN, doesNothing, writesBeforeErrors
    case isNotQuiteTheIdentity, hidesNonFiniteMoves, reportsGoodMoves
  }
  let bug: Bug
  let still: Bool
  private var base: [[Float]] = []
  private let calls = Counter()

  init(_ bug: Bug, still: Bool = false) {
    self.bug = bug
    self.still = still
  }

  func forwards(at step: Int) -> Int { 2 }

  mutating func begin(_ theta: borrowing ParameterStore) {
    base = []
    for block in theta.layout.blocks { base.append(theta.values(of: block)) }
  }

  mutating func codeState(_ state: StateCoder) throws(InputError) {
    guard try state.codePresence("base", !base.isEmpty) else { return }
    if state.isRestoring { base = state.layout.blocks.map { _ in [] } }
    for block in state.layout.blocks { try state.code(block.name, &base[block.index], count: block.count) }
  }

  mutating func scales<U: Direction, O: Objective & ~Copyable>(
    for update: U, at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> (scales: BlockScales, outcome: AdapterOutcome) {
    var scales = BlockScales.ones
    if bug == .scalesAnotherBlock, let bias = context.layout.blocks.first(where: { $0.role == "bias" }) {
      scales[bias] = 1.1
    }
    if bug == .scalesOutOfRange, let query = context.layout.blocks.first(where: { $0.role == "query" }) {
      scales[query] = 1.3
    }
    return (scales, .none)
  }

  mutating func didApply<U: Direction, O: Objective & ~Copyable>(
    _ update: AppliedUpdate<U>, to theta: inout ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> AdapterOutcome {
    guard let block = context.layout.blocks.first(where: { $0.role == "query" }) else { return .none }
    let before = theta.values(of: block)
    if bug == .writesBeforeErrors { theta.fill(block, with: before.map { $0 * 1.001 }) }
    if bug == .writesWhileMeasuring { theta.fill(block, with: before.map { $0 + 0.001 }) }
    let plus = try objective.loss(at: theta, on: context.batch)
    let minus = try objective.loss(at: theta, on: context.batch) + 1
    theta.fill(block, with: before)
    if bug == .measuresTwice { _ = try objective.loss(at: theta, on: context.batch) }
    guard (plus - minus).isFinite || bug == .ignoresNaN else {
      return bug == .hidesNonFiniteMoves ? .none : AdapterOutcome(nonFiniteMoves: 1)
    }
    let outcome = bug == .reportsGoodMoves ? AdapterOutcome(nonFiniteMoves: 1) : .none
    if bug == .doesNothing { return outcome }
    if still && bug != .isNotQuiteTheIdentity { return outcome }
    var ratio = Float(still ? 1 : bug == .leavesTheRange ? 1.5 : 1 + 0.1 * (minus - plus))
    let delta = zip(before, base[block.index]).map { $0 - $1 }
    if bug == .dividesByZero { ratio *= delta[0] / delta[0] }
    var after = zip(base[block.index], delta).map { $0 + ratio * $1 }
    if bug == .addsNoise { after = after.indices.map { after[$0] + ($0.isMultiple(of: 2) ? 0.01 : 0) } }
    if bug == .drawsAnew {
      let drawn = ratio + 1e-4 * Float(calls.next() % 97)
      after = zip(base[block.index], delta).map { $0 + drawn * $1 }
    }
    theta.fill(block, with: after)
    if bug == .touchesAnotherBlock, let bias = context.layout.blocks.first(where: { $0.role == "bias" }) {
      theta.fill(bias, with: theta.values(of: bias).map { $0 * 1.001 })
    }
    return outcome
  }
}

@Suite struct PlantedAdapterTests {
  private func check(_ bug: BuggyAdapter.Bug) throws {
    try checkAdapterLaws(
      of: BuggyAdapter(bug), selection: .roles("query"), clip: 0.2, identity: BuggyAdapter(bug, still: true))
  }

  @Test func soundAdapterPasses() throws { try check(.none) }

  @Test func planted() {
    expectViolation(.adapterLeavesOtherBlocks) { try check(.touchesAnotherBlock) }
    expectViolation(.adapterLeavesOtherBlocks) { try check(.scalesAnotherBlock) }
    expectViolation(.adapterStaysInRange) { try check(.leavesTheRange) }
    expectViolation(.adapterStaysInRange) { try check(.scalesOutOfRange) }
    expectViolation(.adapterLeavesThetaWhileMeasuring) { try check(.writesWhileMeasuring) }
    expectViolation(.adapterLeavesThetaWhileMeasuring) { try check(.writesBeforeErrors) }
    expectViolation(.adapterCounts) { try check(.measuresTwice) }
    expectViolation(.adapterIsSafeWithoutMovement) { try check(.dividesByZero) }
    expectViolation(.adapterMovesAlongDelta) { try check(.addsNoise) }
    expectViolation(.adapterRepeats) { try check(.drawsAnew) }
    expectViolation(.adapterSurvivesNonFiniteLosses) { try check(.ignoresNaN) }
    expectViolation(.adapterSurvivesNonFiniteLosses) { try check(.hidesNonFiniteMoves) }
    expectViolation(.adapterSurvivesNonFiniteLosses) { try check(.reportsGoodMoves) }
    expectViolation(.adapterActs) { try check(.doesNothing) }
    expectViolation(.adapterIdentity) { try check(.isNotQuiteTheIdentity) }
  }

  @Test func aSelectionThatMisses() {
    expectViolation(.adapterFits) {
      try checkAdapterLaws(
        of: DivergenceProjection(.paper, blocks: .roles("adapter")), selection: .roles("adapter"), clip: 0.2)
    }
  }
}
