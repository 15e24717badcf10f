import Zeroth

/// The type of the elements of a tensor. The raw value is its name in the header of a safetensors file.
public enum ElementType: String, CaseIterable, Hashable, Sendable {
  /// IEEE 754 single precision.
  case f32 = "F32"
  /// IEEE 754 half precision.
  case f16 = "F16"
  /// The upper 16 bits of a single: 8 bits of exponent, 7 of significand.
  case bf16 = "BF16"
  /// IEEE 754 double precision; not read as floats.
  case f64 = "F64"
  /// A pair of singles; not read as floats.
  case c64 = "C64"
  /// 64-bit signed integer; not read as floats.
  case i64 = "I64"
  /// 32-bit signed integer; not read as floats.
  case i32 = "I32"
  /// 16-bit signed integer; not read as floats.
  case i16 = "I16"
  /// 8-bit signed integer; not read as floats.
  case i8 = "I8"
  /// 64-bit unsigned integer; not read as floats.
  case u64 = "U64"
  /// 32-bit unsigned integer; not read as floats.
  case u32 = "U32"
  /// 16-bit unsigned integer; not read as floats.
  case u16 = "U16"
  /// 8-bit unsigned integer; not read as floats.
  case u8 = "U8"
  /// A truth value in one byte; not read as floats.
  case bool = "BOOL"
  /// 8-bit float, 4 bits of exponent; not read as floats.
  case f8e4m3 = "F8_E4M3"
  /// 8-bit float, 5 bits of exponent; not read as floats.
  case f8e5m2 = "F8_E5M2"
  /// 8-bit power of two, a scale; not read as floats.
  case f8e8m0 = "F8_E8M0"
  /// 6-bit float, 2 bits of exponent; not read as floats.
  case f6e2m3 = "F6_E2M3"
  /// 6-bit float, 3 bits of exponent; not read as floats.
  case f6e3m2 = "F6_E3M2"
  /// 4-bit float; not read as floats.
  case f4 = "F4"

  /// The size of one element in bits.
  public var bitWidth: Int {
    switch self {
    case .f64, .c64, .i64, .u64: 64
    case .f32, .i32, .u32: 32
    case .f16, .bf16, .i16, .u16: 16
    case .i8, .u8, .bool, .f8e4m3, .f8e5m2, .f8e8m0: 8
    case .f6e2m3, .f6e3m2: 6
    case .f4: 4
    }
  }

  /// Whether elements can be converted from and to `Float`: F32, F16 and BF16.
  public var isFloatConvertible: Bool { self == .f32 || self == .f16 || self == .bf16 }

  /// The half-precision format in which parameters can stay; nil for other types.
  var halfFormat: ElementFormat? {
    switch self {
    case .f16: .float16
    case .bf16: .bfloat16
    default: nil
    }
  }
}
