/// Reading Unicode scalars straight from UTF-8 that comes from a `String` and so is valid.
enum UTF8Scalars {
  /// The scalar that starts at `index`, and its length in bytes.
  @inline(__always)
  static func scalar(in bytes: [UInt8], at index: Int) -> (scalar: Unicode.Scalar, length: Int) {
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

  /// Where the scalar that ends just before `index` starts.
  static func start(before index: Int, in bytes: [UInt8]) -> Int {
    var start = index - 1
    while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }
}
