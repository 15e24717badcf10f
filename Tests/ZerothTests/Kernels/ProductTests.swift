import CZeroth
import Testing
import Zeroth

/// The products with W on every instruction set that is here, against sums in double.
@Suite struct ProductTests {
  struct Shape: Sendable {
    let m, n, k: Int
  }

  static let shapes: [Shape] = [
    Shape(m: 1, n: 1, k: 1), Shape(m: 3, n: 5, k: 3), Shape(m: 14, n: 32, k: 16), Shape(m: 15, n: 33, k: 17),
    Shape(m: 29, n: 70, k: 400), Shape(m: 6, n: 4, k: 768), Shape(m: 100, n: 100, k: 1000),
  ]

  private func values(_ seed: UInt64, _ count: Int) -> [Float] {
    var stream = RandomStream(StreamKey(seed: seed))
    return (0..<count).map { _ in Float(stream.uniform() - 0.5) }
  }

  @Test(arguments: 0..<Int(zeroth_isa_count()), shapes) func productsAgree(isa: Int, shape: Shape) {
    let (m, n, k) = (shape.m, shape.n, shape.k)
    let x = values(1, m * k)
    let w = values(2, n * k)
    let z = values(3, n * k)
    let offset: Float = 0.25
    var packed = [Float](repeating: .nan, count: (n + 31) / 32 * 32 * k + 16)
    var displaced = [Float](repeating: .nan, count: m * n)
    var plain = displaced
    packed.withUnsafeMutableBufferPointer { packed in
      guard let start = packed.baseAddress else { return }
      // Strips are read as whole vectors.
      let aligned = UnsafeMutableRawPointer(start).alignedUp(toMultipleOf: 64).assumingMemoryBound(to: Float.self)
      zeroth_product_on(Int32(isa), m, n, k, x, w, offset, z, aligned, &displaced, &plain)
    }
    var worst: (displaced: Double, plain: Double) = (0, 0)
    for i in 0..<m {
      for j in 0..<n {
        var sums = (displaced: 0.0, plain: 0.0)
        for p in 0..<k {
          let (a, b) = (Double(x[i * k + p]), Double(w[j * k + p]))
          sums.plain += a * b
          sums.displaced += a * (b + Double(offset) * Double(z[j * k + p]))
        }
        worst.plain = max(worst.plain, abs(Double(plain[i * n + j]) - sums.plain))
        worst.displaced = max(worst.displaced, abs(Double(displaced[i * n + j]) - sums.displaced))
      }
    }
    // k products below 1/4 and 5/16, each rounded to 2^-24 of the sum so far.
    let bound = 2e-7 * Double(k).squareRoot() + 1e-7
    #expect(worst.plain < bound && worst.displaced < bound, "\(worst) beyond \(bound)")
  }

  @Test func addingKeepsWhatWasThere() {
    let x = values(1, 20 * 40)
    let w = values(2, 3 * 40)
    var once = [Float](repeating: 0, count: 60)
    zeroth_multiply_stored(20, 3, 40, x, 40, w, 40, false, &once, 3)
    var twice = once
    zeroth_multiply_stored(20, 3, 40, x, 40, w, 40, true, &twice, 3)
    #expect(zip(once, twice).allSatisfy { $1 == $0 + $0 })
    #expect(once != twice)
  }
}
