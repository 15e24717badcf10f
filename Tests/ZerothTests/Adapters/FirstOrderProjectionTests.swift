import Foundation
import Testing
import Zeroth
import ZerothTestKit

@Suite struct FirstOrderProjectionTests {
  private let quadratic = Quadratic()

  /// One step of Adam moves gamma by eta' against the sign of dL/dgamma, as its moments cancel: so rho is 1 -+ eta' /
  /// ||Delta||, within the clip.
  @Test func oneMoveIsASignStep() throws {
    for (rate, clip) in [(1e-3, nil), (10.0, 0.2 as Double?)] {
      var theta = quadratic.start()
      let start = theta.flattened()
      let blocks = BlockSelection.all
      var optimizer = Optimizer(
        estimator: RandomizedEstimator(), rule: SGD(learningRate: 1e-2),
        adapter: FirstOrderProjection(blocks: blocks, every: 1, learningRate: rate, clip: clip), seed: 3)
      var plain = Optimizer(estimator: RandomizedEstimator(), rule: SGD(learningRate: 1e-2), seed: 3)
      var moved = quadratic.start()
      try plain.step(&moved, quadratic)
      let report = try optimizer.step(&theta, quadratic)
      #expect(report.forwards == 5)
      let end = moved.flattened()
      let gradient = quadratic.gradient(at: moved, on: Batch(step: 0))
      let ratios = optimizer.adapter.ratios(in: theta.layout)
      for ((block, ratio), range) in zip(ratios, quadratic.layout.flatRanges) {
        let delta = range.map { Double(end[$0]) - Double(start[$0]) }
        let norm = delta.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let slope = zip(range, delta).reduce(0) { $0 + gradient[$1.0] * $1.1 }
        var expected = 1 - (slope > 0 ? 1 : -1) * rate / norm
        if let clip { expected = min(max(expected, 1 - clip), 1 + clip) }
        #expect(abs(ratio - expected) < 1e-4 * max(1, abs(expected)), "\(block.name)")
        for (i, d) in zip(range, delta) {
          #expect(abs(Double(theta.flattened()[i]) - (Double(start[i]) + ratio * d)) < 1e-5)
        }
      }
    }
  }

  /// Many moves find the ratio of each block that has the lowest loss: on a quadratic -<H Delta, theta_0 - x> / <H Delta, Delta>.
  @Test func manyMovesFindTheBestRatio() throws {
    var theta = quadratic.start()
    let start = theta.flattened()
    var moved = quadratic.start()
    var plain = Optimizer(estimator: ExactGradient(), rule: SGD(learningRate: 0.2), seed: 3)
    try plain.step(&moved, quadratic)
    var optimizer = Optimizer(
      estimator: ExactGradient(), rule: SGD(learningRate: 0.2),
      adapter: FirstOrderProjection(blocks: .all, every: 1, moves: 3000, learningRate: 3e-3, clip: nil), seed: 3)
    try optimizer.step(&theta, quadratic)
    let end = moved.flattened()
    for ((block, ratio), range) in zip(optimizer.adapter.ratios(in: theta.layout), quadratic.layout.flatRanges) {
      var (along, across) = (0.0, 0.0)
      for i in range {
        let d = Double(end[i]) - Double(start[i])
        along += quadratic.curvatures[i] * d * d
        across += quadratic.curvatures[i] * d * (quadratic.optimum[i] - Double(start[i]))
      }
      #expect(abs(ratio - across / along) < 0.02 * abs(across / along), "\(block.name): \(ratio), \(across / along)")
    }
  }

  @Test func staysPutWithoutMovementAndKeepsItsState() throws {
    var theta = quadratic.start()
    let bits = theta.flattened()
    var optimizer = Optimizer(
      estimator: RandomizedEstimator(), rule: SGD(learningRate: 0),
      adapter: FirstOrderProjection(blocks: .all, every: 1),
      seed: 3)
    try optimizer.step(&theta, quadratic)
    #expect(theta.flattened() == bits)
    try checkStateLaws(
      of: Optimizer(
        estimator: RandomizedEstimator(), rule: SGD(learningRate: 1e-2),
        adapter: FirstOrderProjection(blocks: .matrices, every: 2, reinitializes: false), seed: 4), in: .small)
  }

  @Test func optionsOutOfRangeAreRefused() {
    func refused(_ adapter: FirstOrderProjection) -> Bool {
      (try? adapter.validate(.small, weightDecay: .none)) == nil
    }
    #expect(refused(.init(blocks: .all, every: 0)) && refused(.init(blocks: .all, moves: 0)))
    #expect(refused(.init(blocks: .all, learningRate: -1)) && refused(.init(blocks: .all, clip: 2)))
    #expect(!refused(.init(blocks: .all)))
  }
}
