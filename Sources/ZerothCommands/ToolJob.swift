import ArgumentParser
import Foundation
import ZerothDistributed
import ZerothSupport
import ZerothTraining

extension ZerothTool {
  /// Does `body` in the job that this process belongs to: with the others that its launcher started, or by itself.
  ///
  /// An error that all ranks know of is told by rank 0, and all of them end. One that a rank has by itself is told by it, and ends the
  /// job: the others would wait for ever. Throws `InputError` where there are others and the tool was built without MPI.
  static func inJob(_ body: (Job) throws -> Void) throws {
    guard let launch = Launch(), launch.size > 1 else { return try body(Job { Interruption.request }) }
    let job = Job(try connect(launch)) { Interruption.request }
    do {
      try body(job)
      try StandardStreams.flushOutput()
      job.finish()
    } catch  where job.isAgreedEnd || error is ExitCode {
      let status = (error as? ExitCode)?.rawValue ?? 2
      if job.leads, !(error is ExitCode) { Tool.tell("\(error)") }
      try? StandardStreams.flushOutput()
      job.finish()
      Foundation.exit(status)
    } catch let error as InputError where !job.leads {
      throw InputError("rank \(job.rank) (\(job.host)): \(error.subject)", found: error.found, expected: error.expected)
    }
  }

  /// Throws `InputError` in a job of several processes, for a command that one does.
  static func requireAlone(_ command: String) throws(InputError) {
    guard let launch = Launch(), launch.size > 1 else { return }
    throw InputError(
      command, found: "\(launch.size) processes of one job", expected: "one: train and sweep are done by several")
  }
}
