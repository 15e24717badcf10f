import Foundation
import ZerothDistributed
import ZerothRecords
import ZerothSupport

extension TrajectoryHeader {
  /// Throws an `InputError` on every rank of `job`, unless all ranks belong to the same run. It names the first rank
  /// that does not, and the difference: the version, an option, the model's weights, or the data.
  func requireSame(on job: Job) throws {
    guard job.isShared else { return }
    let about: JSON = ["version": .string(Versions.zeroth), "host": .string(job.host)]
    let abouts = job.gather(Array(about.description.utf8))
    let headers = job.gather(Array(encoded))
    try job.together {
      func word(_ key: String, _ rank: Int) throws -> String {
        try JSON(parsing: Data(abouts[rank]), subject: "rank \(rank)")[key]?.string ?? ""
      }
      let first = try TrajectoryHeader(Data(headers[0]), path: "rank 0")
      for rank in 1..<job.size {
        let name = "rank \(rank) (\(try word("host", rank)))"
        let (version, ours) = (try word("version", rank), try word("version", 0))
        guard version == ours else {
          throw InputError(
            "\(name): version", found: version, expected: "\(ours), as on rank 0 (\(try word("host", 0)))")
        }
        try TrajectoryHeader(Data(headers[rank]), path: name).requireSameRun(as: first, path: name)
      }
    }
  }
}
