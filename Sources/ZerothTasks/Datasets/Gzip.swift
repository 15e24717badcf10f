import CZlib
import Zeroth

/// Decompresses gzip files (RFC 1952) with zlib, for data sets that are handed around compressed.
enum Gzip {
  /// The first bytes of every gzip file. The third names the only compression method that exists.
  static let magic: [UInt8] = [0x1F, 0x8B, 8]

  /// The most bytes of the decompressed contents: 1 GiB, far more than the data of any task.
  static let limit = 1 << 30

  /// The contents of all members of a gzip file, checked against their checksums.
  ///
  /// A few megabytes can decompress to many gigabytes. So the contents are first counted without being kept, and a file
  /// with more than `limit` bytes takes no memory. Throws `InputError` for such a file, and for one that is truncated
  /// or corrupt.
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

  /// `count` bytes in words; in GiB where it is a whole number of them.
  private static func words(_ count: Int) -> String {
    count % (1 << 30) == 0 ? "\(count >> 30) GiB" : "\(count) bytes"
  }

  /// Calls `body` with the contents of all members, part by part. All parts use the same memory.
  private static func forEachPart(
    of bytes: [UInt8], path: String, _ body: (UnsafeBufferPointer<UInt8>) throws(InputError) -> Void
  ) throws(InputError) {
    // zlib remembers the address of its stream, so the stream needs its own memory.
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    defer { stream.deallocate() }
    // 15 is the largest window. The 16 added to it selects the header and the checksum of gzip.
    let status = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else {
      throw InputError(path, found: "no start of zlib: \(String(cString: zError(status)))", expected: "memory for it")
    }
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
        case Z_STREAM_END: inflateReset(stream)  // to begin the next member
        // zlib could do nothing although there is room for output, so the input has ended.
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
