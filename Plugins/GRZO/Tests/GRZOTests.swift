import Foundation
import GRZO
import Testing
import Zeroth
import ZerothStrategies
import ZerothTestKit

@Suite struct GRZOTests {
  private func context(_ step: Int, _ layout: ParameterLayout = .small) -> StepContext {
    StepContext(step: step, runKey: StreamKey(seed: 3), layout: layout)
  }

  /// With one example z is Gaussian, and the estimate that of RGE in law.
  @Test func laws() throws {
    try checkEstimatorLaws(of: FlipoutEstimator(isRelative: false), seeds: 6000)
    let frozen = try ParameterLayout.small.training(only: .roles("query", "bias"))
    try checkEstimatorLaws(of: FlipoutEstimator(isRelative: false), in: frozen, seeds: 6000)
  }

  @Test func directionLaws() throws {
    let regression = LogisticRegression()
    var estimator = FlipoutEstimator()
    let estimate = estimator.estimate(
      at: regression.start(), context: context(0, regression.layout), objective: regression)
    try checkDirectionLaws(of: estimate.terms[0].direction, in: regression.layout)
    let wide = ParameterLayout.made([.init("wide", rows: 3, columns: 70_001), .init("tall", rows: 900, columns: 97)])
    let quadratic = Quadratic(wide)
    var single = FlipoutEstimator(isRelative: false)
    let one = single.estimate(at: quadratic.start(), context: context(0, wide), objective: quadratic)
    try checkDirectionLaws(of: one.terms[0].direction, in: wide)
    try checkRuleLaws(of: SGD(learningRate: 0.1), estimates: FlipoutEstimator(isRelative: false))
  }

  /// Over many steps at one theta the mean is the gradient of the mini-batch, to six standard errors, with a direction for each of 16
  /// examples; relative, a step against it descends.
  @Test(arguments: [false, true]) func theMeanOverManyExamples(isRelative: Bool) {
    let regression = LogisticRegression()
    let theta = regression.start()
    let gradient = regression.gradient(at: theta, on: Batch(step: 0))
    var estimator = FlipoutEstimator(isRelative: isRelative)
    var sum = gradient.map { _ in 0.0 }
    var squares = sum
    let count = 4000
    for seed in 0..<count {
      let context = StepContext(step: 0, runKey: StreamKey(seed: UInt64(seed)), layout: regression.layout)
      let g: [Double] = estimator.estimate(at: theta, context: context, objective: regression).flattened(
        in: regression.layout)
      for i in g.indices {
        sum[i] += g[i]
        squares[i] += g[i] * g[i]
      }
    }
    let mean = sum.map { $0 / Double(count) }
    if isRelative { #expect(cosine(mean, gradient) > 0.9) }
    for i in mean.indices where !isRelative {
      let error = ((squares[i] / Double(count) - mean[i] * mean[i]) / Double(count)).squareRoot()
      #expect(abs(mean[i] - gradient[i]) < 6 * error + 1e-5, "\(i)")
    }
  }

  /// Each example has a direction of its own; all have the same magnitudes, those of U.
  @Test func signsOfExamples() {
    final class Noted: Objective {
      var flat: [[Float]] = []
      func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double { 0 }
      func losses<D: ExampleDirections>(
        ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
      ) -> Few<Double> {
        let layout = theta.layout
        flat = (0..<5).map { directions.direction(of: $0).flattened(in: layout) }
        return Few(count: 10) { Double($0) }
      }
    }
    let noted = Noted()
    var estimator = FlipoutEstimator()
    _ = estimator.estimate(at: ParameterStore(.small), context: context(0), objective: noted)
    #expect(Set(noted.flat).count == 5)
    #expect(Set(noted.flat.map { $0.map(abs) }).count == 1)
    // The signs of a matrix have rank one: those of a row are another's, or the opposite.
    let block = ParameterLayout.small.blocks[0]
    for z in noted.flat {
      let (one, other) = (noted.flat[0], z)
      let turns = (0..<block.count).map { one[$0] * other[$0] > 0 }
      for row in 1..<block.rows {
        let first = turns[0..<block.columns], own = turns[(row * block.columns)..<((row + 1) * block.columns)]
        #expect(first.elementsEqual(own) || first.elementsEqual(own.map { !$0 }))
      }
    }
  }

  private struct Golden: Decodable { let relative, slopes: [[Double]] }

  /// Three examples with losses of their own, as the golden trajectory has them.
  private struct Three: Objective {
    private func loss(_ theta: [Float], _ e: Int) -> Double {
      theta.enumerated().reduce(0) { sum, element in
        let distance = Double(element.element) - 1 + Double(e) / 2
        return sum + Double(element.offset + 1 + 3 * e) / 16 * distance * distance
      }
    }
    func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double {
      exampleLosses(at: theta, on: batch).reduce(0, +) / 3
    }
    func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) -> Few<Double> {
      let flat = theta.flattened()
      return Few(count: 3) { loss(flat, $0) }
    }
  }

  /// Against numpy, to the tolerance of `checkGoldenTrajectory`, which has one example.
  @Test func fiveSteps() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../Golden/GRZO.json")
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
    for (isRelative, rate, points) in [(true, 0.05, golden.relative), (false, 0.02, golden.slopes)] {
      var theta = ParameterStore(.made([.init("query", rows: 2, columns: 3), .init("bias", rows: 2)]))
      var optimizer = Optimizer(
        estimator: FlipoutEstimator(epsilon: 1e-2, isRelative: isRelative), rule: SGD(learningRate: Schedule(rate)),
        seed: 1)
      #expect(points.count == 5)
      for point in points {
        let report = try optimizer.step(&theta, Three())
        #expect(report.losses.count == 6 && report.forwards == 2)
        for (found, expected) in zip(theta.flattened(), point) { #expect(abs(Double(found) - expected) < 2e-5) }
      }
    }
  }

  /// A single example, or examples that differ in nothing, make no relative step; a loss that is no number is skipped.
  @Test func nothingToGoBy() throws {
    let quadratic = Quadratic()
    var theta = quadratic.start()
    let before = theta.flattened()
    var optimizer = Optimizer(estimator: FlipoutEstimator(), rule: SGD(learningRate: 0.1), seed: 1)
    #expect(try optimizer.step(&theta, quadratic).outcome == .applied)
    #expect(theta.flattened() == before)
    let broken = FunctionObjective { _ in .nan }
    #expect(try optimizer.step(&theta, broken).outcome == .skipped)
    #expect(theta.flattened() == before)
  }

  @Test func converges() throws {
    let regression = LogisticRegression()
    var theta = regression.start()
    let first = regression.loss(at: theta, on: Batch(step: -1))
    var optimizer = Optimizer(
      estimator: FlipoutEstimator(isRelative: false), rule: SGD(learningRate: 0.1), seed: 1)
    for _ in 0..<200 { try optimizer.step(&theta, regression) }
    // RGE at this rate leaves less than 0.65 (`CompositionTests`); more directions leave no more.
    #expect(regression.loss(at: theta, on: Batch(step: -1)) < 0.65 * first)
  }

  @Test func wrongOptions() throws {
    #expect(throws: InputError.self) { try FlipoutEstimator(epsilon: 0).validate(.small) }
    var registry = Registry.standard
    try install(into: &registry)
    #expect(throws: InputError.self) { try install(into: &registry) }
  }
}
