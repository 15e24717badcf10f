import Foundation
import Testing
import Zeroth
import ZerothStrategies
import ZerothTestKit

@testable import ZerothDiagnostics

/// What is said of the way that theta has gone.
@Suite struct MovementTests {
  private let objective = NoisyQuadratic()

  private func look(_ movement: Movement, _ start: borrowing ParameterStore, _ now: borrowing ParameterStore)
    throws -> MovementPoint
  {
    movement.point(
      after: 4, now, start: try objective.meanGradient(at: start, on: 0..<2),
      now: try objective.meanGradient(at: now, on: 0..<2))
  }

  /// Along a straight line the distance squared is the number of steps times the walk; the progress of the blocks is the fall of
  /// a quadratic, exactly.
  @Test func aStraightLine() throws {
    var theta = point()
    let start = theta.clone()
    var movement = Movement(from: theta)
    let direction = DenseDirection(StreamKey(seed: 2), layout: twoLayers)
    for _ in 0..<4 {
      theta.add(direction, scale: 0.125)
      movement.didStep(theta)
    }
    let found = try look(movement, start, theta)
    for (block, stored) in zip(found.blocks, twoLayers.blocks) {
      let z = direction.values(of: stored).map(Double.init)
      let norm = z.reduce(0) { $0 + $1 * $1 }.squareRoot()
      #expect(abs(block.distance - 0.5 * norm) < 1e-5 * norm)
      #expect(abs(block.update - 0.125 * norm) < 1e-5 * norm)
      #expect(abs(block.distance * block.distance / block.walk - 4) < 1e-4)
    }
    let fall = objective.loss(at: start, on: Batch(step: 0)) - objective.loss(at: theta, on: Batch(step: 0))
    #expect(abs(found.blocks.reduce(0) { $0 + $1.progress } - fall) < 1e-4 * abs(fall))
    #expect(abs(found.lossBefore - found.loss - fall) < 1e-9)
    let slope = found.blocks.reduce(0) { $0 + abs($1.slope) }
    #expect(found.bound(clip: 0.2).each == 0.2 * slope)
    #expect(found.bound(clip: 0.2) { $0.role == "query" }.each < 0.2 * slope)
  }

  /// Independent steps make a random walk, whose distance squared has the walk as its mean, and isotropic ones keep the law of
  /// Appendix E of DiZO.
  @Test func aRandomWalk() throws {
    var theta = point()
    let start = theta.clone()
    var movement = Movement(from: theta)
    for step in 0..<400 {
      theta.add(DenseDirection(StreamKey(seed: UInt64(step)), layout: twoLayers), scale: 0.01)
      movement.didStep(theta)
    }
    let sums = try look(movement, start, theta).sums
    // Squares of 72 normal numbers have a mean that is off by sqrt(2/72), 17%.
    let all = try #require(sums.last)
    #expect(abs(all.straightness - 1) < 4 * 0.17 && all.name == "all")
    // The mean over 400 steps of shares of at least 12 numbers: sqrt(2/12/400) = 2%.
    for sum in sums { #expect(abs(sum.updateOverLaw - 1) < 5 * 0.02, "\(sum.name)") }
  }

  /// Down the gradient: the cosine is 1, which is sqrt(d) standard deviations of a random direction.
  @Test func downTheGradient() throws {
    var theta = point()
    let start = theta.clone()
    var movement = Movement(from: theta)
    let (gradient, _) = try objective.meanGradient(at: theta, on: 0..<2)
    theta.add(StoredDirection(gradient, scale: 1), scale: -0.1)
    movement.didStep(theta)
    let all = try #require(try look(movement, start, theta).sums.last)
    #expect(abs(all.deviations - Double(twoLayers.parameterCount).squareRoot()) < 1e-3)
    #expect(all.progress > 0 && abs(all.straightness - 1) < 1e-6)
  }

  /// A search is one of DiZO at theta, from theta_0 on; its gain is that of the loss, and the bounds are those of the slopes.
  @Test func ratiosAreThoseOfAProjection() throws {
    let start = point()
    var theta = point()
    theta.add(DenseDirection(StreamKey(seed: 9), layout: twoLayers), scale: 0.3)
    let objective = NoisyQuadratic(shift: 0.1)
    let anchor = Movement(from: start).start
    let (gradient, _) = try objective.meanGradient(at: theta, on: 100..<104)
    let adapter = Composition.Part(
      "dizo", ["interval": 1, "blocks": "query", "moves": 3, "learning-rate": 0.05, "clip": 0.1])
    let study = try RatioStudy(
      at: theta, from: anchor, on: objective, gradient: gradient, known: 100..<104, others: 104..<108, count: 4,
      clip: 0.1
    ) { seed in try optimizer("rge", adapter: adapter, seed: seed, learningRate: 0) }
    #expect(study.blocks.map(\.name) == ["0.query", "1.query"])
    #expect(study.searches.count == 7 && study.searches.map(\.seed) == [0, 1, 2, 3, 0, 0, 0])
    #expect(study.searches.map(\.step) == [100, 100, 100, 100, 101, 102, 103])
    for (block, stored) in zip(study.blocks, [0, 2].map { twoLayers.blocks[$0] }) {
      let g = gradient.values(of: stored).map(Double.init)
      let delta = zip(theta.values(of: stored), start.values(of: stored)).map { Double($0 - $1) }
      let slope = zip(g, delta).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(abs(block.slope - slope) < 1e-5 * max(1, abs(slope)))
      #expect(abs(block.ratio - 1) <= 0.1 && block.overSeeds.map { $0 > 0 } == true)
    }
    let slopes = study.blocks.map(\.slope)
    #expect(abs(study.bound.each - 0.1 * slopes.reduce(0) { $0 + abs($1) }) < 1e-12)
    #expect(abs(study.bound.alike - 0.1 * abs(slopes.reduce(0, +))) < 1e-12)
    // A quadratic gains less than its slope says, by half of the square of the step.
    let step = [0, 2].map { twoLayers.blocks[$0] }.reduce(0.0) { sum, block in
      sum + zip(theta.values(of: block), start.values(of: block)).reduce(0) { $0 + pow(0.1 * Double($1.0 - $1.1), 2) }
    }
    #expect(abs(study.best.gain - (study.bound.each - step / 2)) < 1e-4)
    // The first search again, by hand: the same optimiser at theta_0 and then at theta, on the mini-batch of step 100.
    var again = try optimizer("rge", adapter: adapter, seed: 0, learningRate: 0)
    var moved = start.clone()
    let onBatch = OnBatch(base: objective, step: 100)
    try again.step(&moved, onBatch)
    #expect(moved.flattened() == start.flattened())
    moved.copy(from: theta)
    try again.step(&moved, onBatch)
    let gain = objective.loss(at: theta, on: Batch(step: 100)) - objective.loss(at: moved, on: Batch(step: 100))
    #expect(study.searches[0].gain == gain && gain != 0)
  }
}
