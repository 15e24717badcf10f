import Testing
import Zeroth
import ZerothTestKit

/// Estimators that take derivatives: their laws, and that they are what they say.
@Suite struct DerivativeEstimatorTests {
  private let quadratic = Quadratic()

  @Test func exactGradientKeepsTheLaws() throws { try checkEstimatorLaws(of: ExactGradient(), seeds: 4) }

  @Test(arguments: NoiseDistribution.allCases) func forwardGradientKeepsTheLaws(_ distribution: NoiseDistribution)
    throws
  {
    try checkEstimatorLaws(of: ForwardGradient(distribution: distribution))
    try checkEstimatorLaws(of: ForwardGradient(queries: 3, distribution: distribution), seeds: 2000)
    try checkVarianceLaw { ForwardGradient(queries: Schedule($0), distribution: distribution) }
  }

  @Test(arguments: [1, 2]) func lowRankForwardGradientKeepsTheLaws(_ rank: Int) throws {
    try checkEstimatorLaws(of: LowRankForwardGradient(rank: rank, interval: 3, queries: 2), steps: 7, seeds: 2000)
  }

  @Test func objectivesOfTheKitKeepTheLaws() throws {
    let (quadratic, rosenbrock, regression, network) = (Quadratic(), Rosenbrock(), LogisticRegression(), SmallNetwork())
    try checkDerivativeLaws(of: quadratic, at: quadratic.start())
    try checkDerivativeLaws(of: rosenbrock, at: rosenbrock.start())
    try checkDerivativeLaws(of: regression, at: regression.start())
    try checkDerivativeLaws(of: network, at: network.start())
  }

  /// RGE tends to the forward gradient as epsilon goes to 0: the same key draws the same directions.
  @Test func forwardGradientIsTheLimitOfRGE() throws {
    let theta = quadratic.start()
    let context = StepContext(step: 3, runKey: StreamKey(seed: 5), layout: quadratic.layout)
    var forward = ForwardGradient(queries: 4)
    var rge = RandomizedEstimator(epsilon: 1e-2, queries: 4)
    let exact = try forward.estimate(at: theta, context: context, objective: quadratic)
    let estimate = rge.estimate(at: theta, context: context, objective: quadratic)
    for (a, b) in zip(exact.terms, estimate.terms) {
      #expect(abs(a.coefficient - b.coefficient) <= 2e-3 * max(1, abs(b.coefficient)))
      #expect(a.direction.key == b.direction.key)
    }
  }

  /// Gradient descent on a quadratic: theta - x shrinks by 1 - eta h at each coordinate and step.
  @Test func descentOnAQuadraticIsTheFormula() throws {
    var theta = quadratic.start()
    let start = theta.flattened()
    var optimizer = Optimizer(estimator: ExactGradient(), rule: SGD(learningRate: 0.5), seed: 1)
    for _ in 0..<10 {
      let report = try optimizer.step(&theta, quadratic)
      #expect(report.forwards == 3 && report.losses.count == 1)
    }
    for (i, value) in theta.flattened().enumerated() {
      var shrink = 1.0
      for _ in 0..<10 { shrink *= 1 - 0.5 * quadratic.curvatures[i] }
      let expected = quadratic.optimum[i] + shrink * (Double(start[i]) - quadratic.optimum[i])
      #expect(abs(Double(value) - expected) < 1e-5)
    }
  }

  /// An objective without a gradient is refused in a sentence where the types do not say so.
  @Test func objectivesWithoutAGradientAreRefused() throws {
    let layout = quadratic.layout
    var theta = ParameterStore(layout)
    var optimizer = Optimizer(estimator: ExactGradient(), rule: SGD(learningRate: 0.1), seed: 1)
    let blackBox = FunctionObjective { _ in 1 }
    do {
      try optimizer.takeStep(&theta, blackBox)
      Issue.record("a step was taken")
    } catch let error as InputError {
      #expect("\(error)".contains("gradient") && "\(error)".contains("losses alone"))
    }
    #expect(optimizer.needsDerivatives && !optimizer.isReplayedFromLosses)
    #expect(!Optimizer(estimator: RandomizedEstimator(), rule: SGD(learningRate: 0.1), seed: 1).needsDerivatives)
  }
}

/// The checker of derivatives finds what is planted.
@Suite struct PlantedDerivativeTests {
  private enum Bug: CaseIterable { case anotherSlope, anotherLoss, accumulates, anotherDerivative, drifts }

  private final class Planted: DifferentiableObjective {
    let base = Quadratic()
    let bug: Bug?
    var requests = 0
    init(_ bug: Bug?) { self.bug = bug }

    func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double { base.loss(at: theta, on: batch) }

    func gradient(at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector) -> Double {
      requests += 1
      let before = gradient
      let loss = base.gradient(at: theta, on: batch, into: &gradient)
      let (bug, requests) = (bug, requests)
      gradient.forEachPanel { block, rows, values in
        let held = before.values(of: block)
        for i in values.indices {
          if bug == .anotherSlope { values[i] *= 1.1 }
          if bug == .accumulates { values[i] += held[rows.lowerBound * block.columns + i] }
          if bug == .drifts, requests > 1 { values[i] = values[i].nextUp }
        }
      }
      return bug == .anotherLoss ? loss + 0.1 : loss
    }

    func derivative<D: Direction>(
      along direction: D, at theta: borrowing ParameterStore, on batch: Batch
    ) -> DirectionalDerivative {
      let slope = base.derivative(along: direction, at: theta, on: batch)
      return bug == .anotherDerivative ? .init(loss: slope.loss, derivative: slope.derivative + 0.01) : slope
    }
  }

  @Test func soundPasses() throws {
    let sound = Planted(nil)
    try checkDerivativeLaws(of: sound, at: sound.base.start())
  }

  @Test func plantedBugsAreFound() {
    let laws: [(Bug, LawViolation.Law)] = [
      (.anotherSlope, .objectiveGradientIsTheLimit), (.anotherLoss, .objectiveDifferentiatesItsLoss),
      (.accumulates, .objectiveGradientIsTheLimit), (.anotherDerivative, .objectiveDerivativeIsTheProduct),
      (.drifts, .objectiveRepeats),
    ]
    #expect(laws.count == Bug.allCases.count)
    for (bug, law) in laws {
      let planted = Planted(bug)
      expectViolation(law) { try checkDerivativeLaws(of: planted, at: planted.base.start()) }
    }
  }
}
