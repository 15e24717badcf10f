import CZlib
import Zeroth

/// Decompresses gzip files (RFC 1952) with zlib, for data sets that are handed around compressed.
enum Gzip {
  /// The first bytes of every gzip file of the one method there is.
  static let magic: [UInt8] = [0x1F, 0x8B, 8]

  /// Bytes that a file may open to: 1 GiB, far more than any task's data.
  static let limit = 1 << 30

  /// The contents of all members of a gzip file, checked against their checksums.
  ///
  /// A few megabytes can open to many gigabytes. So the contents are counted before they are kept, and a file that opens
  /// to more than `limit` bytes takes no memory. Throws `InputError` for such a file and for one that is cut or corrupt.
  static func decompress(_ bytes: [UInt8], path: String, limit: Int = limit) throws(InputError) -> [UInt8] {
    var count = 0
    try forEachPart(of: bytes, path: path) { part throws(InputError) in
      count += part.count
      guard count <= limit else {
        let most = words(limit)
        throw InputError(path, found: "contents that open to more than \(most)", expected: "at most \(most)")
      }
    }
    var contents: [UInt8] = []
    contents.reserveCapacity(count)
    try forEachPart(of: bytes, path: path) { part throws(InputError) in contents.append(contentsOf: part) }
    return contents
  }

  /// `count` bytes in words, as GiB where they are whole ones.
  private static func words(_ count: Int) -> String {
    count % (1 << 30) == 0 ? "\(count >> 30) GiB" : "\(count) bytes"
  }

  /// Calls `body` with the contents of all members, part by part. The memory of a part is used again for the next one.
  private static func forEachPart(
    of bytes: [UInt8], path: String, _ body: (UnsafeBufferPointer<UInt8>) throws(InputError) -> Void
  ) throws(InputError) {
    // zlib remembers the address of its stream, which therefore has memory of its own.
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    defer { stream.deallocate() }
    // 15 is the largest window; 16 on top of it asks for gzip's header and checksum.
    let status = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { fatalError("zlib cannot start: \(String(cString: zError(status)))") }
    defer { inflateEnd(stream) }
    let part = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1 << 16)
    defer { part.deallocate() }
    try bytes.withUnsafeBufferPointer { input throws(InputError) in
      var given = 0
      while true {
        if stream.pointee.avail_in == 0, let start = input.baseAddress {
          let count = min(input.count - given, 1 << 30)  // zlib counts bytes in 32 bits
          stream.pointee.next_in = start + given
          stream.pointee.avail_in = uInt(count)
          given += count
        }
        stream.pointee.next_out = part.baseAddress
        stream.pointee.avail_out = uInt(part.count)
        let status = inflate(stream, Z_NO_FLUSH)
        try body(UnsafeBufferPointer(rebasing: part[..<(part.count - Int(stream.pointee.avail_out))]))
        switch status {
        case Z_OK: continue
        case Z_STREAM_END where given == input.count && stream.pointee.avail_in == 0: return
        case Z_STREAM_END: inflateReset(stream)  // for the member that follows
        // No step was possible although there is room for contents: the input has ended.
        case Z_BUF_ERROR: throw corrupt(path, "an end before the contents are complete")
        default:
          throw corrupt(path, "corrupt contents (\(String(cString: stream.pointee.msg ?? zError(status))))")
        }
      }
    }
  }

  private static func corrupt(_ path: String, _ found: String) -> InputError {
    InputError(path, found: found, expected: "a whole gzip file")
  }
}
