import Testing
import Zeroth
import ZerothTestKit

/// DiZO's projection, driven by updates made by hand on a quadratic.
@Suite struct DivergenceProjectionTests {
  private let quadratic = Quadratic(.attention(layers: 1, width: 4), largest: 10)
  private var layout: ParameterLayout { quadratic.layout }

  private func block(_ role: BlockRole) -> ParameterBlock {
    layout.blocks.first { $0.role == role } ?? layout.blocks[0]
  }

  /// One projection after an update of 0.1 z (none on the blocks of `still`), from ratios by the formula or the adapter.
  private func project(
    _ adapter: inout DivergenceProjection, _ theta: inout ParameterStore, step: Int = 0, still: Set<BlockRole> = []
  ) -> (before: [Float], after: [Float]) {
    let z = DenseDirection(StreamKey(seed: 9).child(.step, step), layout: layout)
    var scales = BlockScales.ones
    for block in layout.blocks where still.contains(block.role) { scales[block] = 0 }
    let update = AppliedUpdate(WeightedSum([(weight: Float(0.1), direction: z)]), scales: scales)
    theta.add(update, scale: 1)
    let before = theta.flattened()
    _ = adapter.didApply(update, to: &theta, context: context(step), objective: quadratic)
    return (before, theta.flattened())
  }

  private func context(_ step: Int) -> StepContext {
    StepContext(step: step, runKey: StreamKey(seed: 9), layout: layout)
  }

  /// The losses at gamma_l +- eps' u_l, from theta_0 + (gamma_l / ||Delta_l||) Delta_l written out.
  private func searched(
    _ search: RatioSearch, anchor: [Float], theta: [Float], blocks: [ParameterBlock], step: Int
  ) -> [Double] {
    let ranges = blocks.map { layout.flatRanges[$0.index] }
    let norms = ranges.map { range in norm(zip(theta[range], anchor[range]).map { Double($0) - Double($1) }) }
    var gamma = norms
    func loss(_ gamma: [Double]) -> Double {
      var point = theta.map(Double.init)
      for (l, range) in ranges.enumerated() {
        for i in range {
          point[i] = Double(anchor[i]) + gamma[l] / norms[l] * (Double(theta[i]) - Double(anchor[i]))
        }
      }
      return zip(zip(point, quadratic.optimum), quadratic.curvatures).reduce(0) { sum, each in
        sum + 0.5 * each.1 * (each.0.0 - each.0.1) * (each.0.0 - each.0.1)
      }
    }
    for move in 0..<search.moves {
      var stream = RandomStream(context(step).key.child(.ratio, move))
      let u = blocks.map { _ in stream.gaussian() }
      let eps = search.epsilon
      let c = (loss(zip(gamma, u).map { $0 + eps * $1 }) - loss(zip(gamma, u).map { $0 - eps * $1 })) / (2 * eps)
      for l in gamma.indices {
        gamma[l] -= search.learningRate * c * u[l]
        if let tau = search.clip { gamma[l] = min(max(gamma[l], (1 - tau) * norms[l]), (1 + tau) * norms[l]) }
      }
    }
    return zip(gamma, norms).map { $0 / $1 }
  }

  @Test(arguments: [1, 4], [0.2, 0.001, nil]) func equationsOfThePaper(_ moves: Int, _ clip: Double?) throws {
    let search = RatioSearch(moves: moves, learningRate: 0.003, epsilon: 0.05, clip: clip)
    var adapter = DivergenceProjection(blocks: .roles("query", "value"), every: 1, search: search)
    var theta = quadratic.start()
    let anchor = theta.flattened()
    adapter.begin(theta)
    for step in 0..<3 {
      let (before, after) = project(&adapter, &theta, step: step)
      let blocks = try BlockSelection.roles("query", "value").resolve(in: layout)
      let expected = searched(search, anchor: anchor, theta: before, blocks: blocks, step: step)
      #expect(adapter.ratios.count == blocks.count)
      for (block, (found, ratio)) in zip(blocks, zip(adapter.ratios, expected)) {
        #expect(abs(found - ratio) < 1e-4)
        #expect(found != 1)
        for i in layout.flatRanges[block.index] {
          #expect(abs(after[i] - (anchor[i] + Float(found) * (before[i] - anchor[i]))) < 1e-6)
        }
      }
    }
  }

  @Test func clippingIsASwitch() {
    for clip in [0.1, nil] {
      let search = RatioSearch(moves: 3, learningRate: 5, epsilon: 0.05, clip: clip)
      var adapter = DivergenceProjection(blocks: .roles("query", "value"), every: 1, search: search)
      var theta = quadratic.start()
      adapter.begin(theta)
      _ = project(&adapter, &theta)
      let farthest = adapter.ratios.reduce(0) { max($0, abs($1 - 1)) }
      if clip == nil { #expect(farthest > 0.5) } else { #expect(abs(farthest - 0.1) < 1e-12) }
    }
  }

  /// Off, gamma goes on from the projection before; with eta' = 0 that is gamma itself, the length after the first.
  @Test func reinitialisationIsASwitch() {
    for reinitializes in [true, false] {
      let search = RatioSearch(learningRate: 0, epsilon: 0.05, clip: nil)
      var adapter = DivergenceProjection(
        blocks: .roles("query"), every: 1, search: search, reinitializes: reinitializes)
      var theta = quadratic.start()
      let anchor = theta.flattened()
      let range = layout.flatRanges[block("query").index]
      func length(_ values: [Float]) -> Double {
        norm(zip(values[range], anchor[range]).map { Double($0) - Double($1) })
      }
      adapter.begin(theta)
      let first = length(project(&adapter, &theta, step: 0).after)
      let (before, after) = project(&adapter, &theta, step: 1)
      #expect(abs(length(before) - first) > 0.01)
      #expect(abs(length(after) - (reinitializes ? length(before) : first)) < 1e-5)
    }
  }

  /// A step on gamma with eta' and eps' equals one on rho with eta'/||Delta||^2 and eps'/||Delta||.
  @Test func unitsAreEquivalent() {
    var ratios: [Double] = []
    let start = quadratic.start()
    var moved = quadratic.start()
    var probe = DivergenceProjection(
      blocks: .roles("query"), every: 2, search: RatioSearch(learningRate: 0, epsilon: 0.05, clip: nil))
    probe.begin(start)
    let range = layout.flatRanges[block("query").index]
    let before = project(&probe, &moved).before
    let length = norm(zip(before[range], start.flattened()[range]).map { Double($0) - Double($1) })
    for units in RatioSearch.Units.allCases {
      let search =
        units == .norm
        ? RatioSearch(moves: 3, learningRate: 0.005, epsilon: 0.05, clip: 0.9)
        : RatioSearch(
          moves: 3, learningRate: 0.005 / (length * length), epsilon: 0.05 / length, clip: 0.9, units: .ratio)
      var adapter = DivergenceProjection(blocks: .roles("query"), every: 1, search: search)
      var theta = quadratic.start()
      adapter.begin(theta)
      _ = project(&adapter, &theta)
      ratios.append(adapter.ratios[0])
    }
    #expect(abs(ratios[0] - ratios[1]) < 1e-6 && abs(ratios[0] - 1) > 1e-3)
  }

  /// A block without a move keeps its bits and a ratio of 1, whatever the others do.
  @Test func aBlockThatHasNotMoved() {
    var adapter = DivergenceProjection(.paper, blocks: .roles("query", "value"), every: 1)
    var theta = quadratic.start()
    adapter.begin(theta)
    let (before, after) = project(&adapter, &theta, still: ["query"])
    let query = layout.flatRanges[block("query").index]
    let value = layout.flatRanges[block("value").index]
    #expect(before[query] == after[query] && before[value] != after[value])
    #expect(adapter.ratios[0] == 1 && adapter.ratios[1] != 1 && adapter.ratios[1].isFinite)
  }

  /// Without re-initialisation too, a block that moves only after the first projection is not thrown back to theta_0.
  @Test func aBlockThatMovesLater() {
    let search = RatioSearch(learningRate: 0, epsilon: 0.05, clip: nil)
    var adapter = DivergenceProjection(blocks: .roles("query"), every: 1, search: search, reinitializes: false)
    var theta = quadratic.start()
    adapter.begin(theta)
    _ = project(&adapter, &theta, step: 0, still: ["query"])
    let (before, after) = project(&adapter, &theta, step: 1)
    #expect(before == after && adapter.ratios == [1])
  }

  @Test func presets() throws {
    let paper = DivergenceProjection(.paper, blocks: .roles("query", "value"))
    #expect(try paper.blocks.resolve(in: layout).map(\.role) == ["query", "value"])
    #expect(paper.search.moves == 1 && !paper.search.freshBatches && paper.reinitializes && paper.search.clip != nil)
    let released = DivergenceProjection(.released, blocks: .roles("key", "value"))
    #expect(released.search.moves == 10 && released.search.learningRate == 2)
    #expect(released.search.freshBatches && released.search.boundsProbe && released.search.scalesMoveByNorm)
  }

  @Test func intervals() {
    let adapter = DivergenceProjection(.released, blocks: .roles("query", "value"), every: 3)
    #expect((0..<7).map { adapter.forwards(at: $0) } == [0, 0, 20, 0, 0, 20, 0])
    let small = DivergenceProjection(.paper, blocks: .roles("query", "value"), every: 1)
    #expect(small.forwards(at: 0) == 2)
  }

  @Test func theAnchorIsCounted() {
    var adapter = DivergenceProjection(.paper, blocks: .roles("query", "value"))
    #expect(adapter.stateCount == 0)
    adapter.begin(quadratic.start())
    #expect(adapter.stateCount == 32)
  }
}
