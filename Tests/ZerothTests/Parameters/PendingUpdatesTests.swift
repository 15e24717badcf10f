import Testing
import Zeroth
import ZerothTestKit

/// Low-rank updates that wait in a thin factor against the plain path, which writes each at once.
@Suite struct PendingUpdatesTests {
  let layout = ParameterLayout.small

  func probe(step: Int, window: Int) -> LowRankProbe {
    let key = StreamKey(seed: 5)
    return LowRankProbe(
      rank: 2, leftKey: key.child(.left, step), rightKey: key.child(.right, window), matrixScale: 0.5)
  }

  /// theta += scale D in place, block by block.
  func addInPlace(_ direction: some Direction, _ scale: Float, to theta: inout ParameterStore) {
    for block in theta.layout.trainable {
      theta.withMutableBlock(block) { direction.add(to: &$0, of: block, rows: 0..<block.rows, scale: scale) }
    }
  }

  @Test func windowsOfUpdatesAddUp() {
    var gathered = ParameterStore(layout)
    gathered.add(DenseDirection(StreamKey(seed: 1), layout: layout), scale: 1)
    var plain = gathered.clone()
    let before = gathered.flattened()
    for step in 0..<9 {
      let direction = probe(step: step, window: step / 4)
      gathered.add(direction, scale: 0.01 * Float(step + 1))
      addInPlace(direction, 0.01 * Float(step + 1), to: &plain)
      let (a, b) = (gathered.flattened(), plain.flattened())
      #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-6 }, "step \(step)")
      #expect(a != before)
    }
  }

  @Test func matricesAreNotWrittenWithinAWindow() throws {
    var theta = ParameterStore(layout)
    let block = layout.blocks[0]
    theta.add(probe(step: 0, window: 0), scale: 1)
    theta.add(probe(step: 1, window: 0), scale: 1)
    let address = try #require(theta.stored().floats(of: block))
    #expect((0..<block.count).allSatisfy { address[$0] == 0 })
    #expect(theta.values(of: block).contains { $0 != 0 })
    theta.add(probe(step: 2, window: 1), scale: 0)
    #expect((0..<block.count).contains { address[$0] != 0 }, "the next window writes what was pending")
  }

  @Test func whoeverReadsOrWritesSeesTheWholeValue() {
    var theta = ParameterStore(layout)
    let first = probe(step: 0, window: 0)
    theta.add(first, scale: 1)
    let expected = first.flattened(in: layout)
    #expect(theta.flattened() == expected)
    #expect(theta.clone().flattened() == expected)
    var other = ParameterStore(layout)
    other.copy(from: theta)
    #expect(other.flattened() == expected)
    theta.withBlock(layout.blocks[0]) { span in
      #expect((0..<span.count).allSatisfy { span[$0] == expected[$0] })
    }
    theta.withMutableBlock(layout.blocks[0]) { $0[0] += 1 }
    #expect(theta.values(of: layout.blocks[0])[0] == expected[0] + 1)
    #expect(theta.flattened().dropFirst() == expected.dropFirst())
    #expect(other.flattened() == expected, "a copy is independent")
    // A dense update of all blocks comes on top.
    let dense = DenseDirection(StreamKey(seed: 2), layout: layout)
    other.add(dense, scale: 0.5)
    let z = dense.flattened(in: layout)
    #expect(zip(other.flattened(), zip(expected, z)).allSatisfy { abs($0 - ($1.0 + 0.5 * $1.1)) < 1e-6 })
  }
}
