/// Reads Unicode scalars directly from UTF-8, which is valid because it comes from a `String`.
enum UTF8Scalars {
  /// The length in bytes of the scalar that starts with `first`.
  @inline(__always)
  static func length(_ first: UInt8) -> Int { first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4 }

  /// The scalar that starts at `index`, and its length in bytes.
  @inline(__always)
  static func scalar(in bytes: [UInt8], at index: Int) -> (scalar: Unicode.Scalar, length: Int) {
    bytes.withUnsafeBufferPointer { scalar(in: $0, at: index) }
  }

  @inline(__always)
  static func scalar(in bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> (scalar: Unicode.Scalar, length: Int) {
    let first = UInt32(bytes[index])
    func following(_ offset: Int) -> UInt32 { UInt32(bytes[index + offset] & 0x3F) }
    let (value, length): (UInt32, Int) =
      switch first {
      case ..<0x80: (first, 1)
      case ..<0xE0: ((first & 0x1F) << 6 | following(1), 2)
      case ..<0xF0: ((first & 0x0F) << 12 | following(1) << 6 | following(2), 3)
      default: ((first & 0x07) << 18 | following(1) << 12 | following(2) << 6 | following(3), 4)
      }
    return (Unicode.Scalar(value) ?? "\u{FFFD}", length)
  }

  /// The start of the scalar that ends just before `index`.
  @inline(__always)
  static func start(before index: Int, in bytes: [UInt8]) -> Int {
    bytes.withUnsafeBufferPointer { start(before: index, in: $0) }
  }

  @inline(__always)
  static func start(before index: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var start = index - 1
    while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }

  /// Appends the UTF-8 of `scalar`.
  @inline(__always)
  static func append(_ scalar: Unicode.Scalar, onto bytes: inout [UInt8]) {
    let value = scalar.value
    switch value {
    case ..<0x80: bytes.append(UInt8(truncatingIfNeeded: value))
    case ..<0x800:
      bytes.append(UInt8(truncatingIfNeeded: 0xC0 | value >> 6))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3F))
    case ..<0x10000:
      bytes.append(UInt8(truncatingIfNeeded: 0xE0 | value >> 12))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | value >> 6 & 0x3F))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3F))
    default:
      bytes.append(UInt8(truncatingIfNeeded: 0xF0 | value >> 18))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | value >> 12 & 0x3F))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | value >> 6 & 0x3F))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3F))
    }
  }
}
