import CZeroth
import Zeroth

/// `body` with `count` threads that all take part in every loop of the caller.
///
/// The caller holds the pool of threads meanwhile: otherwise a loop runs in its caller alone while another caller has the
/// pool, and a comparison of thread counts compares nothing. Callers wait for each other; calls nest.
///
/// Throws what `body` throws, and `LawViolation` when a loop ran on fewer threads than `count` and its number of pieces
/// allow, or when `body` has no loop of two pieces and so says nothing about threads. `isLoopless` says that this may be.
public func withThreads<R>(_ count: Int, isLoopless: Bool = false, _ body: () throws -> R) throws -> R {
  try holdingThreads(count, isLoopless: isLoopless) { Result { try body() } }.get()
}

/// `withThreads` of a `body` that cannot fail.
func holdingThreads<R>(_ count: Int, isLoopless: Bool = false, _ body: () -> R) throws(LawViolation) -> R {
  let (result, loops) = Parallel.withThreads(count) {
    zeroth_take_pool()
    let result = body()
    return (result, zeroth_return_pool())
  }
  guard count > 1 else { return result }
  try demand(
    .loopsUseTheThreads, loops.narrow == 0, found: "\(loops.narrow) of \(loops.loops) loops on fewer",
    expected: "\(count) threads")
  try demand(
    .loopsUseTheThreads, loops.loops > 0 || isLoopless, found: "no loop of two pieces or more",
    expected: "one on \(count) threads")
  return result
}
