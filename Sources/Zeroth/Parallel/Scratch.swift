import CZeroth

/// Calls `body` with `count` floats of temporary memory and returns its result. The memory is aligned to 64 bytes; its
/// values are undefined at first.
///
/// The memory belongs to the calling thread, which keeps it for the next call. This is faster than
/// `withUnsafeTemporaryAllocation`, which allocates on the heap each time when more than a kilobyte is asked for. Calls
/// may be nested.
public func withScratch<R, E: Error>(
  _ count: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws(E) -> R
) throws(E) -> R {
  let bytes = count * MemoryLayout<Float>.stride
  guard let memory = zeroth_scratch_take(bytes) else { zeroth_end_without_memory("\(count) temporary floats") }
  defer { zeroth_scratch_return(memory, bytes) }
  return try body(
    UnsafeMutableBufferPointer(start: memory.bindMemory(to: Float.self, capacity: count), count: count))
}
