import CZlib
import Zeroth

@testable import ZerothTasks

/// A gzip file, of at most a megabyte when it is opened. What zlib packs opens to what it was.
let readGzip = Reader { input in
  precondition(mustRead { try Gzip.decompress(packed(input), path: "packed") } == input, "other bytes are opened")
  let contents = try Gzip.decompress(input, path: "input", limit: 1 << 20)
  precondition(contents.count <= 1 << 20, "more was opened than the limit allows")
}

/// `bytes` as a gzip file.
private func packed(_ bytes: [UInt8]) -> [UInt8] {
  // zlib remembers the address of its stream, which therefore has memory of its own.
  let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  stream.initialize(to: z_stream())
  defer { stream.deallocate() }
  let status = deflateInit2_(
    stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
    Int32(MemoryLayout<z_stream>.size))
  guard status == Z_OK else { fatalError("zlib cannot start") }
  defer { deflateEnd(stream) }
  let room = Int(deflateBound(stream, uLong(bytes.count)))
  return bytes.withUnsafeBufferPointer { input in
    [UInt8](unsafeUninitializedCapacity: room) { output, count in
      stream.pointee.next_in = input.baseAddress
      stream.pointee.avail_in = uInt(input.count)
      stream.pointee.next_out = output.baseAddress
      stream.pointee.avail_out = uInt(room)
      guard deflate(stream, Z_FINISH) == Z_STREAM_END else { fatalError("zlib cannot pack") }
      count = room - Int(stream.pointee.avail_out)
    }
  }
}
