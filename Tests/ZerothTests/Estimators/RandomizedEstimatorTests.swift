import Testing
import Zeroth
import ZerothTestKit

@Suite struct RandomizedEstimatorTests {
  private let quadratic = Quadratic()

  private func context(_ step: Int = 0) -> StepContext {
    StepContext(step: step, runKey: StreamKey(seed: 5), layout: quadratic.layout)
  }

  /// On a quadratic c is g.z exactly for two sides, and eps/2 z H z more for one.
  @Test func coefficients() throws {
    let theta = quadratic.start()
    let g = quadratic.gradient(at: theta, on: Batch(step: 0))
    for eps in [1e-3, 1e-2] {
      for sides in DifferenceSides.allCases {
        var rge = RandomizedEstimator(epsilon: Schedule(eps), queries: 3, sides: sides)
        let estimate = rge.estimate(at: theta, context: context(), objective: quadratic)
        #expect(estimate.terms.count == 3)
        for term in estimate.terms {
          let z = term.direction.flattened(in: quadratic.layout).map(Double.init)
          let curved = zip(z, quadratic.curvatures).reduce(0) { $0 + $1.0 * $1.0 * $1.1 }
          let c = dot(g, z) + (sides == .one ? eps / 2 * curved : 0)
          #expect(abs(3 * term.coefficient - c) < 2e-3 * abs(c) + 2e-3)
        }
        let mean = estimate.terms.reduce(0) { $0 + $1.coefficient }
        #expect(abs(estimate.projectedGradient - mean) < 1e-12)
      }
    }
  }

  @Test func oneSidedSharesTheLossAtTheta() {
    let theta = quadratic.start()
    var rge = RandomizedEstimator(queries: 4, sides: .one)
    let estimate = rge.estimate(at: theta, context: context(), objective: quadratic)
    #expect(estimate.losses.count == 5)
    #expect(estimate.losses.first == quadratic.loss(at: theta, on: Batch(step: 0)))
  }

  @Test func theSphereHasItsRadius() throws {
    for layout in [ParameterLayout.small, try ParameterLayout.small.training(only: .vectors)] {
      for seed in UInt64(0)..<5 {
        let z = DenseDirection(StreamKey(seed: seed), distribution: .sphere, layout: layout).flattened(in: layout)
        let d = Double(layout.trainableCount)
        #expect(abs(norm(z.map(Double.init)) - d.squareRoot()) < 1e-5 * d.squareRoot())
      }
    }
  }

  @Test func directionsDifferByStepAndQuery() {
    let theta = quadratic.start()
    var rge = RandomizedEstimator(queries: 2)
    let directions = (0..<2).flatMap { step in
      rge.estimate(at: theta, context: context(step), objective: quadratic).terms.map { $0.direction.key.bits }
    }
    #expect(Set(directions).count == 4)
  }

  /// The plain way in place comes to the same estimate, within the rounding of the weights.
  @Test func agreesWithTheWayInPlace() {
    let theta = quadratic.start()
    let reference = InPlaceObjective(quadratic)
    for sides in DifferenceSides.allCases {
      var rge = RandomizedEstimator(queries: 2, sides: sides)
      let fast = rge.estimate(at: theta, context: context(), objective: quadratic)
      let plain = rge.estimate(at: theta, context: context(), objective: reference)
      for (a, b) in zip(fast.terms, plain.terms) { #expect(abs(a.coefficient - b.coefficient) < 2e-3) }
    }
    #expect(reference.drift > 0 && reference.drift < 1e-6)
  }

  @Test func wrongOptions() throws {
    for eps in [0, -1, 1e-300, 1e300, .nan, .infinity] {
      #expect(throws: InputError.self) { try RandomizedEstimator(epsilon: Schedule(eps)).validate(.small) }
    }
    #expect(throws: InputError.self) { try RandomizedEstimator(queries: 0).validate(.small) }
    try RandomizedEstimator().validate(.small)
  }
}
