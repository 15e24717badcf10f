import CZeroth
import Foundation
import Testing

@Suite struct ActivationTests {
  @Test func geluIsTheNormalDistributionTimesX() {
    let x = (-4000...4000).map { Float($0) / 317 } + [-1e4, 1e4, -0.0, 1e-30]
    var y = x
    y.withUnsafeMutableBufferPointer { zeroth_activate(zeroth_gelu, 1, $0.count, $0.baseAddress!, $0.count) }
    for (x, y) in zip(x, y) {
      let expected = 0.5 * Double(x) * erfc(-Double(x) / 2.0.squareRoot())
      #expect(abs(Double(y) - expected) < 5e-7 + 1e-7 * abs(expected), "gelu(\(x)) = \(y), not \(expected)")
    }
    var nan: [Float] = [.nan]
    zeroth_activate(zeroth_gelu, 1, 1, &nan, 1)
    #expect(nan[0].isNaN)
  }
}
