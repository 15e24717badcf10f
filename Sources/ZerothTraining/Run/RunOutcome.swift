import Foundation
import Synchronization
import ZerothDistributed
import ZerothSupport

/// How a run ended.
public enum RunOutcome: Sendable, Hashable {
  /// All steps are done.
  case complete
  /// All steps are done, although the run diverged.
  case completeAfterDivergence
  /// The run diverged and was stopped.
  case diverged
  /// The run was stopped because no dev score was better for the given number of evaluations.
  case stoppedEarly
  /// The run was asked to end by this signal.
  case interrupted(signal: Int32)

  /// The remark beside the run's name in a table; nil where there is none.
  public var remark: String? {
    switch self {
    case .complete: nil
    case .completeAfterDivergence, .diverged: "diverged"
    case .stoppedEarly: "stopped early"
    case .interrupted: "interrupted"
    }
  }

  /// The exit status of a process with this run: 3 for a run that was stopped, 128 plus the number for a signal.
  public var exitStatus: Int32 {
    switch self {
    case .complete, .completeAfterDivergence: 0
    case .diverged, .stoppedEarly: 3
    case .interrupted(let signal): 128 + signal
    }
  }
}

/// What happens when a run diverges. The raw values are the words in configurations.
public enum DivergencePolicy: String, CaseIterable, Sendable {
  /// The run ends.
  case stop
  /// The run ends, and its best model so far becomes its last one.
  case best
  /// The run continues, and this is reported at its end.
  case `continue`
}

/// Treats SIGINT and SIGTERM as a request to end, which a run fulfils after the current step.
///
/// The second such signal ends the process at once, as it would without this.
public enum Interruption {
  private static let received = Atomic<Int32>(0)

  /// Starts to receive the two signals, even where the process that started this one has blocked them. In a job of a
  /// launcher it receives SIGUSR1 too, because `mpirun` passes that on to all ranks and does not end them.
  public static func listen() {
    let numbers = [SIGINT, SIGTERM] + (Launch() == nil ? [] : [SIGUSR1])
    var all = sigset_t()
    sigemptyset(&all)
    for number in numbers { sigaddset(&all, number) }
    pthread_sigmask(SIG_UNBLOCK, &all, nil)
    for number in numbers {
      signal(number) { number in
        Interruption.received.store(number, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
    }
  }

  /// The number of the signal that was received; nil for none.
  public static var request: Int32? {
    let number = received.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }
}
