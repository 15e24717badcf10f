import CZlib
import Foundation

/// CRC-32, as zlib and gzip have it: finds every damage of up to 32 bits in a row.
enum Checksum {
  /// The checksum of `bytes`, going on from that of what stands before them.
  static func crc32(_ bytes: some ContiguousBytes, after before: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { bytes in
      guard let start = bytes.bindMemory(to: UInt8.self).baseAddress else { return before }
      return UInt32(truncatingIfNeeded: CZlib.crc32(uLong(before), start, uInt(bytes.count)))
    }
  }

  /// Eight hexadecimal digits.
  static func hex(_ checksum: UInt32) -> String {
    let digits = String(checksum, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}

extension Data {
  /// Appends `number`, little endian.
  mutating func append(littleEndian number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }

  /// The number that stands `offset` bytes from the start, little endian.
  func littleEndian<T: FixedWidthInteger>(at offset: Int, as _: T.Type = T.self) -> T {
    withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
  }
}
