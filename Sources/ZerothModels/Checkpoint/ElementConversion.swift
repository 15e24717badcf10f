import CZeroth
import Zeroth

/// Conversions between `Float` and the bytes of F32, F16 and BF16 elements (little-endian, at any address).
///
/// Only integer arithmetic and selection are used, so that the loops vectorise on any CPU. `Float16(Float)` would be a
/// call to a library for each element where the compiler may not assume the F16C instructions.
enum ElementConversion {
  /// Converts `destination.count` elements from `source`, exactly; NaNs keep their payload.
  ///
  /// The callers check that `type` is one of the three, and that `source` holds as many elements.
  static func decode(
    _ source: UnsafeRawPointer, as type: ElementType, into destination: UnsafeMutableBufferPointer<Float>
  ) {
    guard let start = destination.baseAddress else { return }
    zeroth_widen((type.halfFormat ?? .float32).kernel, 0, destination.count, source, start)
  }

  /// Converts `source` to elements at `destination`, rounding to the nearest, ties to even.
  static func encode(
    _ source: UnsafeBufferPointer<Float>, as type: ElementType, into destination: UnsafeMutableRawPointer
  ) {
    switch type {
    case .f16:
      for index in source.indices {
        destination.storeBytes(of: half(source[index]), toByteOffset: index &* 2, as: UInt16.self)
      }
    case .bf16:
      for index in source.indices {
        destination.storeBytes(of: brainHalf(source[index]), toByteOffset: index &* 2, as: UInt16.self)
      }
    default:
      if let start = source.baseAddress { destination.copyMemory(from: start, byteCount: source.count &* 4) }
    }
  }

  /// The bits of the half nearest to `value`; NaNs become quiet and keep the upper bits of their payload.
  @inline(__always)
  private static func half(_ value: Float) -> UInt16 {
    let sign = UInt16(truncatingIfNeeded: value.bitPattern &>> 16) & 0x8000
    let magnitude = value.bitPattern & 0x7fff_ffff
    // Adds just under half a unit, plus the last bit that is kept. This carries exactly where rounding to even goes up.
    let roundUp = 0xfff &+ (magnitude &>> 13 & 1)
    let normal = (magnitude &- 112 &<< 23 &+ roundUp) &>> 13
    // Next to 0.5 a Float has units of 2^-24, which are those of subnormal halves. So the addition does the rounding.
    let subnormal = (Float(bitPattern: magnitude) + 0.5).bitPattern &- Float(0.5).bitPattern
    let infinite: UInt32 = 0x7c00
    let quietNaN = 0x7e00 | (magnitude &>> 13 & 0x3ff)
    var bits = magnitude < 113 &<< 23 ? subnormal : normal
    bits = magnitude >= 143 &<< 23 ? infinite : bits  // from 2^16 on; values below that round up to it carry
    bits = magnitude > 0x7f80_0000 ? quietNaN : bits
    return sign | UInt16(truncatingIfNeeded: bits)
  }

  /// The bits of the bfloat16 nearest to `value`; NaNs become quiet and keep the upper bits of their payload.
  @inline(__always)
  private static func brainHalf(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let rounded = (bits &+ 0x7fff &+ (bits &>> 16 & 1)) &>> 16
    let quietNaN = bits &>> 16 | 0x40
    return UInt16(truncatingIfNeeded: bits & 0x7fff_ffff > 0x7f80_0000 ? quietNaN : rounded)
  }
}
