import CZeroth

/// Loops over independent pieces of work on the threads that `Parallel.threads` allows.
public enum Parallel {
  /// How many threads work at a time, the caller counted: those of `withThreads` around the caller, else the process's.
  /// Results do not depend on it. Setting it sets the process's.
  public static var threads: Int {
    get { Int(zeroth_threads()) }
    set { zeroth_set_threads(Int32(clamping: newValue)) }
  }

  /// Runs `body` with `count` threads, 1 to 64, for the loops that the calling thread starts. Other callers keep theirs.
  public static func withThreads<R: ~Copyable, E: Error>(_ count: Int, _ body: () throws(E) -> R) throws(E) -> R {
    let before = zeroth_set_own_threads(Int32(clamping: max(count, 1)))
    defer { _ = zeroth_set_own_threads(before) }
    return try body()
  }

  /// Calls `body` once for each index below `count`, on any thread.
  public static func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
    withoutActuallyEscaping(body) { forEach(count, with: $0) { body, index, _ in body(index) } }
  }

  /// Calls `body` once for each index below `count`, with the number of the thread that does it.
  public static func forEach(_ count: Int, _ body: @Sendable (_ index: Int, _ worker: Int) -> Void) {
    withoutActuallyEscaping(body) { forEach(count, with: $0) { body, index, worker in body(index, worker) } }
  }

  /// Calls `body` once for each index below `count`, with the number of the thread that does it, below `workers` even
  /// where `threads` is raised meanwhile.
  ///
  /// `body` gets what it needs as `state` and captures nothing. A closure that captures is put on the heap on its way to
  /// other threads, and a step asks for no memory.
  ///
  /// `state` is lent, not copied. A `state` that holds references is better a `ParallelWork`: a reference that is copied out
  /// of a tuple is counted, and threads that count references to one object wait for each other.
  public static func forEach<State: Sendable & ~Copyable>(
    _ count: Int, workers: Int = threads, with state: borrowing State,
    _ body: @escaping @Sendable (_ state: borrowing State, _ index: Int, _ worker: Int) -> Void
  ) {
    withUnsafePointer(to: state) { forEach(count, workers: workers, Loop(state: $0, body: body)) }
  }

  /// Calls `work.run` once for each index below `count`, with the number of the thread that does it, below `workers`.
  /// `work` is lent. Its code is a method and not a closure, as generic code would put a closure on the heap.
  public static func forEach<Work: ParallelWork & ~Copyable>(
    _ count: Int, workers: Int = threads, _ work: borrowing Work
  ) {
    withUnsafePointer(to: work) { work in
      withUnsafePointer(to: AnyLoop(kind: WorkLoop<Work>.self, loop: work)) { any in
        let context = UnsafeMutableRawPointer(mutating: any)
        zeroth_parallel(Int32(count), Int32(clamping: workers), context) { context, index, worker in
          guard let any = context?.assumingMemoryBound(to: AnyLoop.self).pointee else { return }
          any.kind.run(any.loop, Int(index), Int(worker))
        }
      }
    }
  }

  private struct WorkLoop<Work: ParallelWork & ~Copyable>: Runnable {
    static func run(_ loop: UnsafeRawPointer, _ index: Int, _ worker: Int) {
      loop.assumingMemoryBound(to: Work.self).pointee.run(index, worker)
    }
  }

  private struct Loop<State: Sendable & ~Copyable>: ParallelWork, @unchecked Sendable {
    let state: UnsafePointer<State>
    let body: @Sendable (borrowing State, Int, Int) -> Void

    func run(_ index: Int, _ worker: Int) { body(state.pointee, index, worker) }
  }

  /// A loop whose type the C function that calls it does not know.
  private struct AnyLoop {
    let kind: any Runnable.Type
    let loop: UnsafeRawPointer
  }
}

/// What the pieces of a parallel loop share, and what each of them does.
public protocol ParallelWork: ~Copyable, Sendable {
  /// Does piece number `index` on thread number `worker`, at the same time as others.
  func run(_ index: Int, _ worker: Int)
}

private protocol Runnable {
  static func run(_ loop: UnsafeRawPointer, _ index: Int, _ worker: Int)
}
