import CZeroth
import Foundation
import TestSupport
import Testing
import Zeroth

/// Words of Philox4x32-10, and the noise made of them, against other sources.
@Suite struct PhiloxTests {
  /// The known-answer vectors of Random123.
  @Test func knownAnswers() {
    #expect(philox([0, 0, 0, 0], key: 0) == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
    let ones = UInt32.max
    #expect(
      philox([ones, ones, ones, ones], key: .max) == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
    #expect(
      philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], key: 0x299f_31d0_a409_3822)
        == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
  }

  /// Word n = 64 g + 16 j + l of a stream is word j of counter block 16 g + l.
  @Test func wordsOfTheGSLGenerator() throws {
    let stream = try #require(zeroth_stream_make(0, 0x0123_4567_89ab_cdef))
    defer { zeroth_stream_free(stream) }
    for n in 0..<1000 { #expect(zeroth_stream_bits(stream) == word(UInt64(n), key: 0x0123_4567_89ab_cdef)) }
  }

  /// Sign n of Rademacher noise is bit n mod 32 of word floor(n / 32), also where the counter's low half wraps: after 2^34
  /// words, which are 2^39 signs.
  @Test(arguments: [0, 5, 1 << 39 - 5037, 1 << 50]) func signsAreBitsOfTheWords(_ first: UInt64) {
    let noise = made(zeroth_rademacher, key: 77, first: first, count: 40_000)
    for (i, value) in noise.enumerated() {
      let n = first + UInt64(i)
      #expect(value == (word(n / 32, key: 77) >> UInt32(n % 32) & 1 == 1 ? -1 : 1))
    }
  }

  /// Against Tests/Fixtures/noise/make.py, which has Philox and the order of its words from their descriptions alone.
  @Test func signsOfTheFixture() throws {
    struct Case: Decodable {
      var key: String
      var first: String
      var signs: String
    }
    let file = URL(fileURLWithPath: SharedMaterial.fixture("noise/signs.json"))
    let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
    #expect(cases.count == 6)
    for entry in cases {
      let (key, first) = (try #require(UInt64(entry.key)), try #require(UInt64(entry.first)))
      for isa in 0..<zeroth_isa_count() {
        let found = made(zeroth_rademacher, key: key, first: first, count: entry.signs.count, isa: isa)
        #expect(String(found.map { $0 == -1 ? "-" as Character : "+" }) == entry.signs)
        #expect(found.allSatisfy { abs($0) == 1 })
      }
    }
  }

  /// A thread keeps the words that it made last: pieces asked for in any order, of several keys and on every instruction
  /// set, are those of the whole.
  @Test func signsInAnyOrder() {
    let count = 200_000
    let wholes = [UInt64(5), 6].map { made(zeroth_rademacher, key: $0, count: count) }
    var stream = RandomStream(StreamKey(seed: 1))
    for _ in 0..<3000 {
      let key = stream.below(2)
      let first = stream.below(count)
      let n = min(count - first, stream.below(10) == 0 ? stream.below(count) : stream.below(700))
      let isa = Int32(stream.below(Int(zeroth_isa_count())))
      let part = made(zeroth_rademacher, key: UInt64(5 + key), first: UInt64(first), count: n, isa: isa)
      #expect(part[...] == wholes[key][first..<(first + n)])
    }
  }

  /// z of places 64 g + l and 64 g + 16 + l (and 32, 48) is Box and Muller's pair of words 0, 1 (and 2, 3) of block l.
  @Test(arguments: [0, 1 << 34 - 37]) func normalsAreBoxAndMullers(_ first: UInt64) {
    var worst = 0.0
    for (i, value) in made(zeroth_gaussian, key: 99, first: first, count: 200_000).enumerated() {
      let n = first + UInt64(i)
      let isSine = n / 16 % 2 == 1
      let even = isSine ? n - 16 : n
      // Uniform as the kernel rounds it: near 1 the logarithm would magnify that rounding.
      let u = (Float(word(even, key: 99) >> 1) + 0.5) * 0x1p-31
      let angle = 2 * Double.pi * Double(Int32(bitPattern: word(even + 16, key: 99))) * 0x1p-32
      let expected = (-2 * log(Double(u))).squareRoot() * (isSine ? sin(angle) : cos(angle))
      worst = max(worst, abs(Double(value) - expected))
    }
    #expect(worst < 4e-6)
  }

  /// Every instruction set gives the same bits, wherever a piece starts and ends, with and without a base.
  @Test func everyInstructionSet() {
    let pieces: [(first: UInt64, count: Int)] = [
      (0, 1), (1, 63), (63, 2), (64, 64), (17, 1001), (127, 129), (1 << 34 - 37, 333), (5, 0), (12345, 4096), (31, 33),
      (1 << 39 - 40, 77),
    ]
    let base = (0..<5000).map { Float($0) * 0.01 }
    for distribution in [zeroth_gaussian, zeroth_rademacher] {
      for piece in pieces {
        for isa in 0..<zeroth_isa_count() {
          let plain = made(distribution, key: 3, first: piece.first, count: piece.count, isa: isa)
          let generic = made(distribution, key: 3, first: piece.first, count: piece.count)
          #expect(plain.map(\.bitPattern) == generic.map(\.bitPattern), "\(String(cString: zeroth_isa_name(isa)))")
          var added = base
          zeroth_noise_on(isa, distribution, 3, piece.first, piece.count, 0.37, base, &added)
          for i in 0..<piece.count { #expect(added[i] == base[i] + 0.37 * generic[i]) }
          var inPlace = base
          inPlace.withUnsafeMutableBufferPointer {
            guard let start = $0.baseAddress else { return }
            zeroth_noise_on(isa, distribution, 3, piece.first, piece.count, 0.37, start, start)
          }
          #expect(inPlace == added)
          #expect(added[piece.count...].elementsEqual(base[piece.count...]))
        }
      }
    }
    #expect(String(cString: zeroth_isa_name(zeroth_isa_count() - 1)) == "generic")
  }

  /// Any part of a sequence can be made alone.
  @Test func partsOfASequence() {
    for distribution in [zeroth_gaussian, zeroth_rademacher] {
      let whole = made(distribution, key: 4, first: 0, count: 1000)
      for (first, count) in [(0, 7), (13, 100), (500, 500), (999, 1)] {
        let part = made(distribution, key: 4, first: UInt64(first), count: count)
        #expect(part.map(\.bitPattern) == whole[first..<(first + count)].map(\.bitPattern))
      }
    }
  }

  private func philox(_ counter: [UInt32], key: UInt64) -> [UInt32] {
    var words: [UInt32] = [0, 0, 0, 0]
    zeroth_philox4x32(counter, key, &words)
    return words
  }

  private func word(_ n: UInt64, key: UInt64) -> UInt32 {
    let block = n / 64 * 16 + n % 16
    return philox([UInt32(truncatingIfNeeded: block), UInt32(block >> 32), 0, 0], key: key)[Int(n / 16 % 4)]
  }
}

/// Noise on one instruction set; by default the last of the list, plain vectors of the compiler.
func made(
  _ distribution: zeroth_distribution, key: UInt64, first: UInt64 = 0, count: Int,
  isa: Int32 = zeroth_isa_count() - 1
) -> [Float] {
  var out = [Float](repeating: 0, count: count)
  zeroth_noise_on(isa, distribution, key, first, count, 1, nil, &out)
  return out
}
