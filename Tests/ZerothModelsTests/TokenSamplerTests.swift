import Foundation
import TestSupport
import Testing
import Zeroth

@testable import ZerothModels

@Suite struct TokenSamplerTests {
  private static let logits = [0.5, 2.0, -1.0, 2.0, 1.0, -.infinity]

  private func counts(_ temperature: Double, _ topP: Double, draws: Int = 20_000) throws -> [Double] {
    let sampler = try TokenSampler(temperature: temperature, topP: topP, StreamKey(seed: 5))
    var counts = [Double](repeating: 0, count: Self.logits.count)
    for _ in 0..<draws { counts[sampler.next(Self.logits[...])] += 1 }
    return counts.map { $0 / Double(draws) }
  }

  @Test func withoutATemperatureTheFirstOfTheLargestIsChosen() throws {
    #expect(try counts(0, 1, draws: 10)[1] == 1)
    #expect(try TokenSampler(StreamKey(seed: 1)).next([9, 9, 1, 3, 2][2...]) == 1, "places count from the first")
  }

  /// Frequencies are softmax(logits / T) to five standard deviations of a count.
  @Test(arguments: [0.5, 1, 2]) func temperaturesAreThoseOfTheSoftmax(temperature: Double) throws {
    let weights = Self.logits.map { exp($0 / temperature) }
    let found = try counts(temperature, 1)
    for (place, weight) in weights.enumerated() {
      let p = weight / weights.reduce(0, +)
      #expect(abs(found[place] - p) <= 5 * (p * (1 - p) / 20_000).squareRoot(), "\(place): \(found[place]) of \(p)")
    }
  }

  @Test func theNucleusHoldsAsFewAsReachThePart() throws {
    let weights = Self.logits.map(exp)
    let total = weights.reduce(0, +)
    // Places 1 and 3 are equal: the first alone reaches its own part, both together the next.
    let one = try counts(1, weights[1] / total * 0.99)
    #expect(one[1] == 1)
    let two = try counts(1, weights[1] / total * 1.5)
    #expect(two[1] + two[3] == 1 && abs(two[1] - 0.5) < 0.02)
    let three = try counts(1, (2 * weights[1] + 0.5 * weights[4]) / total)
    #expect(three[4] > 0 && three[0] == 0 && three[2] == 0)
  }

  @Test func sameKeySameTokens() throws {
    func tokens(_ seed: UInt64) throws -> [Int] {
      let sampler = try TokenSampler(temperature: 1, StreamKey(seed: seed))
      return (0..<50).map { _ in sampler.next(Self.logits[...]) }
    }
    #expect(try tokens(1) == tokens(1) && tokens(1) != tokens(2))
    for (temperature, topP) in [(-1.0, 1.0), (.nan, 1), (.infinity, 1), (1, 0), (1, 1.5), (1, .nan)] {
      #expect(throws: InputError.self) { try TokenSampler(temperature: temperature, topP: topP, StreamKey(seed: 1)) }
    }
  }

  /// At temperature 0 generation is the greedy one, and the stop is asked after each token.
  @Test func generationWithASamplerIsTheSameGeneration() throws {
    let model = try MadeModels.make(MadeModels.configurations.keys.sorted()[0])
    let theta = GenerationTests().parameters(model)
    let sampler = try TokenSampler(StreamKey(seed: 1))
    let greedy = try #require(try model.generateGreedily([3, 14, 15], count: 12, at: theta))
    #expect(try model.generate([3, 14, 15], count: 12, at: theta, by: sampler) == greedy)
    var seen: [Int] = []
    let stopped = try model.generate([3, 14, 15], count: 12, at: theta, by: sampler) { generated in
      seen.append(generated.count)
      return generated.count == 4
    }
    #expect(stopped == Array(greedy.prefix(4)) && seen == [1, 2, 3, 4])
  }
}
