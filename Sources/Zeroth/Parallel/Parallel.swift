import CZeroth

/// Loops over independent pieces of work, on the number of threads that `Parallel.threads` gives.
public enum Parallel {
  /// The number of threads that work on a loop, the calling thread included. Inside `withThreads` it is the number
  /// given there; elsewhere it is that of the process. Results do not depend on it. Setting it sets the number of the
  /// process.
  public static var threads: Int {
    get { Int(zeroth_threads()) }
    set { zeroth_set_threads(Int32(clamping: newValue)) }
  }

  /// Runs `body`. The loops that the calling thread starts in it use `count` threads, 1 to 64. Other threads keep their
  /// own number.
  public static func withThreads<R: ~Copyable, E: Error>(_ count: Int, _ body: () throws(E) -> R) throws(E) -> R {
    let before = zeroth_set_own_threads(Int32(clamping: max(count, 1)))
    defer { _ = zeroth_set_own_threads(before) }
    return try body()
  }

  /// Calls `body` once for each index below `count`. Each call may be on any thread.
  public static func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
    withoutActuallyEscaping(body) { forEach(count, with: $0) { body, index, _ in body(index) } }
  }

  /// Calls `body` once for each index below `count`, with the number of the thread that makes the call.
  public static func forEach(_ count: Int, _ body: @Sendable (_ index: Int, _ worker: Int) -> Void) {
    withoutActuallyEscaping(body) { forEach(count, with: $0) { body, index, worker in body(index, worker) } }
  }

  /// Calls `body` once for each index below `count`, with the number of the thread that makes the call. This number is
  /// below `workers` even where `threads` is raised during the loop.
  ///
  /// `body` captures nothing; what it needs is passed as `state`. The reason is memory: a closure that captures values
  /// is put on the heap before other threads call it, and a step must not allocate.
  ///
  /// `state` is lent, not copied. Where it holds references to objects, a `ParallelWork` is faster: a reference that is
  /// copied out of a tuple changes the reference count of its object, and threads that change one count wait for each
  /// other.
  public static func forEach<State: Sendable & ~Copyable>(
    _ count: Int, workers: Int = threads, with state: borrowing State,
    _ body: @escaping @Sendable (_ state: borrowing State, _ index: Int, _ worker: Int) -> Void
  ) {
    withUnsafePointer(to: state) { forEach(count, workers: workers, Loop(state: $0, body: body)) }
  }

  /// Calls `work.run` once for each index below `count`, with the number of the thread that makes the call, which is
  /// below `workers`. `work` is lent, not copied. Its code is a method because a closure in generic code would be put
  /// on the heap.
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

  /// A loop and the type that runs it. The C function passes it on without knowing the type.
  private struct AnyLoop {
    let kind: any Runnable.Type
    let loop: UnsafeRawPointer
  }
}

/// The shared data of a parallel loop, and the work that each of its pieces does.
public protocol ParallelWork: ~Copyable, Sendable {
  /// Does piece number `index` on thread number `worker`. Other pieces run at the same time.
  func run(_ index: Int, _ worker: Int)
}

private protocol Runnable {
  static func run(_ loop: UnsafeRawPointer, _ index: Int, _ worker: Int)
}
