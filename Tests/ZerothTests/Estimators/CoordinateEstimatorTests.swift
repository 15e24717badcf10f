import Testing
import Zeroth
import ZerothTestKit

@Suite struct CoordinateEstimatorTests {
  private func estimate(
    _ cge: CoordinateEstimator, _ objective: some AnalyticObjective, _ layout: ParameterLayout? = nil, step: Int = 0
  ) -> [Double] {
    var cge = cge
    let layout = layout ?? objective.layout
    var theta = ParameterStore(layout)
    let start = objective.start()
    for block in layout.blocks { theta.fill(block, with: start.values(of: block)) }
    let context = StepContext(step: step, runKey: StreamKey(seed: 7), layout: layout)
    return cge.estimate(at: theta, context: context, objective: objective).flattened(in: layout)
  }

  /// The error falls with eps^2: by 4 when eps halves.
  @Test func equalsTheGradient() {
    let rosenbrock = Rosenbrock()
    let gradient = rosenbrock.gradient(at: rosenbrock.start(), on: Batch(step: 0))
    func error(_ eps: Double) -> Double {
      norm(zip(estimate(CoordinateEstimator(epsilon: Schedule(eps)), rosenbrock), gradient).map { $0 - $1 })
    }
    #expect((3.9...4.1).contains(error(0.1) / error(0.05)))
    #expect(error(1e-2) < 1e-3 * norm(gradient))
  }

  /// The analytic objectives' own gradients, which the other tests lean on.
  @Test func gradientsOfTheAnalyticObjectives() {
    let objectives: [any AnalyticObjective] = [Quadratic(), Rosenbrock(), LogisticRegression(), SmallNetwork()]
    for objective in objectives {
      let gradient = objective.gradient(at: objective.start(), on: Batch(step: 0))
      let found = estimate(CoordinateEstimator(epsilon: 3e-3), objective)
      #expect(norm(zip(found, gradient).map { $0 - $1 }) < 2e-3 * norm(gradient), "\(objective.self)")
    }
  }

  @Test func chosenCoordinates() {
    let quadratic = Quadratic()
    let gradient = quadratic.gradient(at: quadratic.start(), on: Batch(step: 0))
    let found = estimate(
      CoordinateEstimator(.chosen([.init(block: 0, element: 3), .init(block: 2, element: 1)])), quadratic)
    for i in found.indices {
      if i == 3 || i == 26 {
        #expect(abs(found[i] - gradient[i]) < 1e-3)
      } else {
        #expect(found[i] == 0)
      }
    }
  }

  /// |S| different coordinates, scaled by d/|S|; others at the next step; all of them when |S| = d.
  @Test func randomCoordinates() {
    let quadratic = Quadratic()
    let gradient = quadratic.gradient(at: quadratic.start(), on: Batch(step: 0))
    let found = estimate(CoordinateEstimator(.random(20)), quadratic)
    #expect(found.count { $0 != 0 } == 20)
    for (a, b) in zip(found, gradient) where a != 0 { #expect(abs(a * 20 / 62 - b) < 1e-3) }
    #expect(estimate(CoordinateEstimator(.random(20)), quadratic, step: 1).map { $0 == 0 } != found.map { $0 == 0 })
    let all = estimate(CoordinateEstimator(.random(62)), quadratic)
    #expect(norm(zip(all, gradient).map { $0 - $1 }) < 1e-2)
  }

  /// Each coordinate is drawn equally often.
  @Test func randomCoordinatesAreEven() {
    let layout = ParameterLayout.made([.init("a", rows: 3), .init("b", rows: 2, columns: 2)])
    let quadratic = Quadratic(layout)
    var counts = [Int](repeating: 0, count: 7)
    for step in 0..<3500 {
      for (i, value) in estimate(CoordinateEstimator(.random(2)), quadratic, step: step).enumerated() where value != 0 {
        counts[i] += 1
      }
    }
    for count in counts { #expect(abs(count - 1000) < 130) }
  }

  @Test func frozenCoordinatesAreLeftOut() throws {
    let quadratic = Quadratic()
    let layout = try quadratic.layout.training(only: .vectors)
    let found = estimate(CoordinateEstimator(), quadratic, layout)
    #expect(found.count { $0 != 0 } == 9)
    #expect(CoordinateEstimator().forwards(at: 0, in: layout) == 18)
    #expect(throws: InputError.self) {
      try CoordinateEstimator(.chosen([.init(block: 0, element: 0)])).validate(layout)
    }
  }

  @Test func wrongOptions() throws {
    #expect(throws: InputError.self) { try CoordinateEstimator(epsilon: 0).validate(.small) }
    for count in [0, 63] {
      #expect(throws: InputError.self) { try CoordinateEstimator(.random(count)).validate(.small) }
    }
    let wrong: [[CoordinateDirection.Coordinate]] = [
      [], [.init(block: 0, element: 20)], [.init(block: 5, element: 0)], [.init(block: 0, element: -1)],
      [.init(block: 1, element: 1), .init(block: 1, element: 1)],
    ]
    for chosen in wrong {
      #expect(throws: InputError.self) { try CoordinateEstimator(.chosen(chosen)).validate(.small) }
    }
  }
}
