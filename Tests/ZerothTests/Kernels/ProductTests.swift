import CZeroth
import Testing
import Zeroth
import ZerothTestKit

/// The products with W on every instruction set that is here, against sums in double.
@Suite struct ProductTests {
  struct Shape: Sendable {
    let m, n, k: Int
  }

  // Rows that share vectors in every way, whole tiles and parts of them, panels and columns that are not whole.
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

  private func rows(_ y: UnsafeMutablePointer<Float>, _ stride: Int, isAdded: Bool = false) -> zeroth_result {
    zeroth_result(rows: y, stride: stride, packed: nil, columns: 0, first: 0, is_added: isAdded)
  }

  /// Whether each of `y` is start + x w^T of its row and column, x m x k and w n x k, within what rounding explains.
  private func expect(
    _ y: [Float], _ m: Int, _ n: Int, _ pairs: [(x: [Float], w: [Float], k: Int)], start: (Int, Int) -> Float
  ) {
    for i in 0..<m {
      for j in 0..<n {
        var sum = Double(start(i, j))
        var magnitudes = abs(sum)
        for (x, w, k) in pairs {
          for p in 0..<k {
            let product = Double(x[i * k + p]) * Double(w[j * k + p])
            sum += product
            magnitudes += abs(product)
          }
        }
        // Roundings of 2^-24 that go either way (Higham and Mary 2019, sqrt(k) in place of k).
        let terms = pairs.reduce(0) { $0 + $1.k }
        let bound = Double(terms).squareRoot() * magnitudes * 0x1p-24 + 1e-7
        #expect(abs(Double(y[i * n + j]) - sum) <= bound, "row \(i), column \(j)")
      }
    }
  }

  @Test(arguments: 0..<Int(zeroth_isa_count()), shapes) func productsAgree(isa: Int, shape: Shape) {
    let (isa, m, n, k) = (Int32(isa), shape.m, shape.n, shape.k)
    let x = values(1, m * k)
    let w = values(2, n * k)
    let before = values(3, m * n)
    var y = before
    withPacked(zeroth_packed_count_on(isa, m, k)) { packed in
      zeroth_pack_on(isa, m, k, x, k, packed)
      w.withUnsafeBufferPointer { w in
        y.withUnsafeMutableBufferPointer { y in
          guard let y = y.baseAddress else { return }
          zeroth_multiply_packed_on(
            isa, m, n, zeroth_factors(packed: packed, columns: k, first: 0, k: k, w: w.baseAddress, ldw: k, beyond: 0),
            zeroth_factors(), zeroth_bias(), zeroth_identity, rows(y, n, isAdded: true))
        }
      }
    }
    expect(y, m, n, [(x, w, k)]) { before[$0 * n + $1] }
  }

  /// A thin product beside W's, rows that start from a bias for every seven, and an activation.
  @Test(arguments: 0..<Int(zeroth_isa_count()), shapes) func thinProductsAndBiasesAgree(isa: Int, shape: Shape) {
    let (isa, m, n, k, before) = (Int32(isa), shape.m, shape.n, shape.k, 5)
    let x = values(1, m * k)
    let w = values(2, n * k)
    let biases = values(3, ((before + m) / 7 + 1) * n)
    for rank in [1, 4, 6, 18] {
      let thinX = values(4, m * rank)
      let thinW = values(5, n * rank)
      let width = (rank + 15) / 16 * 16
      var padded = [Float](repeating: 0, count: n * width)
      for j in 0..<n { for q in 0..<rank { padded[j * width + q] = thinW[j * rank + q] } }
      func product(_ f: zeroth_activation) -> [Float] {
        var y = [Float](repeating: .nan, count: m * n)
        withPacked(zeroth_packed_count_on(isa, m, k)) { packed in
          withPacked(zeroth_packed_count_on(isa, m, rank)) { thin in
            zeroth_pack_on(isa, m, k, x, k, packed)
            zeroth_pack_on(isa, m, rank, thinX, rank, thin)
            w.withUnsafeBufferPointer { w in
              padded.withUnsafeBufferPointer { padded in
                biases.withUnsafeBufferPointer { biases in
                  zeroth_multiply_packed_on(
                    isa, m, n,
                    zeroth_factors(packed: packed, columns: k, first: 0, k: k, w: w.baseAddress, ldw: k, beyond: 0),
                    zeroth_factors(
                      packed: thin, columns: rank, first: 0, k: rank, w: padded.baseAddress, ldw: width, beyond: 0),
                    zeroth_bias(rows: biases.baseAddress, stride: n, shared: 7, before: before), f, rows(&y, n))
                }
              }
            }
          }
        }
        return y
      }
      let y = product(zeroth_identity)
      expect(y, m, n, [(x, w, k), (thinX, thinW, rank)]) { biases[(before + $0) / 7 * n + $1] }
      #expect(product(zeroth_relu) == y.map { max($0, 0) })
    }
  }

  /// Results that are packed are those that are packed afterwards, bit for bit: with a bias for all rows or for some, and
  /// with columns of W added up, in panels of W.
  @Test(arguments: 0..<Int(zeroth_isa_count()), shapes) func packedResultsAgree(isa: Int, shape: Shape) {
    let (isa, m, n, k) = (Int32(isa), shape.m, shape.n, shape.k)
    let x = values(1, m * k)
    let w = values(2, n * k)
    let biases = values(3, m * n)
    let parts = k > 16 ? [0..<16, 16..<k] : [0..<k]
    for shared in [m, 7] {
      func multiply(_ packed: UnsafePointer<Float>, panel: Range<Int>, into place: zeroth_result) {
        w.withUnsafeBufferPointer { w in
          biases.withUnsafeBufferPointer { biases in
            guard let w = w.baseAddress, let biases = biases.baseAddress else { return }
            for part in parts {
              let bias = zeroth_bias(rows: biases + panel.lowerBound, stride: n, shared: shared, before: 0)
              var y = place
              y.is_added = part.lowerBound > 0
              zeroth_multiply_packed_on(
                isa, m, panel.count,
                zeroth_factors(
                  packed: packed, columns: k, first: part.lowerBound, k: part.count,
                  w: w + panel.lowerBound * k + part.lowerBound, ldw: k, beyond: n - panel.upperBound),
                zeroth_factors(), part.upperBound == k ? bias : zeroth_bias(),
                part.upperBound == k ? zeroth_relu : zeroth_identity, y)
            }
          }
        }
      }
      var y = [Float](repeating: .nan, count: m * n)
      let count = zeroth_packed_count_on(isa, m, n)
      withPacked(zeroth_packed_count_on(isa, m, k)) { packed in
        zeroth_pack_on(isa, m, k, x, k, packed)
        y.withUnsafeMutableBufferPointer { y in
          guard let y = y.baseAddress else { return }
          multiply(packed, panel: 0..<n, into: rows(y, n))
        }
        withPacked(count) { expected in
          zeroth_pack_on(isa, m, n, y, n, expected)
          withPacked(count) { found in
            for first in stride(from: 0, to: n, by: 48) {
              multiply(
                packed, panel: first..<min(first + 48, n),
                into: zeroth_result(rows: nil, stride: 0, packed: found, columns: n, first: first, is_added: false))
            }
            // Multiplied by a matrix, as rows beyond the last may differ.
            func read(_ packed: UnsafePointer<Float>) -> [Float] {
              var z = [Float](repeating: 0, count: m * n)
              var one = [Float](repeating: 0, count: n * n)
              for j in 0..<n { one[j * n + j] = 1 }
              one.withUnsafeBufferPointer { one in
                zeroth_multiply_packed_on(
                  isa, m, n,
                  zeroth_factors(packed: packed, columns: n, first: 0, k: n, w: one.baseAddress, ldw: n, beyond: 0),
                  zeroth_factors(), zeroth_bias(), zeroth_identity, rows(&z, n))
              }
              return z
            }
            #expect(read(found) == y)
            #expect(read(expected) == y)
          }
        }
      }
    }
  }

  @Test func columnsAddUp() {
    let (m, n, k) = (20, 30, 128)
    let x = values(1, m * k)
    let w = values(2, n * k)
    func product(_ parts: [Range<Int>]) -> [Float] {
      var y = [Float](repeating: 0, count: m * n)
      withPacked(zeroth_packed_count(m, k)) { packed in
        zeroth_pack(m, k, x, k, packed)
        w.withUnsafeBufferPointer { w in
          y.withUnsafeMutableBufferPointer { y in
            guard let w = w.baseAddress, let y = y.baseAddress else { return }
            for part in parts {
              zeroth_multiply_packed(
                m, n,
                zeroth_factors(
                  packed: packed, columns: k, first: part.lowerBound, k: part.count, w: w + part.lowerBound, ldw: k,
                  beyond: 0),
                zeroth_factors(), zeroth_bias(), zeroth_identity, rows(y, n, isAdded: true))
            }
          }
        }
      }
      return y
    }
    let once = product([0..<k])
    #expect(zip(once, product([0..<48, 48..<k])).allSatisfy { abs($0 - $1) < 1e-5 })
    #expect(once.contains { abs($0) > 0.1 })
  }

  @Test func packingDoesNotDependOnThreads() throws {
    let (m, k) = (150, 260)
    let x = values(1, m * k)
    let packed = try [1, 2].map { threads in
      try withThreads(threads) {
        var result: [Float] = []
        withPacked(zeroth_packed_count(m, k)) {
          zeroth_pack(m, k, x, k, $0)
          result = Array(UnsafeBufferPointer(start: $0, count: zeroth_packed_count(m, k)))
        }
        return result
      }
    }
    #expect(packed[0] == packed[1])
  }
}
