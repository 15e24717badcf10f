import CZeroth
import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothTestKit

/// Matrices that are never written, with the factors beside them, against matrices that are.
@Suite struct FrozenBaseTests {
  /// Memory that blocks lie in.
  final class Memory: Sendable {
    nonisolated(unsafe) let start: UnsafeMutablePointer<Float>
    let count: Int
    init(of theta: borrowing ParameterStore) {
      let values = Self.all(theta)
      count = values.count
      start = .allocate(capacity: count)
      start.initialize(from: values, count: count)
    }
    private static func all(_ theta: borrowing ParameterStore) -> [Float] {
      var values: [Float] = []
      for block in theta.layout.blocks { values += theta.values(of: block) }
      return values
    }
    deinit { start.deallocate() }
    var values: [Float] { Array(UnsafeBufferPointer(start: start, count: count)) }
  }

  /// A store with the values of `theta` whose matrices are a base, in memory of its own or in `memory`, which has them.
  static func base(
    _ theta: borrowing ParameterStore, in memory: Memory? = nil, limit: DeltaRank = .unlimited
  ) -> ParameterStore {
    let memory = memory ?? Memory(of: theta)
    var places: [Int: StoredBlocks.Place] = [:]
    var first = 0
    for block in theta.layout.blocks {
      if block.isMatrix { places[block.index] = .init(UnsafeRawPointer(memory.start + first), .float32) }
      first += block.count
    }
    var store = ParameterStore(theta.layout, base: StoredBlocks(places, owner: memory), limit: limit)
    for block in theta.layout.blocks where !block.isMatrix { store.fill(block, with: theta.values(of: block)) }
    return store
  }

  static let quadratic = Quadratic()
  static let estimator = LowRankEstimator(rank: 2, interval: 3)
  static let projection = DivergenceProjection(.paper, blocks: .matrices, every: 4)

  /// Runs both, and compares losses to 1e-4 and parameters to 2e-5: the roundings of 40 steps in fp32 were found to differ by
  /// 1.2e-5 at most, with DiZO's ten moves.
  func expectSameRun(_ optimizer: some OptimizerProtocol, steps: Int = 40) throws {
    var plain = Self.quadratic.start()
    let memory = Memory(of: plain)
    var frozen = Self.base(plain, in: memory)
    let before = memory.values
    var (a, b) = (optimizer, optimizer)
    for step in 0..<steps {
      let (x, y) = (try a.step(&plain, Self.quadratic), try b.step(&frozen, Self.quadratic))
      #expect(zip(x.losses, y.losses).allSatisfy { abs($0 - $1) <= 1e-4 * abs($0) }, "step \(step)")
    }
    let worst = zip(plain.flattened(), frozen.flattened()).map { abs($0 - $1) }.max() ?? .infinity
    #expect(worst < 2e-5, "\(worst), \(optimizer)")
    #expect(memory.values == before, "the base keeps every bit")
    #expect(frozen.flattened() != Self.quadratic.start().flattened())
    let found = frozen.deltaSummary()
    let summary = try #require(found)
    #expect(summary.compressions == 0 && summary.discarded == 0 && summary.energy > 0)
    #expect(plain.deltaSummary() == nil)
  }

  @Test func lozoIsTheSame() throws {
    try expectSameRun(Optimizer(estimator: Self.estimator, rule: SGD(learningRate: 0.02), seed: 3))
  }

  @Test(arguments: LowRankMomentum<LowRankProbe>.Refresh.allCases)
  func lozoMIsTheSame(refresh: LowRankMomentum<LowRankProbe>.Refresh) throws {
    try expectSameRun(
      Optimizer(
        estimator: Self.estimator, rule: LowRankMomentum(learningRate: 0.02, beta: 0.7, refresh: refresh), seed: 3))
  }

  @Test func adaptersAreTheSame() throws {
    try expectSameRun(
      Optimizer(
        estimator: Self.estimator, rule: SGD(learningRate: 0.02),
        adapter: DivergenceProjection(.paper, blocks: .all, every: 4), seed: 3))
    try expectSameRun(
      Optimizer(
        estimator: Self.estimator, rule: SGD(learningRate: 0.02),
        adapter: DivergenceProjection(.released, blocks: .matrices, every: 5), seed: 3))
    try expectSameRun(
      Optimizer(
        estimator: Self.estimator, rule: SGD(learningRate: 0.02),
        adapter: PreviousIterateProjection(blocks: .all, every: 2), seed: 3))
    try expectSameRun(
      Optimizer(
        estimator: Self.estimator, rule: SGD(learningRate: 0.02), adapter: LearningRateScaling(blocks: .all, every: 2),
        seed: 3))
  }

  /// DiZO keeps no second copy of matrices.
  @Test func theAnchorHasVectorsAlone() throws {
    var theta = Self.base(Self.quadratic.start())
    var optimizer = Optimizer(
      estimator: Self.estimator, rule: SGD(learningRate: 0.02),
      adapter: DivergenceProjection(.paper, blocks: .all, every: 4), seed: 3)
    try optimizer.step(&theta, Self.quadratic)
    let vectors = theta.layout.blocks.filter { !$0.isMatrix }
    #expect(optimizer.stateCount == vectors.reduce(0) { $0 + $1.count })
  }

  // MARK: - Compression

  /// Orthonormal columns, from the discrete cosine transform.
  func cosines(_ rows: Int, _ columns: Int) -> [[Float]] {
    (1...columns).map { k in
      (0..<rows).map {
        Float((2.0 / Double(rows)).squareRoot() * cos(Double.pi * Double(k) * (Double($0) + 0.5) / Double(rows)))
      }
    }
  }

  /// A sum with known singular values loses the smallest of them, and no more.
  @Test func compressionKeepsTheLargestSingularValues() throws {
    let (m, n) = (31, 23)
    let sizes: [Float] = [5, 3, 2, 1, 0.5, 0.25, 0.125]
    let (u, v) = (cosines(m, sizes.count), cosines(n, sizes.count))
    // Mixed by an invertible matrix, so that no pair has the singular vectors as its columns.
    let r = sizes.count
    func mix(_ i: Int, _ j: Int) -> Float { i == j ? 1 : i > j ? 0.3 : 0 }
    var left = [Float](repeating: 0, count: m * r)
    for i in 0..<m { for q in 0..<r { left[i * r + q] = (0..<r).reduce(0) { $0 + sizes[$1] * u[$1][i] * mix($1, q) } } }
    // V times the inverse transpose of the mixing: solved column by column, as it is lower triangular.
    var right = [Float](repeating: 0, count: r * n)
    for j in 0..<n {
      for i in 0..<r {
        right[i * n + j] = v[i][j] - (0..<i).reduce(0) { $0 + mix(i, $1) * right[$1 * n + j] }
      }
    }
    for most in 1...r {
      var (newLeft, newRight) = ([Float](repeating: 0, count: m * most), [Float](repeating: 0, count: most * n))
      var lost = 0.0
      let kept = zeroth_compress_factors(m, n, r, left, right, most, &newLeft, &newRight, &lost)
      #expect(kept == most)
      let tail = sizes.dropFirst(most).reduce(0.0) { $0 + Double($1) * Double($1) }
      #expect(abs(lost - tail) < 1e-5)
      var worst: Float = 0
      for i in 0..<m {
        for j in 0..<n {
          let expected = (0..<most).reduce(Float(0)) { $0 + sizes[$1] * u[$1][i] * v[$1][j] }
          let found = (0..<most).reduce(Float(0)) { $0 + newLeft[i * most + $1] * newRight[$1 * n + j] }
          worst = max(worst, abs(expected - found))
        }
      }
      #expect(worst < 2e-5, "rank \(most)")
    }
    let energy = sizes.reduce(0.0) { $0 + Double($1) * Double($1) }
    #expect(abs(zeroth_factor_energy(m, n, r, left, right) - energy) < 1e-4)
    let isas = (1...3).map { _ in zeroth_factor_energy(m, n, r, left, right).bitPattern }
    #expect(Set(isas).count == 1)
  }

  /// More columns than a side has are exactly as many as the side has.
  @Test func compressionToTheSmallerSideLosesNothing() {
    let (m, n, r) = (4, 9, 12)
    let left = (0..<(m * r)).map { Float(($0 * 37 % 19) - 9) }
    let right = (0..<(r * n)).map { Float(($0 * 53 % 23) - 11) }
    var (newLeft, newRight, lost) = ([Float](repeating: 0, count: m * m), [Float](repeating: 0, count: m * n), 0.0)
    let kept = Int(zeroth_compress_factors(m, n, r, left, right, m, &newLeft, &newRight, &lost))
    #expect(kept == m && lost < 1e-9)
    for i in 0..<m {
      for j in 0..<n {
        let expected = (0..<r).reduce(Float(0)) { $0 + left[i * r + $1] * right[$1 * n + j] }
        let found = (0..<kept).reduce(Float(0)) { $0 + newLeft[i * kept + $1] * newRight[$1 * n + j] }
        #expect(abs(expected - found) < 1e-3)
      }
    }
  }

  @Test(arguments: [1, 2, 5]) func theRankStaysWithinItsLimit(limit: Int) throws {
    let layout = try ParameterLayout([.init("w", rows: 24, columns: 17), .init("v", rows: 9)])
    let objective = Quadratic(layout)
    let memory = Memory(of: objective.start())
    var theta = Self.base(objective.start(), in: memory, limit: .limit(limit))
    let before = memory.values
    var optimizer = Optimizer(estimator: LowRankEstimator(rank: 2, interval: 3), rule: SGD(learningRate: 0.01), seed: 1)
    let first = try optimizer.step(&theta, objective).meanLoss
    var last = first
    for _ in 0..<60 {
      last = try optimizer.step(&theta, objective).meanLoss
      let kept = theta.stored().kept(of: layout.blocks[0])?.rank ?? 0
      #expect(kept <= limit)
    }
    let found = theta.deltaSummary()
    let summary = try #require(found)
    #expect(summary.compressions > 0 && summary.discarded > 0 && summary.largestRank <= limit + 2)
    #expect(memory.values == before)
    // What a sum of one or two columns leaves out is more than it gains.
    if limit == 5 { #expect(last < first) }
  }

  // MARK: - State

  @Test(arguments: [DeltaRank.unlimited, .limit(3)]) func goesOnBitForBit(limit: DeltaRank) throws {
    try withFolder { folder in
      let path = folder + "/state"
      func fresh() -> ParameterStore { Self.base(Self.quadratic.start(), limit: limit) }
      let made = Optimizer(
        estimator: Self.estimator, rule: LowRankMomentum(learningRate: 0.02, beta: 0.5), adapter: Self.projection,
        seed: 3)
      var whole = fresh()
      var optimizer = made
      for step in 0..<24 {
        if [0, 1, 7, 12].contains(step) {
          try optimizer.save(whole, to: path)
          var theta = fresh()
          var restored = made
          try restored.restore(&theta, from: path)
          var copy = whole.copyAsStored()
          var going = optimizer
          for _ in 0..<8 {
            let (a, b) = (try going.step(&copy, Self.quadratic), try restored.step(&theta, Self.quadratic))
            #expect(a.losses.map(\.bitPattern) == b.losses.map(\.bitPattern))
          }
          #expect(copy.contentHash() == theta.contentHash() && copy.flattened() == theta.flattened())
        }
        try optimizer.step(&whole, Self.quadratic)
      }
      // A state of matrices that are written does not fit.
      var plain = Self.quadratic.start()
      var other = made
      #expect(inputError { try other.restore(&plain, from: path) } != nil)
    }
  }

  @Test func theNumberOfThreadsChangesNothing() throws {
    let hashes = try [1, 2, 3].map { count in
      try withThreads(count) {
        var theta = Self.base(Self.quadratic.start(), limit: .limit(2))
        var optimizer = Optimizer(estimator: Self.estimator, rule: SGD(learningRate: 0.02), seed: 3)
        for _ in 0..<20 { try optimizer.step(&theta, Self.quadratic) }
        return theta.contentHash()
      }
    }
    #expect(Set(hashes).count == 1)
  }

  // MARK: - What is refused

  @Test func otherCompositionsAreRefused() throws {
    func refusal(_ optimizer: some OptimizerProtocol) -> InputError? {
      var theta = Self.base(Self.quadratic.start())
      var optimizer = optimizer
      let error = inputError { try optimizer.requireFactors() }
      #expect(inputError { try optimizer.step(&theta, Self.quadratic) } == error)
      return error
    }
    let dense = refusal(Optimizer(estimator: RandomizedEstimator(), rule: SGD(learningRate: 1), seed: 1))
    #expect(dense?.found.contains("RandomizedEstimator, whose directions have no factors") == true)
    let momentum = refusal(Optimizer(estimator: Self.estimator, rule: Momentum(learningRate: 1), seed: 1))
    #expect(momentum?.found.contains("Momentum, whose updates have no factors") == true)
    let decay = refusal(
      Optimizer(estimator: Self.estimator, rule: SGD(learningRate: 1, weightDecay: 0.1), seed: 1))
    #expect(decay?.found == "a weight decay of 0.1")
    let adapter = refusal(
      Optimizer(estimator: Self.estimator, rule: SGD(learningRate: 1), adapter: Writer(), seed: 1))
    #expect(adapter?.found.contains("Writer, which may write weights") == true)
  }

  /// An adapter that says nothing of how it moves theta.
  struct Writer: LayerAdapter {}
}
