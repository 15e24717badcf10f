import CZeroth
import Foundation
import ZerothDistributed
import ZerothSupport

/// A child process: it runs this tool to do a part of the work of this process, and it ends when this process ends.
final class ChildProcess {
  /// How a child process ended.
  enum End {
    /// It exited with this status.
    case exited(Int32)
    /// This signal killed it.
    case killed(Int32)
  }

  /// The environment variable that tells a child process the number of its parent.
  private static let variable = "ZEROTH_PARENT"
  private let number: pid_t

  /// Starts the tool with `arguments`. Its output is appended to the file at `output`.
  init(_ arguments: [String], output: String) throws(InputError) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
    // This process may block signals. The child blocks none, because a signal tells it to end.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    // The child is a job of its own, even where this process belongs to a job of several.
    let environment = ProcessInfo.processInfo.environment
      .filter { variable in !Launch.prefixes.contains { variable.key.hasPrefix($0) } }
      .merging([Self.variable: "\(getpid())"]) { $1 }
    var words = ([ZerothTool.name] + arguments).map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in words + variables { free(text) } }
    var number: pid_t = 0
    // The child runs the program that is running now, even if its file has been replaced since.
    let error = posix_spawn(&number, "/proc/self/exe", &actions, &attributes, &words, &variables)
    guard error == 0 else {
      errno = error
      throw InputError.system("a process for \(output)", expected: "one more process")
    }
    self.number = number
  }

  /// How the process ended; nil while it runs.
  func end() -> End? {
    var status: Int32 = 0
    guard waitpid(number, &status, WNOHANG) == number else { return nil }
    let signal = status & 0x7F
    return signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal)
  }

  /// Asks the process to end after its present step.
  func interrupt() { kill(number, SIGTERM) }

  /// In a child process: makes it end when its parent ends. Does nothing in a process that has no such parent.
  static func followParent() {
    guard let parent = ProcessInfo.processInfo.environment[variable].flatMap(Int32.init) else { return }
    if zeroth_end_with_parent(parent) == 0 { Foundation.exit(128 + SIGTERM) }
  }
}
