import ArgumentParser
import Foundation
import Synchronization
import ZerothDistributed
import ZerothModels
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// Everything that a tool knows by name: the strategies, the tasks and the families of models that its commands accept.
public struct Toolbox: Sendable {
  /// The strategies.
  public var registry: Registry
  /// The tasks.
  public var tasks: TaskRegistry
  /// The families of models.
  public var families: ModelFamilies

  /// The strategies of the core, and the tasks and families of this package.
  public init(
    registry: Registry = .standard, tasks: TaskRegistry = .standard, families: ModelFamilies = .standard
  ) {
    self.registry = registry
    self.tasks = tasks
    self.families = families
  }
}

/// The command-line tool as a library. It gives your own strategies the commands `train`, `evaluate`, `replay`, `list`,
/// `explain` and the rest.
///
///     @main struct MyZeroth {
///       static func main() { ZerothTool.main(named: "my-zeroth") { try install(into: &$0.registry) } }
///     }
public enum ZerothTool {
  /// What the commands need to know. The parser creates the commands, so that this cannot be handed to them and is kept
  /// here.
  private struct State {
    var name = "zeroth"
    var toolbox = Toolbox()
    var arguments: [String] = []
    /// Connects this process with the others of its job; nil where the tool was built without MPI.
    var connect: (@Sendable () throws -> any Communicator)?
    var isConnected = false
  }

  private static let state = Mutex(State())

  /// The name of the tool in messages and help.
  static var name: String { state.withLock { $0.name } }
  /// Everything that the tool knows by name.
  static var toolbox: Toolbox { state.withLock { $0.toolbox } }
  /// The words of the command line, without the name of the program.
  static var arguments: [String] { state.withLock { $0.arguments } }

  /// Whether this process is connected with the others of its job.
  static var isConnected: Bool { state.withLock { $0.isConnected } }

  /// Connects this process with the others of the job `launch`.
  static func connect(_ launch: Launch) throws -> any Communicator {
    guard let connect = state.withLock({ $0.connect }) else {
      throw InputError(
        "mpirun", found: "\(launch.size) processes of one job",
        expected: "one, as this \(name) was built without MPI: build it by make mpi, or by swift build --traits MPI")
    }
    let communicator = try connect()
    state.withLock { $0.isConnected = true }
    return communicator
  }

  /// The command line of this process, as it would be typed in a shell.
  static var commandLine: String {
    ([name] + arguments).map { word in
      let isPlain = !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "_-./=,:+@%".contains($0) }
      return isPlain
        ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }.joined(separator: " ")
  }

  /// Runs the command line of this process and then ends the process. The status is 0 for success, 2 for bad input, and
  /// 1 for a run that failed.
  ///
  /// - Parameters:
  ///   - name: the name of the tool in messages and help.
  ///   - install: adds to the built-in strategies, tasks and families. An error that it throws counts as bad input.
  ///   - connect: connects this process with the others of its job, where a launcher such as `mpirun` has started it.
  public static func main(
    named name: String = "zeroth", _ install: (inout Toolbox) throws -> Void = { _ in },
    connect: (@Sendable () throws -> any Communicator)? = nil
  ) -> Never {
    StandardStreams.prepare()
    var toolbox = Toolbox()
    let result = Result { try install(&toolbox) }
    let arguments = Array(CommandLine.arguments.dropFirst())
    state.withLock { [toolbox] in $0 = State(name: name, toolbox: toolbox, arguments: arguments, connect: connect) }
    if case .failure(let error) = result { Tool.fail("\(error)", status: 2) }
    if let error = argumentError { Tool.fail("\(error)", status: 2) }
    Tool.run(arguments)
  }

  /// The error for a command line that Swift cannot read as it was typed. It reads an argument that is not UTF-8 as a
  /// different text, and so a path as the path of a different file. Without /proc it reads no words, and every command
  /// would look like a call for help.
  private static var argumentError: InputError? {
    if CommandLine.arguments.isEmpty {
      return InputError("/proc/self/cmdline", found: "no words", expected: "the command line, with /proc mounted")
    }
    for (index, argument) in UnsafeBufferPointer(start: CommandLine.unsafeArgv, count: Int(CommandLine.argc))
      .enumerated()
    where argument.map({ String(validatingCString: $0) == nil }) ?? false {
      return InputError("argument \(index)", found: "bytes that are not UTF-8", expected: "text, or a path, in UTF-8")
    }
    return nil
  }
}
