import CZeroth
import Testing
import Zeroth

/// The products with W on every instruction set that is here, against sums in double.
@Suite struct ProductTests {
  struct Shape: Sendable {
    let m, n, k: Int
  }

  // Rows that share vectors in every way, whole tiles and parts of them, strips and columns that are not whole.
  static let shapes: [Shape] = [
    Shape(m: 1, n: 1, k: 1), Shape(m: 3, n: 5, k: 3), Shape(m: 4, n: 24, k: 16), Shape(m: 5, n: 6, k: 768),
    Shape(m: 8, n: 50, k: 33), Shape(m: 14, n: 32, k: 16), Shape(m: 15, n: 33, k: 17), Shape(m: 24, n: 97, k: 300),
    Shape(m: 29, n: 70, k: 400), Shape(m: 64, n: 48, k: 64), Shape(m: 100, n: 100, k: 1000),
    Shape(m: 150, n: 49, k: 260),
  ]

  private func values(_ seed: UInt64, _ count: Int) -> [Float] {
    var stream = RandomStream(StreamKey(seed: seed))
    return (0..<count).map { _ in Float(stream.uniform() - 0.5) }
  }

  /// Room for a packed matrix, aligned as whole vectors ask for; the rest of it is NaN.
  private func withPacked(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    var memory = [Float](repeating: .nan, count: count + 16)
    memory.withUnsafeMutableBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      body(start.alignedUp(toMultipleOf: 64).assumingMemoryBound(to: Float.self))
    }
  }

  @Test(arguments: 0..<Int(zeroth_isa_count()), shapes) func productsAgree(isa: Int, shape: Shape) {
    let (m, n, k) = (shape.m, shape.n, shape.k)
    let x = values(1, m * k)
    let w = values(2, n * k)
    let before = values(3, m * n)
    var y = before
    withPacked(zeroth_packed_count_on(Int32(isa), m, k)) { zeroth_product_on(Int32(isa), m, n, k, x, w, $0, &y) }
    for i in 0..<m {
      for j in 0..<n {
        var sum = Double(before[i * n + j])
        var magnitudes = abs(sum)
        for p in 0..<k {
          let product = Double(x[i * k + p]) * Double(w[j * k + p])
          sum += product
          magnitudes += abs(product)
        }
        // Roundings of 2^-24 that go either way (Higham and Mary 2019, sqrt(k) in place of k).
        let bound = Double(k).squareRoot() * magnitudes * 0x1p-24 + 1e-7
        #expect(abs(Double(y[i * n + j]) - sum) <= bound, "row \(i), column \(j)")
      }
    }
  }

  @Test func columnsAddUp() {
    let (m, n, k) = (20, 30, 128)
    let x = values(1, m * k)
    let w = values(2, n * k)
    var once = [Float](repeating: 0, count: m * n)
    var inParts = once
    withPacked(zeroth_packed_count(m, k)) { packed in
      zeroth_pack(m, k, x, k, packed)
      zeroth_multiply_packed(m, n, k, 0, k, packed, w, k, &once, n)
      w.withUnsafeBufferPointer { w in
        guard let w = w.baseAddress else { return }
        for first in [0, 48] {
          let count = first == 0 ? 48 : k - 48
          zeroth_multiply_packed(m, n, k, first, count, packed, w + first, k, &inParts, n)
        }
      }
    }
    #expect(zip(once, inParts).allSatisfy { abs($0 - $1) < 1e-5 })
    #expect(once.contains { abs($0) > 0.1 })
  }

  @Test func packingDoesNotDependOnThreads() {
    let (m, k) = (150, 260)
    let x = values(1, m * k)
    let packed = [1, 2].map { threads -> [Float] in
      Parallel.threads = threads
      var result: [Float] = []
      withPacked(zeroth_packed_count(m, k)) {
        zeroth_pack(m, k, x, k, $0)
        result = Array(UnsafeBufferPointer(start: $0, count: zeroth_packed_count(m, k)))
      }
      return result
    }
    #expect(packed[0] == packed[1])
  }
}
