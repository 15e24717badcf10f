import Foundation
import ZerothSupport

/// Connects the processes of a job. Each process has a number from 0, its *rank*. Rank 0 leads the job.
///
/// All ranks make the same calls in the same order. If a rank is lost, the job ends: a call never returns without the
/// other ranks.
public protocol Communicator: AnyObject {
  /// The rank of this process, from 0.
  var rank: Int { get }
  /// The number of processes.
  var size: Int { get }

  /// Fills `all` with the bytes of every rank, in the order of the ranks: `counts[r]` bytes from rank r. `own` are the
  /// bytes of this rank.
  func allGather(_ own: UnsafeRawBufferPointer, counts: [Int], into all: UnsafeMutableRawBufferPointer)

  /// Closes the connection, at the end of a job in which every rank has reached this call.
  func finish()
}

/// A job of a single process.
public final class SingleRank: Communicator {
  /// A single process.
  public init() {}

  /// 0: the only rank.
  public var rank: Int { 0 }
  /// 1: there is one process.
  public var size: Int { 1 }

  /// Copies the process's own bytes.
  public func allGather(_ own: UnsafeRawBufferPointer, counts: [Int], into all: UnsafeMutableRawBufferPointer) {
    all.copyMemory(from: own)
  }

  /// Does nothing, because nothing has to be closed.
  public func finish() {}
}

/// What the launcher of a job, such as `mpirun`, tells a process in its environment.
public struct Launch: Sendable, Hashable {
  /// The rank of this process, from 0.
  public let rank: Int
  /// The number of processes of the job.
  public let size: Int
  /// The number of processes of the job on this machine.
  public let localSize: Int

  /// The launch that `environment` describes, in the form of Open MPI, MPICH or Intel MPI; nil for a process without a
  /// launcher.
  public init?(_ environment: [String: String] = ProcessInfo.processInfo.environment) {
    func number(_ names: String...) -> Int? { names.lazy.compactMap { environment[$0].flatMap { Int($0) } }.first }
    guard let size = number("OMPI_COMM_WORLD_SIZE", "PMI_SIZE"), size > 0 else { return nil }
    self.size = size
    rank = number("OMPI_COMM_WORLD_RANK", "PMI_RANK") ?? 0
    localSize = max(1, number("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS") ?? 1)
  }

  /// The beginnings of the names of the variables in which launchers describe a job. A process that has to be a job of
  /// its own is started without these variables.
  public static let prefixes = ["OMPI_", "PMIX_", "PMI_", "MPI_LOCAL"]

  /// The default number of shards of each mini-batch: 1 without a launcher. Under a launcher it is 8, or the number of
  /// ranks where that is larger.
  public static var defaultShards: Int { Launch().map { max(8, $0.size) } ?? 1 }
}
