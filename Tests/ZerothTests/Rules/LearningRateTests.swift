import Foundation
import Testing
import Zeroth
import ZerothTestKit

@Suite struct LearningRateTests {
  @Test func constant() {
    let rate: LearningRate = 0.25
    #expect([0, 1, 1000].map { rate(at: $0) } == [0.25, 0.25, 0.25])
    #expect((0..<6).map { LearningRate(0.4, warmup: 4)(at: $0) } == [0.1, 0.2, 0.4 * 3 / 4, 0.4, 0.4, 0.4])
  }

  @Test func linear() {
    let rate = LearningRate(1, schedule: .linear, steps: 12, warmup: 2, final: 0.2)
    #expect(rate(at: 0) == 0.5 && rate(at: 1) == 1 && rate(at: 2) == 1)
    for t in 2..<12 { #expect(abs(rate(at: t) - (0.2 + 0.8 * (1 - Double(t - 2) / 10))) < 1e-15) }
    for t in [12, 13, 500] { #expect(abs(rate(at: t) - 0.2) < 1e-15) }
  }

  @Test func cosine() {
    let rate = LearningRate(2, schedule: .cosine, steps: 8, final: 0.1)
    for t in 0..<8 { #expect(abs(rate(at: t) - 2 * (0.1 + 0.45 * (1 + cos(.pi * Double(t) / 8)))) < 1e-15) }
    #expect(abs(rate(at: 100) - 0.2) < 1e-15)
  }

  @Test func wrongOptions() throws {
    let wrong: [LearningRate] = [
      LearningRate(-1), LearningRate(.nan), LearningRate(1, warmup: -1), LearningRate(1, schedule: .linear, steps: 0),
      LearningRate(1, schedule: .cosine, steps: 5, warmup: 5), LearningRate(1, schedule: .linear, steps: 5, final: 1.5),
      LearningRate(1, schedule: .linear, steps: 5, final: -0.1),
    ]
    for rate in wrong {
      #expect(throws: InputError.self) { try SGD<DenseDirection>(learningRate: rate).validate(.small) }
      #expect(throws: InputError.self) { try Momentum<DenseDirection>(learningRate: rate).validate(.small) }
      #expect(throws: InputError.self) { try LowRankMomentum<LowRankProbe>(learningRate: rate).validate(.small) }
    }
    try SGD<DenseDirection>(learningRate: 0.0).validate(.small)
  }
}
