import Foundation
import ZerothDistributed

/// The ranks of a job as threads of this process, so that what they do can be tested without MPI.
public final class ThreadRanks: @unchecked Sendable {
  private let size: Int
  private let changed = NSCondition()
  private var parts: [[UInt8]]
  private var arrived = 0
  private var round = 0
  private var all: [UInt8] = []

  private init(_ size: Int) {
    self.size = size
    parts = Array(repeating: [], count: size)
  }

  /// What `body` gives, or throws, on each of `size` ranks. They end together, or the test hangs: as the ranks of a job do that lose one.
  public static func run<R>(
    _ size: Int, _ body: @escaping @Sendable (any Communicator) throws -> R
  ) -> [Result<R, any Error>] {
    let ranks = ThreadRanks(size)
    let results = Results<R>(size)
    let done = DispatchGroup()
    for rank in 0..<size {
      done.enter()
      let thread = Thread {
        results.values[rank] = Result { try body(ThreadRank(ranks, rank)) }
        done.leave()
      }
      thread.stackSize = 16 << 20
      thread.start()
    }
    done.wait()
    return results.values.compactMap(\.self)
  }

  fileprivate func allGather(_ own: [UInt8], from rank: Int) -> [UInt8] {
    changed.lock()
    defer { changed.unlock() }
    parts[rank] = own
    arrived += 1
    let mine = round
    if arrived == size {
      all = parts.flatMap(\.self)
      arrived = 0
      round += 1
      changed.broadcast()
    }
    while round == mine { changed.wait() }
    return all
  }

  private final class Results<R>: @unchecked Sendable {
    private let memory: UnsafeMutableBufferPointer<Result<R, any Error>?>
    var values: UnsafeMutableBufferPointer<Result<R, any Error>?> { memory }

    init(_ count: Int) {
      memory = .allocate(capacity: count)
      memory.initialize(repeating: nil)
    }

    deinit {
      memory.deinitialize()
      memory.deallocate()
    }
  }

  private final class ThreadRank: Communicator {
    let rank: Int
    private let ranks: ThreadRanks

    init(_ ranks: ThreadRanks, _ rank: Int) {
      self.ranks = ranks
      self.rank = rank
    }

    var size: Int { ranks.size }

    func allGather(_ own: UnsafeRawBufferPointer, counts: [Int], into all: UnsafeMutableRawBufferPointer) {
      precondition(own.count == counts[rank] && all.count == counts.reduce(0, +), "counts are those of the bytes")
      let found = ranks.allGather(Array(own), from: rank)
      precondition(found.count == all.count, "all ranks are in the same call")
      all.copyBytes(from: found)
    }

    func finish() {}
  }
}
