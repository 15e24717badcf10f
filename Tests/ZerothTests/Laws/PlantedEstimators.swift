import Testing
import Zeroth
import ZerothTestKit

/// LGE, written out, with one bug planted in it.
private struct BuggyEstimator: GradientEstimator {
  typealias Direction = LowRankProbe

  enum Bug: CaseIterable {
    case none, redrawsLeft, redrawsLeftAtRefresh, redrawsRight, dropsRank, flipsSign, forgetsTwo, measuresTwice
    case skipsOne, movesThetaInPlace, movesThetaAndCopiesBack, movesThetaOnlyOnError, drawsAnew
    case drawsBatches, drawsUndeclared, drawsForTheLastAlone, drawsAnotherStepsBatch, recallsUndeclared
    case swallowsErrors, mixesUpLosses, repeatsItsQueries, leavesVectorsUnmeasured, offByOneQuery
  }
  let bug: Bug
  var interval = 2
  var queries = 1
  private let calls = Counter()

  init(_ bug: Bug, interval: Int = 2, queries: Int = 1) {
    self.bug = bug
    self.interval = interval
    self.queries = queries
  }

  func forwards(at step: Int, in layout: ParameterLayout) -> Int { 2 * queries }

  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<LowRankProbe> {
    let rank = 2
    let eps: Float = 1e-3
    var terms: Few<(coefficient: Double, direction: LowRankProbe)> = []
    var losses: Few<Double> = []
    let refreshes = context.step % interval == 0
    for query in 0..<queries {
      let number = bug == .drawsAnew ? calls.next() : bug == .repeatsItsQueries ? 0 : query
      let left = context.key.child(.left, number)
      let right = context.runKey.child(.right, context.step / interval)
      let measured = LowRankProbe(rank: rank, leftKey: left, rightKey: right)
      let isLast = query == queries - 1
      let batch =
        switch bug {
        case .drawsBatches, .drawsUndeclared: context.batch(draw: query + 1)
        case .drawsForTheLastAlone: isLast ? context.batch(draw: 1) : context.batch
        case .drawsAnotherStepsBatch: isLast ? Batch(step: context.step + 1) : context.batch
        default: context.batch
        }
      let pair: Few<Double>
      switch bug {
      case .movesThetaInPlace, .movesThetaAndCopiesBack:
        pair = try measureInPlace(measured, eps, theta, context, objective, copiesBack: bug == .movesThetaAndCopiesBack)
      case .movesThetaOnlyOnError:
        pair = try measureLeavingErrors(measured, eps, theta, context, objective)
      case .swallowsErrors:
        pair = (try? objective.losses(along: measured, at: [eps, -eps], from: theta, on: context.batch)) ?? [0, 0]
      case .leavesVectorsUnmeasured:
        pair = try objective.losses(
          along: MatricesOnly(probe: measured), at: [eps, -eps], from: theta, on: context.batch)
      case .skipsOne:
        pair = [try objective.losses(along: measured, at: [eps], from: theta, on: context.batch)[0], 0]
      default:
        pair = try objective.losses(along: measured, at: [eps, -eps], from: theta, on: batch)
      }
      losses += pair
      if bug == .measuresTwice { _ = try objective.loss(at: theta, on: context.batch) }
      let c = (pair[0] - pair[1]) / (bug == .forgetsTwo ? 1 : 2) / Double(eps)
      let redraws = bug == .redrawsLeft || (bug == .redrawsLeftAtRefresh && refreshes)
      let recalls = bug == .recallsUndeclared && context.step > 0
      let recalled = context.runKey.child(.step, context.step - 1).child(.left, number)
      let returned = LowRankProbe(
        rank: rank, leftKey: recalls ? recalled : redraws ? left.child(.plugin) : left,
        rightKey: bug == .redrawsRight ? right.child(.plugin) : right,
        matrixScale: bug == .dropsRank ? 1 : 1 / Float(rank))
      terms.append(((bug == .flipsSign ? -c : c) / Double(queries + (bug == .offByOneQuery ? 1 : 0)), returned))
    }
    if bug == .mixesUpLosses { losses.reverse() }
    return GradientEstimate(terms: terms, losses: losses, projectedGradient: 0)
  }

  /// Writes theta through a pointer that drops its constness, as an implementation without the borrow would.
  private func measureInPlace<O: Objective & ~Copyable>(
    _ direction: LowRankProbe, _ eps: Float, _ theta: borrowing ParameterStore, _ context: StepContext,
    _ objective: borrowing O,
    copiesBack: Bool
  ) throws(O.Failure) -> Few<Double> {
    let before = theta.clone()
    move(theta, direction, eps)
    let plus = try objective.loss(at: theta, on: context.batch)
    move(theta, direction, -2 * eps)
    let minus = try objective.loss(at: theta, on: context.batch)
    move(theta, direction, eps)
    if copiesBack { restore(theta, before) }
    return [plus, minus]
  }

  private func measureLeavingErrors<O: Objective & ~Copyable>(
    _ direction: LowRankProbe, _ eps: Float, _ theta: borrowing ParameterStore, _ context: StepContext,
    _ objective: borrowing O
  ) throws(O.Failure) -> Few<Double> {
    do {
      return try objective.losses(along: direction, at: [eps, -eps], from: theta, on: context.batch)
    } catch {
      move(theta, direction, eps)
      throw error
    }
  }

  private func move(_ theta: borrowing ParameterStore, _ direction: LowRankProbe, _ scale: Float) {
    for block in theta.layout.blocks {
      guard let start = UnsafeMutablePointer(mutating: theta.stored().floats(of: block)) else { continue }
      var span = UnsafeMutableBufferPointer(start: start, count: block.count).mutableSpan
      direction.add(to: &span, of: block, rows: 0..<block.rows, scale: scale)
    }
  }

  private func restore(_ theta: borrowing ParameterStore, _ before: borrowing ParameterStore) {
    for block in theta.layout.blocks {
      guard let start = UnsafeMutablePointer(mutating: theta.stored().floats(of: block)),
        let source = before.stored().floats(of: block)
      else { continue }
      start.update(from: source, count: block.count)
    }
  }
}

private struct MatricesOnly: Direction {
  let probe: LowRankProbe
  func touches(_ block: ParameterBlock) -> Bool { block.isMatrix }
  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    if block.isMatrix { probe.add(to: &values, of: block, rows: rows, scale: scale) }
  }
}

@Suite struct PlantedEstimatorTests {
  @Test func soundEstimatorPasses() throws {
    try checkEstimatorLaws(of: BuggyEstimator(.none))
    try checkEstimatorLaws(of: BuggyEstimator(.none, interval: 1, queries: 3))
    try checkEstimatorLaws(of: BuggyEstimator(.drawsBatches), traits: .drawsBatches)
    try checkVarianceLaw { BuggyEstimator(.none, interval: 4000, queries: $0) }
  }

  @Test func planted() {
    let laws: [(BuggyEstimator.Bug, LawViolation.Law)] = [
      (.redrawsLeft, .estimatorReturnsWhatItMeasured), (.redrawsLeftAtRefresh, .estimatorReturnsWhatItMeasured),
      (.redrawsRight, .estimatorReturnsWhatItMeasured), (.leavesVectorsUnmeasured, .estimatorReturnsWhatItMeasured),
      (.dropsRank, .estimatorIsUnbiased), (.flipsSign, .estimatorIsUnbiased), (.forgetsTwo, .estimatorIsUnbiased),
      (.offByOneQuery, .estimatorIsUnbiased), (.measuresTwice, .estimatorCounts), (.skipsOne, .estimatorCounts),
      (.movesThetaInPlace, .estimatorLeavesTheta), (.movesThetaAndCopiesBack, .estimatorLeavesTheta),
      (.movesThetaOnlyOnError, .estimatorLeavesTheta), (.drawsUndeclared, .estimatorKeepsTheBatch),
      (.drawsForTheLastAlone, .estimatorKeepsTheBatch), (.drawsAnotherStepsBatch, .estimatorKeepsTheBatch),
      (.recallsUndeclared, .estimatorReturnsWhatItMeasured),
      (.drawsAnew, .estimatorRepeats), (.swallowsErrors, .estimatorPassesErrors),
      (.mixesUpLosses, .estimatorReportsLosses),
    ]
    for (bug, law) in laws {
      for queries in [1, 3] {
        let traits: EstimatorTraits = bug == .drawsAnotherStepsBatch ? .drawsBatches : []
        expectViolation(law) {
          try checkEstimatorLaws(of: BuggyEstimator(bug, queries: queries), traits: traits)
        }
      }
    }
    expectViolation(.estimatorAverages) {
      try checkVarianceLaw { BuggyEstimator(.repeatsItsQueries, interval: 4000, queries: $0) }
    }
  }

  /// A bug that shows only when V is drawn at every step.
  @Test func plantedInAWindowOfOne() {
    expectViolation(.estimatorReturnsWhatItMeasured) {
      try checkEstimatorLaws(of: BuggyEstimator(.redrawsLeftAtRefresh, interval: 1))
    }
  }

  @Test func optionsThatDoNotFit() {
    expectViolation(.estimatorFits) { try checkEstimatorLaws(of: LowRankEstimator(rank: 0)) }
  }
}
