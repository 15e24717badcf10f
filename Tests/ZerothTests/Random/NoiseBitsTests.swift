import CZeroth
import Foundation
import Testing
import Zeroth

/// The values of the noise, bit for bit.
@Suite struct NoiseBitsTests {
  /// The values are a contract: runs are replayed from their keys.
  @Test func normalsNeverChange() {
    for isa in 0..<zeroth_isa_count() {
      var hash: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a over words
      for value in made(zeroth_gaussian, key: 3, first: 12345, count: 1_000_000, isa: isa) {
        hash = (hash ^ UInt64(value.bitPattern)) &* 0x100_0000_01b3
      }
      #expect(hash == 0x7532_bdbf_a994_be6e)
    }
  }

  /// Every instruction set gives the same normals for all words that matter: a word counts by its value rounded to
  /// 24 bits. With ZEROTH_SLOW_TESTS set for each of them, else for one in seven.
  @Test func everyWordOnEveryInstructionSet() {
    let step = ProcessInfo.processInfo.environment["ZEROTH_SLOW_TESTS"] == nil ? 7 : 1
    let groups = 256
    let pairs = groups * 32
    var words = [UInt32](repeating: 0, count: 64 * groups)
    var found = [Float](repeating: 0, count: 64 * groups)
    var expected = found
    var index = 0
    while index < 7 << 24 {
      for pair in 0..<pairs {
        let place = pair / 16 * 32 + pair % 16
        words[place] = Self.radius(index % (9 << 23))
        words[place + 16] = Self.angle(index)
        index += step
      }
      zeroth_normals_on(0, groups, words, &expected)
      for isa in 1..<max(1, zeroth_isa_count()) {
        zeroth_normals_on(isa, groups, words, &found)
        #expect(memcmp(found, expected, 256 * groups) == 0, "\(String(cString: zeroth_isa_name(isa))) at \(index)")
      }
    }
  }

  /// 0..<2^24, and all larger numbers with 24 significant bits in order.
  private static func significant(_ n: Int) -> UInt32 {
    n < 1 << 24 ? UInt32(n) : UInt32(1 << 23 + n % (1 << 23)) << UInt32((n - 1 << 24) >> 23 + 1)
  }

  /// Radii have 31 bits, of which the float keeps 24: n < 9 * 2^23 has them all, but for the last, which rounds up.
  private static func radius(_ n: Int) -> UInt32 { n == 0 ? .max : significant(n) << 1 | UInt32(n & 1) }

  /// Angles within a quarter turn, of both signs, have 30 bits, of which the float keeps 24: n < 7 * 2^24 has them all.
  private static func angle(_ n: Int) -> UInt32 {
    let part = significant(n >> 1)
    return (n & 1 == 0 ? part : 0 &- part) &+ UInt32(n / 3 % 4) << 30
  }
}
