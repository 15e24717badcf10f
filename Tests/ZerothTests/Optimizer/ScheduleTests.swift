import Foundation
import Testing
import Zeroth
import ZerothTestKit

@Suite struct ScheduleTests {
  @Test func constant() {
    let rate: Schedule = 0.25
    #expect([0, 1, 1000].map { rate(at: $0) } == [0.25, 0.25, 0.25])
    #expect((0..<6).map { Schedule(0.4, warmup: 4)(at: $0) } == [0.1, 0.2, 0.4 * 3 / 4, 0.4, 0.4, 0.4])
  }

  @Test func linear() {
    let rate = Schedule(1, .linear, steps: 12, warmup: 2, final: 0.2)
    #expect(rate(at: 0) == 0.5 && rate(at: 1) == 1 && rate(at: 2) == 1)
    for t in 2..<12 { #expect(abs(rate(at: t) - (0.2 + 0.8 * (1 - Double(t - 2) / 10))) < 1e-15) }
    for t in [12, 13, 500] { #expect(abs(rate(at: t) - 0.2) < 1e-15) }
  }

  @Test func cosine() {
    let rate = Schedule(2, .cosine, steps: 8, final: 0.1)
    for t in 0..<8 { #expect(abs(rate(at: t) - 2 * (0.1 + 0.45 * (1 + cos(.pi * Double(t) / 8)))) < 1e-15) }
    #expect(abs(rate(at: 100) - 0.2) < 1e-15)
  }

  @Test func wrongOptions() throws {
    let wrong: [Schedule] = [
      Schedule(-1), Schedule(.nan), Schedule(1, warmup: -1), Schedule(1, .linear, steps: 0),
      Schedule(1, .cosine, steps: 5, warmup: 5), Schedule(1, .linear, steps: 5, final: 1.5),
      Schedule(1, .linear, steps: 5, final: -0.1),
    ]
    for rate in wrong {
      #expect(throws: InputError.self) { try SGD<DenseDirection>(learningRate: rate).validate(.small) }
      #expect(throws: InputError.self) { try Momentum<DenseDirection>(learningRate: rate).validate(.small) }
      #expect(throws: InputError.self) { try LowRankMomentum<LowRankProbe>(learningRate: rate).validate(.small) }
    }
    try SGD<DenseDirection>(learningRate: 0.0).validate(.small)
  }

  @Test func inverseSquareRoot() {
    let rate = Schedule(0.4, .inverseSquareRoot, warmup: 4)
    #expect((0..<4).map { rate(at: $0) } == [0.1, 0.2, 0.4 * 3 / 4, 0.4])
    for t in 4..<100 { #expect(abs(rate(at: t) - 0.4 * (4 / Double(t + 1)).squareRoot()) < 1e-15) }
  }

  @Test func drops() {
    let rate = Schedule(2, .steps, warmup: 2, drops: [.init(at: 3, by: 0.5), .init(at: 5, by: 0.1)])
    #expect((0..<7).map { rate(at: $0) } == [1, 2, 2, 1, 1, 0.1, 0.1])
  }

  @Test func functionsAndCounts() {
    let queries = Schedule { $0 < 3 ? 1 : 7.6 }
    #expect((0..<5).map { queries.count(at: $0) } == [1, 1, 1, 8, 8])
    #expect(Schedule(0.2).count(at: 0) == 1 && !queries.isConstant && Schedule(4).isConstant)
    #expect(Schedule(-1, .linear, steps: 3).count(at: 2) == 1)
  }

  /// What is printed reads back as the same, and what is no schedule is none.
  @Test func texts() throws {
    for text in [
      "0.001", "cosine(0.001, final=0.1, steps=100, warmup=10)", "linear(8.0, steps=50)", "inverse-sqrt(0.5, warmup=3)",
      "steps(2.0, 10=0.5, 20=0.1)", "constant(0.5, warmup=9)",
    ] {
      let schedule = try #require(Schedule(parsing: text))
      #expect(schedule.description == text)
    }
    let open = try #require(Schedule(parsing: "cosine(1, final=0.5)", length: 40))
    #expect(open.steps == 40 && open.final == 0.5)
    for text in [
      "", "cosine", "cosine()", "cosine(x)", "cosine(1", "sine(1)", "cosine(1, final)", "cosine(1, steps=1.5)",
      "cosine(1, steps=3, steps=4)", "steps(1)", "steps(1, 5=2, 5=3)", "steps(1, 6=2, 5=3)", "linear(1, 5=2)",
      "inverse-sqrt(1, steps=5)", "steps(1, -3=2)", "linear(1,,steps=3)",
    ] { #expect(Schedule(parsing: text) == nil, "\(text)") }
  }

  @Test func epsilonAndQueriesOutOfRange() {
    for estimator in [
      RandomizedEstimator(epsilon: 0), RandomizedEstimator(queries: 0), RandomizedEstimator(queries: 2.5),
      RandomizedEstimator(epsilon: Schedule(1e-3, .linear, steps: 10)),
      RandomizedEstimator(queries: Schedule(8, .steps, drops: [.init(at: 4, by: 0.01)])),
    ] { #expect(throws: InputError.self) { try estimator.validate(.small) } }
  }
}
