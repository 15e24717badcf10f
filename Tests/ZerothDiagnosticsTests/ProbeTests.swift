import Foundation
import Testing
import Zeroth
import ZerothStrategies
import ZerothTestKit

@testable import ZerothDiagnostics

/// Learning rates and epsilons that are measured, against those of objectives of which they are known.
@Suite struct ProbeTests {
  /// f = 1/2 sum_i theta_i, whose gradient is 1/2 everywhere.
  private let linear = FunctionObjective { linearLoss($0) }

  private func probe(
    _ estimator: String, _ options: [String: OptionValue] = [:], on objective: some Objective,
    rule: Composition.Part = .init("sgd"), count: Int = 512
  ) throws -> RateProbe {
    var rule = rule
    rule.options["learning-rate"] = 1e-6
    return try RateProbe(
      at: point(), on: objective, epsilon: 1e-2, trialRate: 1e-6, step: 3, key: StreamKey(seed: 5), count: count
    ) {
      try Registry.standard.makeOptimizer(
        Composition(estimator: .init(estimator, options), rule: rule), runSteps: 100)
    }
  }

  private func isNear(_ found: Double?, _ expected: Double, within part: Double) -> Bool {
    found.map { abs($0 / expected - 1) < part } ?? false
  }

  /// u = c z with c = g^T z and a normal z: E u_i^2 = ||g||^2 + 2 g_i^2.
  @Test func theRateOfOneDirectionIsThatOfTheFormula() throws {
    let d = Double(twoLayers.trainableCount)
    let probe = try probe("rge", on: linear)
    // Two digits are proposed, and c^2 of 512 directions is off by about sqrt(2 / 512).
    #expect(
      isNear(probe.learningRate, RateProbe.part * 1e-2 / (0.25 * (d + 2)).squareRoot(), within: 0.1), "\(probe.words)")
    #expect(probe.updates == 512 && probe.forwards == 1024 && probe.words.hasPrefix("learning rate "))
  }

  /// The mean of q directions is shorter: E u_i^2 = (||g||^2 + 2 g_i^2) / q + (1 - 1/q) g_i^2.
  @Test func moreQueriesGiveALargerRate() throws {
    let d = Double(twoLayers.trainableCount)
    let probe = try probe("rge", ["queries": 4], on: linear)
    let square = 0.25 * (d + 2) / 4 + 0.75 * 0.25
    #expect(isNear(probe.learningRate, RateProbe.part * 1e-2 / square.squareRoot(), within: 0.1), "\(probe.words)")
  }

  /// A first update of Adam without a memory is +-1 everywhere.
  @Test func theRateIsThatOfTheRule() throws {
    let probe = try probe("rge", on: linear, rule: .init("adam", ["beta": 0]), count: 2)
    #expect(isNear(probe.learningRate, RateProbe.part * 1e-2, within: 0.02), "\(probe.words)")
  }

  @Test func nothingIsProposedWhereNothingIsSeen() throws {
    let flat = try probe("rge", on: FunctionObjective { _ in 1 }, count: 2)
    #expect(flat.learningRate == nil && flat.words == "no loss differs at this epsilon")
    let broken = try probe("rge", on: FunctionObjective { _ in .nan }, count: 2)
    #expect(broken.learningRate == nil && broken.words == "no update is finite at this epsilon")
  }

  /// Losses in steps of 1e-6 beside a cubic: what is proposed is a slope to about the limit, and the next larger epsilon is none.
  @Test func epsilonIsTheLargestThatGivesSlopes() throws {
    let objective = CoarseCubic()
    let probe = try EpsilonProbe(
      at: point(), on: objective, step: 0, key: StreamKey(seed: 6), directions: 64
    ) { epsilon in try optimizer("rge", ["epsilon": .double(epsilon)]) }
    #expect(probe.points.count == EpsilonProbe.grid.count - 1)
    let epsilon = try #require(probe.epsilon)
    // The error of a difference against the exact slope, at each epsilon of the grid. A neighbour shows 0.9 of a truncation.
    let curve = try EpsilonCurve(at: place(optimizer("rge")), point(), on: objective, directions: 64) { epsilon in
      try optimizer("rge", ["epsilon": .double(epsilon)])
    }
    let errors = curve.points.filter { $0.epsilon > 0.9 * epsilon }.map(\.error)
    #expect(errors[0] < 1.5 * EpsilonProbe.limit && errors.dropFirst().allSatisfy { $0 > EpsilonProbe.limit })
    #expect(epsilon > 1e-4 && epsilon <= 0.1, "\(probe.words); \(curve.points)")
  }

  /// CGE's direction holds the differences, so their norm is compared: a cubic shows its truncation there too. A difference
  /// at eps is off by about eps^2 / 3 of the slope where |theta_i| is about 1, and theta_i reaches from 0.3 to 1.3.
  @Test func differencesInsideADirectionCount() throws {
    let probe = try EpsilonProbe(
      at: point(), on: NoisyQuadratic(cubic: 100), step: 0, key: StreamKey(seed: 6), directions: 4
    ) { epsilon in try optimizer("cge", ["epsilon": .double(epsilon), "coordinates": 3]) }
    let last = try #require(probe.points.last?.change)
    #expect(last > 1e-3 && last < 0.04, "\(probe.points)")
  }

  /// Steps that a momentum makes longer get a lower rate.
  @Test func aGainLowersTheRate() throws {
    func probe(_ gain: Double) throws -> RateProbe {
      try RateProbe(
        at: point(), on: linear, epsilon: 1e-2, trialRate: 1e-6, gain: gain, step: 0, key: StreamKey(seed: 5), count: 2
      ) { try optimizer("rge") }
    }
    let (one, ten) = (try probe(1).updateSize, try probe(10).updateSize)
    #expect(abs(ten / one - 10) < 1e-9)
  }

  /// A loss in steps has no slope at any epsilon.
  @Test func stepsHaveNoEpsilon() throws {
    let probe = try EpsilonProbe(
      at: point(), on: FunctionObjective { theta in (3 * linearLoss(theta)).rounded() }, step: 0,
      key: StreamKey(seed: 6), directions: 16
    ) { epsilon in try optimizer("rge", ["epsilon": .double(epsilon)]) }
    #expect(probe.epsilon == nil && probe.words.contains("change by"), "\(probe.words)")
  }
}

/// 1/2 sum_i theta_i.
private func linearLoss(_ theta: borrowing ParameterStore) -> Double {
  theta.layout.blocks.reduce(0) { sum, block in theta.values(of: block).reduce(sum) { $0 + 0.5 * Double($1) } }
}

/// The cubic of `NoisyQuadratic`, whose loss is told in steps of 1e-6.
private struct CoarseCubic: DifferentiableObjective {
  let base = NoisyQuadratic(cubic: 1)

  func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double {
    (base.loss(at: theta, on: batch) * 1e6).rounded() / 1e6
  }

  func gradient(at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector) -> Double {
    base.gradient(at: theta, on: batch, into: &gradient)
  }
}
