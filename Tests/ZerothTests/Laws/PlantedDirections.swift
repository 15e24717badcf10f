import Synchronization
import Testing
import Zeroth
import ZerothTestKit

/// A dense direction with one bug planted in it.
private struct BuggyDirection: LowRankDirection {
  enum Bug {
    case none, readsItsTarget, restartsInEveryPart, drawsAnew, losesTheSign, addsWhereItDoesNotTouch, addsAtScaleZero
    case forgetsMatrixScale, leftFactorIgnoresRows, writesTwiceAsMuch, writesOtherColumns
  }
  let bug: Bug
  let calls = Counter()
  private let probe = LowRankProbe(
    rank: 2, leftKey: StreamKey(seed: 1), rightKey: StreamKey(seed: 2), matrixScale: 0.5)

  init(_ bug: Bug) { self.bug = bug }

  var rank: Int { probe.rank }
  var matrixScale: Float { probe.matrixScale }
  var rightKey: StreamKey { probe.rightKey }

  func touches(_ block: ParameterBlock) -> Bool { bug != .addsWhereItDoesNotTouch || block.isMatrix }

  func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    let rows = bug == .leftFactorIgnoresRows ? 0..<rows.count : rows
    probe.writeLeft(of: block, rows: rows, into: values)
  }

  func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    probe.writeRight(of: block, into: values)
  }

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    switch bug {
    case .readsItsTarget: for i in 0..<values.count { values[i] *= 1 + 0.001 * scale }
    case .addsAtScaleZero: for i in 0..<values.count { values[i] += 1e-3 }
    case .drawsAnew: for i in 0..<values.count { values[i] += scale * 1e-3 * Float(calls.next()) }
    default: break
    }
    let rows = bug == .restartsInEveryPart ? 0..<rows.count : rows
    var scale = bug == .losesTheSign ? abs(scale) : scale
    if bug == .forgetsMatrixScale, block.isMatrix { scale *= 2 }
    probe.add(to: &values, of: block, rows: rows, scale: scale)
  }
}

extension BuggyDirection {
  func write(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>) {
    values.update(repeating: 0)
    add(to: &values, of: block, rows: rows, scale: bug == .writesTwiceAsMuch ? 2 : 1)
  }

  func write(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>
  ) {
    var whole = [Float](repeating: 0, count: block.count)
    var span = whole.mutableSpan
    write(to: &span, of: block, rows: 0..<block.rows)
    for (i, row) in rows.enumerated() {
      for (j, column) in columns.enumerated() {
        values[i * columns.count + j] = whole[row * block.columns + (bug == .writesOtherColumns ? j : column)]
      }
    }
  }
}

/// The direction that docs/extending.md shows.
private struct RandomSigns: Direction {
  let key: StreamKey

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    for (place, row) in rows.enumerated() {
      var random = RandomStream(key.child(.block, block.index).child(.plugin, row))
      for column in 0..<block.columns {
        values[place * block.columns + column] += random.bits() & 1 == 0 ? scale : -scale
      }
    }
  }
}

/// An estimator along one direction, the same at every step.
private struct EstimatorAlong: GradientEstimator {
  typealias Direction = BuggyDirection
  let direction: BuggyDirection

  func forwards(at step: Int, in layout: ParameterLayout) -> Int { 2 }

  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<BuggyDirection> {
    let pair = try objective.losses(along: direction, at: [1e-3, -1e-3], from: theta, on: context.batch)
    return GradientEstimate(
      terms: [(coefficient: (pair[0] - pair[1]) / 2e-3, direction: direction)], losses: pair, projectedGradient: 0)
  }
}

/// A sum that adds its terms rightly, and says `factor` times as much of them.
private struct MisnamedSum: Direction {
  let sum: WeightedSum<LowRankProbe>
  let factor: Float

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    sum.add(to: &values, of: block, rows: rows, scale: scale)
  }

  var structure: DirectionStructure { .sum(sum.terms.map { (factor * $0.weight, $0.direction) }) }
}

/// Counts calls, from any thread.
final class Counter: Sendable {
  private let value = Mutex(0)

  func next() -> Int {
    value.withLock {
      $0 += 1
      return $0
    }
  }
}

/// A planted bug that a checker lets pass is a defect of the checker.
@Suite struct PlantedDirectionTests {
  @Test func anEstimatorsDirectionsAreHeldToTheirLaws() {
    expectViolation(.directionIsAddedInParts) {
      try checkEstimatorLaws(of: EstimatorAlong(direction: BuggyDirection(.restartsInEveryPart)))
    }
  }

  @Test func theDirectionOfThePagePasses() throws { try checkDirectionLaws(of: RandomSigns(key: StreamKey(seed: 3))) }

  @Test func soundDirectionPasses() throws { try checkDirectionLaws(of: BuggyDirection(.none)) }

  @Test func planted() {
    expectViolation(.directionIgnoresItsTarget) { try checkDirectionLaws(of: BuggyDirection(.readsItsTarget)) }
    expectViolation(.directionIsAddedInParts) { try checkDirectionLaws(of: BuggyDirection(.restartsInEveryPart)) }
    expectViolation(.directionRepeats) { try checkDirectionLaws(of: BuggyDirection(.drawsAnew)) }
    expectViolation(.directionScales) { try checkDirectionLaws(of: BuggyDirection(.losesTheSign)) }
    expectViolation(.directionScales) { try checkDirectionLaws(of: BuggyDirection(.addsAtScaleZero)) }
    expectViolation(.directionWritesWhatItAdds) { try checkDirectionLaws(of: BuggyDirection(.writesTwiceAsMuch)) }
    expectViolation(.directionWritesWhatItAdds) { try checkDirectionLaws(of: BuggyDirection(.writesOtherColumns)) }
    expectViolation(.directionIsZeroWhereItDoesNotTouch) {
      try checkDirectionLaws(of: BuggyDirection(.addsWhereItDoesNotTouch))
    }
    expectViolation(.directionEqualsItsFactors) { try checkDirectionLaws(of: BuggyDirection(.forgetsMatrixScale)) }
    expectViolation(.directionIsAddedInParts) { try checkDirectionLaws(of: BuggyDirection(.leftFactorIgnoresRows)) }
    // On matrices the factors of a sum with one V differ, on vectors and with two V its terms.
    for rightKeys in [[StreamKey(seed: 3), StreamKey(seed: 3)], [StreamKey(seed: 3), StreamKey(seed: 4)]] {
      let probes = Few(count: 2) {
        LowRankProbe(rank: 2, leftKey: StreamKey(seed: UInt64($0)), rightKey: rightKeys[$0])
      }
      let sum = WeightedSum(probes.map { (weight: Float(0.5), direction: $0) })
      #expect(throws: Never.self) { try checkDirectionLaws(of: MisnamedSum(sum: sum, factor: 1)) }
      expectViolation(rightKeys[0] == rightKeys[1] ? .directionEqualsItsFactors : .directionEqualsItsTerms) {
        try checkDirectionLaws(of: MisnamedSum(sum: sum, factor: 2))
      }
    }
  }
}
