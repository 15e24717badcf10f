import CZeroth
import Zeroth

/// Runs `body` with `count` threads, all of which take part in every loop of the caller.
///
/// To this end the caller holds the pool of threads until `body` returns. While another caller has the pool, a loop
/// runs in its caller alone, and a test of different thread counts would compare nothing. Several callers wait for each
/// other. Calls may be nested.
///
/// Throws what `body` throws. Throws `LawViolation` when a loop ran on fewer threads than `count` and its number of
/// pieces allow, and when `body` has no loop of two or more pieces, because it then tests nothing about threads.
/// `isLoopless` allows the second case.
public func withThreads<R>(_ count: Int, isLoopless: Bool = false, _ body: () throws -> R) throws -> R {
  try holdingThreads(count, isLoopless: isLoopless) { Result { try body() } }.get()
}

/// As `withThreads`, for a `body` that cannot fail.
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
