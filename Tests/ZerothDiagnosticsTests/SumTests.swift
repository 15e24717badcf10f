import Testing
import Zeroth
import ZerothTestKit

@testable import ZerothDiagnostics

/// Sums by block against plain loops.
@Suite struct SumTests {
  @Test func productsAndSquaresAreThoseOfAPlainLoop() {
    let quadratic = Quadratic()
    let blocks = quadratic.layout.blocks
    var vector = StoredVector(blocks)
    _ = quadratic.gradient(at: quadratic.start(), on: Batch(step: 0), into: &vector)
    let direction = DenseDirection(StreamKey(seed: 3), layout: quadratic.layout)
    let found = BlockSums(blocks).products(of: direction, with: vector)
    for (block, sums) in zip(blocks, found) {
      let (z, v) = (direction.values(of: block).map(Double.init), vector.values(of: block).map(Double.init))
      let dot = zip(z, v).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(abs(sums.dot - dot) <= 1e-12 * max(1, abs(dot)))
      #expect(abs(sums.square - z.reduce(0) { $0 + $1 * $1 }) <= 1e-12 * sums.square)
    }
  }
}
