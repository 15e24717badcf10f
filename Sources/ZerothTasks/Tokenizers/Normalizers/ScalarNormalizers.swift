/// Converts to lower case, scalar by scalar. As in the reference, no rule depends on neighbouring letters.
struct Lowercase: Normalizer {
  var growth: Int { 2 }

  func append(_ text: [UInt8], _ range: Range<Int>, onto normalized: inout [UInt8]) {
    forEachScalar(
      text, range, ascii: { normalized.append(Self.lower($0)) },
      scalar: { scalar, place in Self.append(scalar, text[place], onto: &normalized) })
  }

  @inline(__always)
  static func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

  /// Appends the lower case of `scalar`, whose UTF-8 is `bytes`.
  @inline(__always)
  static func append(_ scalar: Unicode.Scalar, _ bytes: ArraySlice<UInt8>, onto normalized: inout [UInt8]) {
    if mayHaveCase(scalar) {
      normalized += scalar.properties.lowercaseMapping.utf8
    } else {
      normalized += bytes
    }
  }

  /// False for the blocks of scripts without case. This is only for speed in long texts of such scripts.
  @inline(__always)
  private static func mayHaveCase(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0590..<0x10A0, 0x1100..<0x13A0, 0x2E80..<0xA640, 0xAC00..<0xFB00: false
    default: true
    }
  }
}

/// Removes combining marks.
struct StripAccents: Normalizer {
  var growth: Int { 1 }

  func append(_ text: [UInt8], _ range: Range<Int>, onto normalized: inout [UInt8]) {
    forEachScalar(
      text, range, ascii: { normalized.append($0) },
      scalar: { scalar, place in
        if !NormalForms.isMark(scalar) { normalized += text[place] }
      })
  }
}

/// The cleaning of the NMT models: control characters are removed, and characters similar to a space become spaces.
struct NmtNormalizer: Normalizer {
  var growth: Int { 1 }

  func append(_ text: [UInt8], _ range: Range<Int>, onto normalized: inout [UInt8]) {
    forEachScalar(
      text, range,
      ascii: { byte in
        switch byte {
        case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F: break
        case 0x09, 0x0A, 0x0C, 0x0D: normalized.append(0x20)
        default: normalized.append(byte)
        }
      },
      scalar: { scalar, place in
        switch scalar.value {
        case 0x8F, 0x9F: break
        case 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: normalized.append(0x20)
        default: normalized += text[place]
        }
      })
  }
}
