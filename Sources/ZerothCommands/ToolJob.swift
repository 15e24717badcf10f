import ArgumentParser
import Foundation
import ZerothDistributed
import ZerothSupport
import ZerothTraining

extension ZerothTool {
  /// Runs `body` in the job of this process. A job is all processes that a launcher started together, or this process
  /// alone.
  ///
  /// If all ranks know of an error, rank 0 reports it and all of them end. If one rank alone has an error, that rank
  /// reports it and ends the job, because the others would wait for it for ever. Throws an `InputError` where there are
  /// other processes but the tool was built without MPI.
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

  /// Throws an `InputError` in a job of several processes, for a command that only one process can run.
  static func requireAlone(_ command: String) throws(InputError) {
    guard let launch = Launch(), launch.size > 1 else { return }
    throw InputError(
      command, found: "\(launch.size) processes of one job", expected: "one: train and sweep are done by several")
  }
}
