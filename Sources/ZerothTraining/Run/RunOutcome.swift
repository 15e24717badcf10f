import Foundation
import Synchronization
import ZerothDistributed
import ZerothSupport

/// How a run ended.
public enum RunOutcome: Sendable, Hashable {
  /// All steps are done.
  case complete
  /// All steps are done, although the run has diverged on the way.
  case completeAfterDivergence
  /// It has diverged, and was stopped.
  case diverged
  /// No dev score was better for as long as was asked for.
  case stoppedEarly
  /// It was told to end by this signal.
  case interrupted(signal: Int32)

  /// What a table says beside the run's name; nil where there is nothing to say.
  public var remark: String? {
    switch self {
    case .complete: nil
    case .completeAfterDivergence, .diverged: "diverged"
    case .stoppedEarly: "stopped early"
    case .interrupted: "interrupted"
    }
  }

  /// The exit status of a process that runs it: 3 for a run that was stopped, 128 and its number for a signal.
  public var exitStatus: Int32 {
    switch self {
    case .complete, .completeAfterDivergence: 0
    case .diverged, .stoppedEarly: 3
    case .interrupted(let signal): 128 + signal
    }
  }
}

/// What is done when a run diverges. The raw values are the words of configurations.
public enum DivergencePolicy: String, CaseIterable, Sendable {
  /// It ends.
  case stop
  /// It ends, and its last model is the best one so far.
  case best
  /// It goes on, and says so at its end.
  case `continue`
}

/// SIGINT and SIGTERM as a request to end, which a run answers after its step.
///
/// The second such signal ends the process at once, as without this.
public enum Interruption {
  private static let received = Atomic<Int32>(0)

  /// Takes the two signals from now on, also where whoever started the process has blocked them. In the job of a launcher it takes
  /// SIGUSR1 too: that one is passed on by `mpirun` to all ranks, and ends none of them.
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

  /// The number of the signal that was received; nil before.
  public static var request: Int32? {
    let number = received.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }
}
