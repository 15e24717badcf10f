import Testing
import Zeroth
import ZerothTestKit

/// The checker of objectives finds what is planted, and passes what is sound.
@Suite struct PlantedObjectiveTests {
  private enum Bug: CaseIterable {
    /// Every point of a direction is measured at the offset of the next point.
    case anotherOffset
    /// Every point is measured along the first direction.
    case anotherDirection
    /// The last example is left out of the losses by example.
    case droppedExample
    /// The last example counts in no mean when several points are measured.
    case droppedFromTheSum
    /// Losses by example are sums, not of the scale of the loss.
    case anotherScale
    /// Examples are measured along the directions of their neighbours.
    case neighboursDirection
    /// The second request of a kind gives other bits.
    case drifts
  }

  /// The logistic regression, with one bug.
  private final class Planted: Objective {
    private let base = LogisticRegression()
    private let bug: Bug?
    private var requests = 0

    init(_ bug: Bug?) { self.bug = bug }

    func start() -> ParameterStore { base.start() }
    func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double { base.loss(at: theta, on: batch) }

    func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) -> Few<Double> {
      let losses = base.exampleLosses(at: theta, on: batch)
      switch bug {
      case .droppedExample: return Few(losses.dropLast())
      case .anotherScale: return losses.map { 2 * $0 }
      default: return losses
      }
    }

    func losses(
      at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
    ) -> Few<Double> {
      requests += 1
      var losses: Few<Double> = []
      for i in points.indices {
        var moved = theta.clone()
        var point = points[i]
        if bug == .anotherOffset { point = points[(i + 1) % points.count] }
        let direction =
          points.directions.isEmpty ? nil : points.directions[bug == .anotherDirection ? 0 : points[i].direction]
        if let direction, point.offset != 0 { moved.add(direction, scale: point.offset) }
        let examples = exampleLosses(at: moved, on: batch)
        if grain == .example {
          losses += examples
        } else if bug == .droppedFromTheSum, points.count > 1 {
          losses.append(examples.dropLast().reduce(0, +) / Double(examples.count))
        } else {
          losses.append(base.loss(at: moved, on: batch) + (bug == .drifts && requests > 20 ? 1e-12 : 0))
        }
      }
      return losses
    }

    func losses<D: ExampleDirections>(
      ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
    ) -> Few<Double> {
      let count = exampleLosses(at: theta, on: batch).count
      var found = [Double](repeating: 0, count: offsets.count * count)
      for example in 0..<count {
        let own = bug == .neighboursDirection ? (example + 1) % count : example
        let points = Points(along: directions.direction(of: own), at: offsets)
        let all = losses(at: points, from: theta, on: batch, grain: .example)
        for i in 0..<offsets.count { found[i * count + example] = all[i * count + example] }
      }
      return Few(found)
    }
  }

  private func check(_ bug: Bug?) throws {
    let objective = Planted(bug)
    let theta = objective.start()
    try checkObjectiveLaws(of: objective, at: theta, offset: 0.1, tolerance: 1e-9)
  }

  @Test func soundObjectivesPass() throws {
    try check(nil)
    let network = SmallNetwork()
    try checkObjectiveLaws(of: network, at: network.start(), offset: 0.1, tolerance: 1e-9)
    let quadratic = Quadratic()
    try checkObjectiveLaws(of: quadratic, at: quadratic.start(), offset: 0.1, tolerance: 1e-9)
  }

  @Test func planted() {
    expectViolation(.objectivePointsAreTheirOwn) { try check(.anotherOffset) }
    expectViolation(.objectivePointsAreTheirOwn) { try check(.anotherDirection) }
    expectViolation(.objectiveExamplesMakeTheLoss) { try check(.droppedExample) }
    expectViolation(.objectivePointsAreTheirOwn) { try check(.droppedFromTheSum) }
    expectViolation(.objectiveExamplesMakeTheLoss) { try check(.anotherScale) }
    expectViolation(.objectiveExamplesHaveTheirDirections) { try check(.neighboursDirection) }
    expectViolation(.objectiveRepeats) { try check(.drifts) }
  }

  /// Offsets that move the loss by less than the tolerance compare nothing.
  @Test func offsetsThatMoveNothingAreFound() {
    let objective = Planted(nil)
    let theta = objective.start()
    expectViolation(.objectivePointsAreTheirOwn) {
      try checkObjectiveLaws(of: objective, at: theta, offset: 1e-7, tolerance: 1e-6)
    }
  }
}
