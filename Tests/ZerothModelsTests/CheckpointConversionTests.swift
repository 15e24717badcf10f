import Foundation
import Testing
import Zeroth
import ZerothModels

@Suite("Checkpoint: F16 and BF16") struct CheckpointConversionTests {
  /// The floats that a one-tensor file with these elements reads as; the data lies at an odd address.
  private func read(_ type: ElementType, _ bits: some Sequence<UInt16>) throws -> [Float] {
    let folder = try TemporaryFolder()
    let data = littleEndianBytes(bits)
    var header = #"{"w":{"dtype":"\#(type.rawValue)","shape":[\#(data.count / 2)],"data_offsets":[0,\#(data.count)]}}"#
    if header.utf8.count.isMultiple(of: 2) { header += " " }
    let path = try folder.write(safetensorsBytes(header: header, data: data), to: "x.safetensors")
    return try SafetensorsFile(path: path).floats("w")
  }

  /// The elements that these floats are written as.
  private func written(_ type: ElementType, _ bits: [UInt32]) throws -> [UInt16] {
    let folder = try TemporaryFolder()
    let path = folder.path("x.safetensors")
    let tensor = SafetensorsWriter.Tensor(name: "w", shape: [bits.count], elementType: type)
    try SafetensorsWriter.write([tensor], to: path) { _, write in
      try bits.map { Float(bitPattern: $0) }.withUnsafeBufferPointer { try write($0) }
    }
    return try SafetensorsFile(path: path).withBytes(of: "w") { bytes in
      (0..<bits.count).map { UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)) }
    }
  }

  /// The value of a half or bfloat16 from its definition: (-1)^s 2^(e - bias) 1.m, or 0.m at the smallest exponent.
  private func value(_ bits: UInt16, significandBits: Int) -> Double {
    let bias = (1 << (14 - significandBits)) - 1
    let sign = bits >> 15 == 0 ? 1.0 : -1.0
    let exponent = Int(bits & 0x7fff) >> significandBits
    let fraction = Double(Int(bits) & ((1 << significandBits) - 1)) / Double(1 << significandBits)
    if exponent == 2 * bias + 1 { return fraction == 0 ? sign * .infinity : .nan }
    return exponent == 0
      ? sign * scalbn(fraction, 1 - bias) : sign * scalbn(1 + fraction, exponent - bias)
  }

  /// The pattern of infinity: all bits of the exponent set.
  private func infinity(significandBits: Int) -> UInt16 { 0x7fff & ~((1 << significandBits) - 1) }

  /// Rounds a positive or zero finite value by searching its two neighbours among the positive patterns.
  private func rounded(_ value: Double, significandBits: Int) -> UInt16 {
    let infinity = infinity(significandBits: significandBits)
    var low: UInt16 = 0
    var high = infinity
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if self.value(middle, significandBits: significandBits) <= value { low = middle } else { high = middle }
    }
    // Rounding treats infinity as the power of two that would follow the largest finite value.
    let below = self.value(low, significandBits: significandBits)
    let above =
      high == infinity
      ? scalbn(1, 1 << (14 - significandBits)) : self.value(high, significandBits: significandBits)
    if value - below == above - value { return low.isMultiple(of: 2) ? low : high }
    return value - below < above - value ? low : high
  }

  @Test(arguments: [(ElementType.f16, 10), (.bf16, 7)])
  func everyPatternIsReadExactly(_ type: ElementType, _ significandBits: Int) throws {
    let floats = try read(type, UInt16.min...UInt16.max)
    for bits in UInt16.min...UInt16.max {
      let expected = value(bits, significandBits: significandBits)
      let found = floats[Int(bits)]
      if expected.isNaN {
        #expect(found.isNaN)
        let payload = UInt32(bits) & ((1 << significandBits) - 1)
        #expect(found.bitPattern & 0x7f_ffff == payload << (23 - significandBits))
      } else if Double(found) != expected || (found.sign == .minus) != (bits >> 15 == 1) {
        Issue.record("0x\(String(bits, radix: 16)) reads as \(found), not \(expected)")
      }
    }
  }

  @Test(arguments: [ElementType.f16, .bf16]) func everyPatternSurvivesTheRoundTrip(_ type: ElementType) throws {
    let patterns = Array(UInt16.min...UInt16.max)
    let floats = try read(type, patterns)
    let back = try written(type, floats.map(\.bitPattern))
    let quiet: UInt16 = type == .f16 ? 0x200 : 0x40
    for (bits, float) in zip(patterns, floats) {
      let expected = float.isNaN ? bits | quiet : bits
      if back[Int(bits)] != expected { Issue.record("0x\(String(bits, radix: 16)) comes back as \(back[Int(bits)])") }
    }
  }

  @Test(arguments: [(ElementType.f16, 10), (.bf16, 7)])
  func writingRoundsToNearestEven(_ type: ElementType, _ significandBits: Int) throws {
    // Around each pattern and each midpoint between two, and far from any: all exponents, subnormals included.
    var inputs: [UInt32] = [0, 1, 0x7f_ffff, 0x80_0000, 0x7f7f_ffff]
    for bits in stride(from: UInt16(0), to: infinity(significandBits: significandBits), by: 7) {
      let low = Float(value(bits, significandBits: significandBits)).bitPattern
      let high = Float(value(bits + 1, significandBits: significandBits))
      let middle = high.isFinite ? ((Float(bitPattern: low) + high) / 2).bitPattern : low + 0x1000
      inputs += [low, low + 1, middle, middle + 1, middle &- 1]
    }
    var generator = SystemRandomNumberGenerator()
    inputs += (0..<20_000).map { _ in UInt32.random(in: 0..<0x7f80_0000, using: &generator) }
    inputs = inputs.filter { $0 < 0x7f80_0000 }
    let found = try written(type, inputs + inputs.map { $0 | 0x8000_0000 })
    for (index, bits) in inputs.enumerated() {
      let expected = rounded(Double(Float(bitPattern: bits)), significandBits: significandBits)
      if found[index] != expected || found[inputs.count + index] != expected | 0x8000 {
        Issue.record("0x\(String(bits, radix: 16)) is written as \(found[index]), not \(expected)")
      }
    }
  }

  /// Expected patterns from numpy 2.4 (`astype(float16)`).
  @Test func halvesOfNumpy() throws {
    let bits: [UInt32] = [
      0x3300_0000, 0x3300_0001, 0x32ff_ffff, 0x3380_0000, 0x33c0_0000, 0x387f_c000, 0x387f_e000, 0x387f_dfff,
      0x3880_0000, 0x477f_e000, 0x477f_efff, 0x477f_f000, 0x3f80_1000, 0x3f80_3000, 0x3f80_1001, 0x7f80_0000,
      0xff80_0000, 0x8000_0000, 0x0000_0001, 0x8000_0001, 0x7f7f_ffff,
    ]
    let expected: [UInt16] = [
      0x0, 0x1, 0x0, 0x1, 0x2, 0x3ff, 0x400, 0x3ff, 0x400, 0x7bff, 0x7bff, 0x7c00, 0x3c00, 0x3c02, 0x3c01, 0x7c00,
      0xfc00, 0x8000, 0x0, 0x8000, 0x7c00,
    ]
    #expect(try written(.f16, bits) == expected)
  }

  /// Expected patterns from ml_dtypes 0.6 (`astype(bfloat16)`).
  @Test func bfloat16sOfMLDTypes() throws {
    let bits: [UInt32] = [
      0x3f80_8000, 0x3f81_8000, 0x3f80_8001, 0x3f80_7fff, 0x7f7f_ffff, 0x7f7f_8000, 0x7f7f_7fff, 0x0000_8000,
      0x0001_8000, 0x8000_8001, 0x7f80_0000, 0xff80_0000, 0x0000_0001,
    ]
    let expected: [UInt16] = [
      0x3f80, 0x3f82, 0x3f81, 0x3f80, 0x7f80, 0x7f80, 0x7f7f, 0x0, 0x2, 0x8001, 0x7f80, 0xff80, 0x0,
    ]
    #expect(try written(.bf16, bits) == expected)
  }

  @Test func nansStayNaNs() throws {
    let nans: [UInt32] = [0x7f80_0001, 0x7fc0_0000, 0xffff_ffff, 0x7fa0_0000]
    #expect(try written(.f16, nans) == [0x7e00, 0x7e00, 0xffff, 0x7f00])
    #expect(try written(.bf16, nans) == [0x7fc0, 0x7fc0, 0xffff, 0x7fe0])
  }
}
