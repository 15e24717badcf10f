import CZeroth
import Foundation
import ZerothDistributed
import ZerothSupport

/// A process of this tool that does a part of its work, and ends with it.
final class ChildProcess {
  /// How it ended.
  enum End {
    /// With this status.
    case exited(Int32)
    /// By this signal.
    case killed(Int32)
  }

  /// The variable in which it finds the number of the process that it ends with.
  private static let variable = "ZEROTH_PARENT"
  private let number: pid_t

  /// Starts the tool with `arguments`; what it prints is appended to the file at `output`.
  init(_ arguments: [String], output: String) throws(InputError) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
    // The signals that it is told to end by are let through, whatever this process was started with.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    // It is a job by itself, whatever job this process belongs to.
    let environment = ProcessInfo.processInfo.environment
      .filter { variable in !Launch.prefixes.contains { variable.key.hasPrefix($0) } }
      .merging([Self.variable: "\(getpid())"]) { $1 }
    var words = ([ZerothTool.name] + arguments).map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in words + variables { free(text) } }
    var number: pid_t = 0
    // This very program, also where its file has been replaced meanwhile.
    let error = posix_spawn(&number, "/proc/self/exe", &actions, &attributes, &words, &variables)
    guard error == 0 else {
      errno = error
      throw InputError.system("a process for \(output)", expected: "one more process")
    }
    self.number = number
  }

  /// How it ended; nil while it runs.
  func end() -> End? {
    var status: Int32 = 0
    guard waitpid(number, &status, WNOHANG) == number else { return nil }
    let signal = status & 0x7F
    return signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal)
  }

  /// Asks it to end after its step.
  func interrupt() { kill(number, SIGTERM) }

  /// Lets this process end with the one that started it as a part of its work, if one has.
  static func followParent() {
    guard let parent = ProcessInfo.processInfo.environment[variable].flatMap(Int32.init) else { return }
    if zeroth_end_with_parent(parent) == 0 { Foundation.exit(128 + SIGTERM) }
  }
}
