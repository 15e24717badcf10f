import CZeroth

/// Calls `body` with `count` floats of temporary memory, of any values and aligned to 64 bytes, and returns its result.
///
/// The memory belongs to the thread, which keeps it for the next call: `withUnsafeTemporaryAllocation` asks the heap for
/// more than a kilobyte each time. Calls may stand inside one another.
public func withScratch<R, E: Error>(
  _ count: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws(E) -> R
) throws(E) -> R {
  let bytes = count * MemoryLayout<Float>.stride
  guard let memory = zeroth_scratch_take(bytes) else { zeroth_end_without_memory("\(count) temporary floats") }
  defer { zeroth_scratch_return(memory, bytes) }
  return try body(
    UnsafeMutableBufferPointer(start: memory.bindMemory(to: Float.self, capacity: count), count: count))
}
