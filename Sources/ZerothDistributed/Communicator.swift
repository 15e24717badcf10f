import Foundation
import ZerothSupport

/// What connects the processes of a job. Each has a number, its *rank*, from 0; that of rank 0 leads the job.
///
/// All ranks make the same calls in the same order. A rank that is lost ends the job: a call never returns without the others.
public protocol Communicator: AnyObject {
  /// This process's number, from 0.
  var rank: Int { get }
  /// How many processes there are.
  var size: Int { get }

  /// Fills `all` with the bytes of every rank, one behind the other in the order of the ranks: `counts[r]` bytes from rank r, of
  /// which this one's are `own`.
  func allGather(_ own: UnsafeRawBufferPointer, counts: [Int], into all: UnsafeMutableRawBufferPointer)

  /// Lets go of the others, at the end of a job in which every rank has got here.
  func finish()
}

/// A process that is a job by itself.
public final class SingleRank: Communicator {
  /// One process alone.
  public init() {}

  /// 0.
  public var rank: Int { 0 }
  /// 1.
  public var size: Int { 1 }

  /// Its own bytes.
  public func allGather(_ own: UnsafeRawBufferPointer, counts: [Int], into all: UnsafeMutableRawBufferPointer) {
    all.copyMemory(from: own)
  }

  /// Does nothing: right where nothing has to be closed.
  public func finish() {}
}

/// What the launcher of a job, such as `mpirun`, says of it in the environment.
public struct Launch: Sendable, Hashable {
  /// This process's number, from 0.
  public let rank: Int
  /// The processes of the job.
  public let size: Int
  /// The processes of the job on this machine.
  public let localSize: Int

  /// The launch that `environment` tells of, as Open MPI, MPICH and Intel MPI do; nil for a process that was started by itself.
  public init?(_ environment: [String: String] = ProcessInfo.processInfo.environment) {
    func number(_ names: String...) -> Int? { names.lazy.compactMap { environment[$0].flatMap { Int($0) } }.first }
    guard let size = number("OMPI_COMM_WORLD_SIZE", "PMI_SIZE"), size > 0 else { return nil }
    self.size = size
    rank = number("OMPI_COMM_WORLD_RANK", "PMI_RANK") ?? 0
    localSize = max(1, number("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS") ?? 1)
  }

  /// The variables by which launchers tell a process of its job begin with these: a process that is to be a job by itself is
  /// started without them.
  public static let prefixes = ["OMPI_", "PMIX_", "PMI_", "MPI_LOCAL"]

  /// Shards of each mini-batch unless others are asked for: 1, and under a launcher 8, or as many as there are ranks where those
  /// are more.
  public static var defaultShards: Int { Launch().map { max(8, $0.size) } ?? 1 }
}
