import TestSupport
import Testing
import Zeroth
import ZerothTestKit

@testable import ZerothModels

/// Generation at many points together, against generation at each of them alone, by weights that were moved there.
@Suite struct PointDecodingTests {
  static let names = MadeModels.configurations.keys.sorted()
  static let prompts = GenerationTests.prompts

  /// What is generated at a copy of theta that is moved to each point.
  private func alone(
    _ model: CausalModel, _ points: Points, _ count: Int, _ theta: borrowing ParameterStore,
    stop: ([Int]) -> Bool = { _ in false }
  ) throws -> [[[Int]?]] {
    try points.indices.map { i in
      var moved = theta.clone()
      if let direction = points.direction(of: i) { moved.add(direction, scale: points[i].offset) }
      return try model.generateGreedily(Self.prompts, count: count, at: moved, stop: stop)
    }
  }

  /// Points far apart, so that what is generated differs from point to point.
  private func points(_ kind: PointTests.Kind, _ layout: ParameterLayout) -> Points {
    var points = Points()
    for (i, direction) in PointTests.directions(kind, layout).prefix(4).enumerated() {
      points.append(direction, at: i == 2 ? [0, 0.15] : [0.15, -0.15])
    }
    return points
  }

  static let cases = names.flatMap { name in
    [PointTests.Kind.sharedRight, .ownFactors, .gaussian, .mixed].map { (name, $0) }
  }

  @Test(arguments: cases) func equalsEachPointAlone(model name: String, kind: PointTests.Kind) throws {
    let model = try MadeModels.make(name)
    let theta = GenerationTests().parameters(model)
    let points = points(kind, model.layout)
    let expected = try alone(model, points, 12, theta)
    #expect(Set(expected).count > 1, "points say different things")
    #expect(try model.generate(Self.prompts, count: 12, at: points, from: theta) == expected)
    // So little memory that no copy is made, and that points and prompts are cut: dense directions displace each product.
    for memory in [model.layout.storageCount * 4, 60_000, 1] {
      model.activationMemory = memory
      #expect(try model.generate(Self.prompts, count: 12, at: points, from: theta) == expected, "\(memory) bytes")
    }
  }

  /// Rows leave one by one, and points with them: each sequence ends on its own.
  @Test(arguments: names) func sequencesLeaveOnTheirOwn(model name: String) throws {
    let model = try MadeModels.make(name)
    let theta = GenerationTests().parameters(model)
    let points = points(.ownFactors, model.layout)
    let whole = try alone(model, points, 60, theta)
    let stops = Set(
      whole.enumerated().flatMap { p, texts in texts.enumerated().compactMap { $1?.dropFirst(($0 + p) % 5).first } }
        .prefix(6))
    func stop(_ new: [Int]) -> Bool { new.last.map(stops.contains) ?? false }
    let found = try model.generate(Self.prompts, count: 60, at: points, from: theta, stop: stop)
    let expected = whole.map {
      $0.map { tokens in
        tokens.map { Array($0.prefix(($0.firstIndex(where: stops.contains) ?? $0.count) + 1)) }
      }
    }
    #expect(found == expected)
    #expect(Set(found.joined().map { $0?.count }).count > 2, "they end at several places")
    #expect(try model.generate(Self.prompts, count: 0, at: points, from: theta).allSatisfy { $0 == [[], [], [], []] })
    let full = [Int](repeating: 3, count: model.context)
    let last = try model.generate([full, [3]], count: 1, at: points, from: theta)
    #expect(last.allSatisfy { $0.map { $0?.count } == [0, 1] })
  }

  @Test func sameBitsForAnyNumberOfThreads() throws {
    let model = try MadeModels.make("llama")
    let theta = GenerationTests().parameters(model)
    let points = points(.sharedRight, model.layout)
    let choice = try TokenChoice(temperature: 1, topP: 0.9)
    let keys = Self.prompts.indices.map { StreamKey(seed: 3).child(.sampling, $0) }
    let results = try [1, 3].map { threads in
      try withThreads(threads) {
        try model.generate(Self.prompts, count: 20, at: points, from: theta, choosing: choice, keys: keys)
      }
    }
    #expect(results[0] == results[1])
  }

  /// What is drawn is the same at every point, and that of a sampler with the same key.
  @Test func numbersAreCommon() throws {
    let model = try MadeModels.make("qwen3")
    let theta = GenerationTests().parameters(model)
    let choice = try TokenChoice(temperature: 0.8, topP: 0.95)
    let keys = Self.prompts.indices.map { StreamKey(seed: 9).child(.sampling, $0) }
    func draw(_ points: Points, _ keys: [StreamKey]) throws -> [[[Int]?]] {
      try model.generate(Self.prompts, count: 16, at: points, from: theta, choosing: choice, keys: keys)
    }
    let same = try draw(Points(along: nil, at: [0, 0, 0]), keys)
    #expect(same[0] == same[1] && same[1] == same[2])
    #expect(try draw(.theta, keys.map { $0.child(.sampling) })[0] != same[0])
    for (prompt, key) in zip(Self.prompts.indices, keys) {
      let sampler = try TokenSampler(temperature: 0.8, topP: 0.95, key)
      #expect(try model.generate(Self.prompts[prompt], count: 16, at: theta, by: sampler) == same[0][prompt])
    }
    // With a displacement so small that it changes no probability by much, nearly all tokens are the same.
    let probe = LowRankProbe(rank: 2, leftKey: StreamKey(seed: 1), rightKey: StreamKey(seed: 2))
    let near = try draw(Points(along: probe, at: [1e-6, -1e-6]), keys)
    #expect(near[0] == near[1])
  }

  @Test func badPromptsAreErrors() throws {
    let model = try MadeModels.make("opt")
    let theta = GenerationTests().parameters(model)
    for prompt in [[], [101], [-1], [Int](repeating: 3, count: 41)] {
      #expect(throws: InputError.self) { try model.generate([prompt], count: 3, at: .theta, from: theta) }
    }
    #expect(try model.generate([], count: 3, at: .theta, from: theta) == [[]])
  }

  @Test func logitsThatAreNotFiniteEndASequence() throws {
    let model = try MadeModels.make("llama")
    let theta = GenerationTests().parameters(model)
    let probe = LowRankProbe(rank: 2, leftKey: StreamKey(seed: 1), rightKey: StreamKey(seed: 2))
    let found = try model.generate(
      Self.prompts, count: 4, at: Points(along: probe, at: [0.01, .infinity]), from: theta)
    #expect(found[0].allSatisfy { $0?.count == 4 } && found[1].allSatisfy { $0 == nil })
  }

  /// The memory for a sequence decides how many go together, and nothing goes twice or is left out.
  @Test func partsCoverAll() {
    let layout = ParameterLayout.small
    var points = Points()
    for direction in PointTests.directions(.sharedRight, layout) { points.append(direction, at: [1, -1]) }
    func parts(_ limit: Int, _ bytes: [Int] = [10, 20, 30, 40], alone: Bool = false) -> [DecodingParts.Part] {
      DecodingParts(points, bytes: bytes, limit: limit, areAlone: alone, tuning: nil).parts
    }
    #expect(parts(10_000) == [.init(points: 0..<16, prompts: 0..<4)])
    #expect(parts(400).map(\.points) == [0..<4, 4..<8, 8..<12, 12..<16])
    #expect(
      parts(60).prefix(3) == [
        .init(points: 0..<1, prompts: 0..<3), .init(points: 0..<1, prompts: 3..<4),
        .init(points: 1..<2, prompts: 0..<3),
      ])
    for (limit, alone) in [(10_000, true), (1, false)] {
      let all = parts(limit, alone: alone)
      #expect(all.count == 64 && all.allSatisfy { $0.points.count == 1 && $0.prompts.count == 1 })
    }
  }
}
