import CZlib
import Foundation

/// The CRC-32 of zlib and gzip. It detects every damage of up to 32 bits in a row.
enum Checksum {
  /// The checksum of `bytes`, where `before` is the checksum of the bytes before them.
  static func crc32(_ bytes: some ContiguousBytes, after before: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { bytes in
      guard let start = bytes.bindMemory(to: UInt8.self).baseAddress else { return before }
      return UInt32(truncatingIfNeeded: CZlib.crc32(uLong(before), start, uInt(bytes.count)))
    }
  }

  /// The checksum as eight hexadecimal digits.
  static func hex(_ checksum: UInt32) -> String {
    let digits = String(checksum, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}

extension Data {
  /// Appends the bytes of `number`, little endian.
  mutating func append(littleEndian number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }

  /// The little-endian number at offset `offset` from the start.
  func littleEndian<T: FixedWidthInteger>(at offset: Int, as _: T.Type = T.self) -> T {
    withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
  }
}
