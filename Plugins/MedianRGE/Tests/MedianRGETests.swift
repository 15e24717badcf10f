import MedianRGE
import Testing
import Zeroth
import ZerothStrategies
import ZerothTestKit

@Suite struct MedianRGETests {
  @Test(arguments: [NoiseDistribution.gaussian, .rademacher]) func laws(_ distribution: NoiseDistribution) throws {
    try checkEstimatorLaws(
      of: MedianEstimator(distribution: distribution), traits: MedianEstimator.traits, seeds: 1000)
  }

  /// c is the median of the examples' differences, worked out here from the losses at points of the test's own.
  @Test func shapedCoefficients() throws {
    try checkEstimatorLaws(of: MedianEstimator(shaping: .sign), traits: MedianEstimator.traits, seeds: 2000)
    let quadratic = Quadratic()
    var estimator = MedianEstimator(shaping: .sign)
    let context = StepContext(step: 0, runKey: StreamKey(seed: 3), layout: .small)
    let estimate = estimator.estimate(at: quadratic.start(), context: context, objective: quadratic)
    #expect(abs(estimate.terms[0].coefficient) == 1 && abs(estimate.projectedGradient) != 1)
    #expect(throws: InputError.self) { try MedianEstimator(shaping: .clip(0)).validate(.small) }
  }

  @Test(arguments: [15, 16]) func theCoefficientIsTheMedian(examples: Int) throws {
    let objective = LogisticRegression(examples: 64, batchSize: examples)
    let theta = objective.start()
    var estimator = MedianEstimator(epsilon: 0.125)
    let context = StepContext(step: 4, runKey: StreamKey(seed: 2), layout: objective.layout)
    let estimate = estimator.estimate(at: theta, context: context, objective: objective)
    #expect(estimate.losses.count == 2 * examples && estimator.grain == .example)
    func losses(_ offset: Float) -> [Double] {
      var moved = theta.clone()
      moved.add(estimate.terms[0].direction, scale: offset)
      return Array(objective.exampleLosses(at: moved, on: context.batch))
    }
    let differences = zip(losses(0.125), losses(-0.125)).map { $0 - $1 }.sorted()
    let middle = (differences[(examples - 1) / 2] + differences[examples / 2]) / 2
    #expect(abs(estimate.terms[0].coefficient - middle / 0.25) < 1e-12)
    let mean = differences.reduce(0, +) / Double(examples)
    #expect(abs(middle - mean) > 1e-3 * abs(mean), "the mean is another number")
  }

  /// A loss that is not a number makes the step one that is skipped.
  @Test func notANumber() {
    let objective = NonFiniteObjective(Quadratic()) { $0 == 1 }
    let theta = Quadratic().start()
    var estimator = MedianEstimator()
    let estimate = estimator.estimate(
      at: theta, context: StepContext(step: 0, runKey: StreamKey(seed: 2), layout: .small), objective: objective)
    #expect(!estimate.isFinite)
  }
}
