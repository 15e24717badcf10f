import Testing
import Zeroth
import ZerothTestKit

/// The core of LGE, with one bug planted in it.
private struct BuggyCore: CoreDirection {
  enum Bug { case none, forgetsTheScale, losesTheCarry, forgetsTheCore, sharesNoFrame }
  let bug: Bug
  let probe: LowRankProbe

  var frameKey: StreamKey { bug == .sharesNoFrame ? probe.leftKey : probe.frameKey }
  func coreShape(of block: ParameterBlock) -> (rows: Int, columns: Int) { probe.coreShape(of: block) }

  func writeCore(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    probe.writeCore(of: block, rows: rows, into: values)
  }

  func image(of cores: CoreVector, scale: Float) -> LowRankImage {
    probe.image(of: cores, scale: bug == .forgetsTheScale ? 1 : scale)
  }

  func carry(_ core: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from key: StreamKey) {
    switch bug {
    case .losesTheCarry: break
    case .forgetsTheCore: core.update(repeating: 0)
    default: probe.carry(core, of: block, from: key)
    }
  }

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    probe.add(to: &values, of: block, rows: rows, scale: scale)
  }
}

private struct BuggyEstimator: GradientEstimator {
  typealias Direction = BuggyCore
  let bug: BuggyCore.Bug
  var inner = LowRankEstimator(rank: 2, interval: 3, queries: 2)

  func forwards(at step: Int, in layout: ParameterLayout) -> Int { inner.forwards(at: step, in: layout) }

  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<BuggyCore> {
    let estimate = try inner.estimate(at: theta, context: context, objective: objective)
    return GradientEstimate(
      terms: estimate.terms.map { ($0.coefficient, BuggyCore(bug: bug, probe: $0.direction)) },
      losses: estimate.losses, projectedGradient: estimate.projectedGradient)
  }
}

@Suite struct PlantedCores {
  @Test func theSoundOnesPass() throws {
    try checkCoreLaws(of: BuggyEstimator(bug: .none))
    let wide = ParameterLayout.made([.init("wide", rows: 3, columns: 70_001), .init("row", rows: 1, columns: 7)])
    let frozen = try ParameterLayout.small.training(only: .roles("value", "bias"))
    for layout in [.small, wide, frozen] {
      try checkCoreLaws(of: LowRankEstimator(rank: 2, interval: 3, queries: 2), in: layout)
      try checkCoreLaws(of: LowRankForwardGradient(rank: 1, interval: 2), in: layout)
    }
    // Above the smaller side of a matrix, its last columns are zero.
    try checkCoreLaws(of: LowRankEstimator(rank: 4, interval: 3))
  }

  @Test func plantedBugsAreFound() {
    expectViolation(.coreImageIsTheDirection) { try checkCoreLaws(of: BuggyEstimator(bug: .forgetsTheScale)) }
    expectViolation(.coreIsCarriedOver) { try checkCoreLaws(of: BuggyEstimator(bug: .losesTheCarry)) }
    expectViolation(.coreIsCarriedOver) { try checkCoreLaws(of: BuggyEstimator(bug: .forgetsTheCore)) }
    expectViolation(.coreFrameIsShared) { try checkCoreLaws(of: BuggyEstimator(bug: .sharesNoFrame)) }
  }

  /// A copy of cores is independent of them.
  @Test func coresAreValues() {
    let direction = LowRankProbe(rank: 2, leftKey: StreamKey(seed: 1), rightKey: StreamKey(seed: 2))
    var cores = CoreVector(for: direction, in: .small)
    let block = ParameterLayout.small.blocks[0]
    #expect(cores.shape(of: block) == (5, 2) && cores.count == 5 * 2 + 5 + 4 + 4 * 2 + 3 * 2)
    let copy = cores
    cores.decayAndAdd(1, WeightedSum(Few(count: 1) { _ in (weight: 2, direction: direction) }))
    #expect(copy.core(of: block).allSatisfy { $0 == 0 })
    #expect(zip(cores.core(of: block), direction.left(of: block)).allSatisfy { $0 == 2 * $1 })
  }
}
