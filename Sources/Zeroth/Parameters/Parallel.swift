import CZeroth

/// Loops over independent pieces of work on the threads that `Parallel.threads` allows.
public enum Parallel {
  /// How many threads work at a time, the caller counted. Results do not depend on it.
  public static var threads: Int {
    get { Int(zeroth_threads()) }
    set { zeroth_set_threads(Int32(clamping: newValue)) }
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
  /// where `threads` is raised meanwhile. What it needs comes as `state`: a closure that captures is allocated on its
  /// way to other threads, one that captures nothing is not.
  ///
  /// `state` is lent. Where it holds references, let it be a struct and `body` call a method of it: what is copied
  /// out of a tuple is counted, and threads that count references to the same objects wait for each other.
  public static func forEach<State: Sendable & ~Copyable>(
    _ count: Int, workers: Int = threads, with state: borrowing State,
    _ body: @escaping @Sendable (_ state: borrowing State, _ index: Int, _ worker: Int) -> Void
  ) {
    withUnsafePointer(to: state) { state in
      withUnsafePointer(to: Loop(state: state, body: body)) { loop in
        withUnsafePointer(to: AnyLoop(kind: Loop<State>.self, loop: loop)) { any in
          let context = UnsafeMutableRawPointer(mutating: any)
          zeroth_parallel(Int32(count), Int32(clamping: workers), context) { context, index, worker in
            guard let any = context?.assumingMemoryBound(to: AnyLoop.self).pointee else { return }
            any.kind.run(any.loop, Int(index), Int(worker))
          }
        }
      }
    }
  }

  private struct Loop<State: Sendable & ~Copyable>: Runnable {
    let state: UnsafePointer<State>
    let body: @Sendable (borrowing State, Int, Int) -> Void

    static func run(_ loop: UnsafeRawPointer, _ index: Int, _ worker: Int) {
      let loop = loop.assumingMemoryBound(to: Self.self)
      loop.pointee.body(loop.pointee.state.pointee, index, worker)
    }
  }

  /// A loop whose type the C function that calls it does not know.
  private struct AnyLoop {
    let kind: any Runnable.Type
    let loop: UnsafeRawPointer
  }
}

private protocol Runnable {
  static func run(_ loop: UnsafeRawPointer, _ index: Int, _ worker: Int)
}
