import Foundation
import Synchronization
import Testing
import Zeroth
import ZerothTestKit

/// The pool of threads, and what comparisons of thread counts rest on.
@Suite struct PoolTests {
  /// How often each worker ran.
  private final class Tally: Sendable {
    private let counts = Mutex([Int](repeating: 0, count: 64))
    func add(_ worker: Int) { counts.withLock { $0[worker] += 1 } }
    var workers: Int { counts.withLock { $0.count { $0 > 0 } } }
    var total: Int { counts.withLock { $0.reduce(0, +) } }
  }

  private static func run(_ count: Int) -> Tally {
    let tally = Tally()
    Parallel.forEach(count) { _, worker in tally.add(worker) }
    return tally
  }

  /// Whether the competing caller may stop.
  private final class Flag: Sendable {
    private let value = Mutex(false)
    func raise() { value.withLock { $0 = true } }
    var isRaised: Bool { value.withLock { $0 } }
  }

  /// Another caller keeps asking for the pool meanwhile, and it still works with all threads, however short the loop.
  @Test(arguments: [2, 3, 8]) func allThreadsOfAHeldPoolTakePart(threads: Int) throws {
    let isOver = Flag()
    Thread.detachNewThread {
      while !isOver.isRaised { _ = Self.run(5) }
    }
    defer { isOver.raise() }
    try withThreads(threads) {
      for count in [threads, threads + 1, 100] {
        for _ in 0..<50 {
          let tally = Self.run(count)
          #expect(tally.workers == threads && tally.total == count)
        }
      }
      #expect(Self.run(2).workers == 2, "fewer pieces than threads")
    }
  }

  /// A comparison of thread counts that compares nothing is found out.
  @Test func loopsOnFewerThreadsAreFound() {
    func violation(_ body: () -> Void) -> LawViolation? {
      #expect(throws: LawViolation.self) { try withThreads(3, body) }
    }
    let narrow = violation { Parallel.forEach(5, workers: 1, with: 0) { _, _, _ in } }
    #expect(narrow?.law == .loopsUseTheThreads && narrow?.found == "1 of 1 loops on fewer")
    #expect(violation { Parallel.forEach(5, workers: 2, with: 0) { _, _, _ in } }?.found == "1 of 1 loops on fewer")
    #expect(violation { Parallel.forEach(1) { _ in } }?.found == "no loop of two pieces or more")
  }

  /// The number of threads is the caller's own, and what it was afterwards, also after an error.
  @Test func aNumberOfThreadsIsNotLeftBehind() {
    struct Stop: Error {}
    let before = Parallel.threads
    #expect(throws: Stop.self) {
      try Parallel.withThreads(7) {
        #expect(Parallel.threads == 7)
        Parallel.withThreads(0) { #expect(Parallel.threads == 1) }
        Parallel.withThreads(1000) { #expect(Parallel.threads == 64) }
        throw Stop()
      }
    }
    #expect(Parallel.threads == before)
  }

  /// Calls nest: the inner one does not give the pool away.
  @Test func holdsNest() throws {
    try withThreads(2) {
      try withThreads(3) { #expect(Self.run(9).workers == 3) }
      #expect(Self.run(9).workers == 2)
    }
  }
}
