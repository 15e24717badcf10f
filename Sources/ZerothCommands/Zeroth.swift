import ArgumentParser
import Foundation
import Zeroth
import ZerothBenchmarks
import ZerothDistributed
import ZerothModels
import ZerothPluginHost
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

/// The command-line tool.
struct Tool: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: ZerothTool.name,
      abstract: "Zeroth-order optimisation: fine-tunes language models with forward passes alone.",
      version: Versions.zeroth,
      subcommands: [
        Train.self, Sweep.self, Compare.self, ReportCommand.self, Diagnose.self, Evaluate.self, Predict.self,
        Generate.self,
        Replay.self, DemoCommand.self,
        Verify.self, Inspect.self, List.self, Explain.self, Tokenize.self, Convert.self, Merge.self, Bench.self,
      ])
  }

  /// Runs the tool and ends the process. Bad input gives one line on standard error and status 2; a run that failed
  /// gives status 1.
  static func run(_ arguments: [String]) -> Never {
    do {
      if ["train", "diagnose"].contains(arguments.first) { try SettingArguments.checkValues(arguments) }
      if arguments.first == "help" {
        try requireCommand(arguments.dropFirst(), subject: "help")
      } else {
        try requireCommand(arguments.prefix(1), subject: "command")
      }
      if let command = arguments.first, !["train", "sweep"].contains(command),
        !arguments.starts(with: ["bench", "distributed"])
      {
        try ZerothTool.requireAlone(command)
      }
      var command = try parseAsRoot(arguments)
      try command.run()
      try StandardStreams.flushOutput()
      Foundation.exit(0)
    } catch let error as InputError {
      fail("\(error)", status: 2)
    } catch let error as ExitCode {
      exit(withError: error)
    } catch {
      // The parser reports help and version as errors with status 0. Its other errors are bad input.
      guard exitCode(for: error) == .success else { fail(ParserMessage.words(message(for: error)), status: 2) }
      print(fullMessage(for: error))
      do { try StandardStreams.flushOutput() } catch { fail("\(error)", status: 2) }
      Foundation.exit(0)
    }
  }

  /// Throws an `InputError` unless `words` name a command and its subcommands. For an unknown command the parser would
  /// only show the help of the command above it.
  private static func requireCommand(_ words: some Sequence<String>, subject: String) throws(InputError) {
    var known = configuration.subcommands
    for word in words where !word.hasPrefix("-") && word != "help" {
      guard let command = known.first(where: { $0._commandName == word }) else {
        throw InputError(
          subject, found: "'\(word.excerpt)'",
          expected: Suggestion.expected(for: word, among: known.map { $0._commandName }))
      }
      known = command.configuration.subcommands
    }
  }

  /// Ends the process with `message` in one line on standard error.
  static func fail(_ message: String, status: Int32) -> Never {
    if let launch = Launch(), launch.rank > 0, !ZerothTool.isConnected {
      // Before the ranks are connected, all of them fail alike, so only rank 0 reports. The others wait, because the
      // first process to end may end the rest.
      usleep(500_000)
    } else {
      tell(message)
    }
    Foundation.exit(status)
  }

  /// Writes `message` as one line to standard error.
  static func tell(_ message: String) {
    let line = message.split(whereSeparator: \.isNewline).joined(separator: " ").printable()
    StandardStreams.tell("\(ZerothTool.name): \(line)\n")
  }
}

/// The options that every command has.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON on standard output instead of text.")
  var json = false

  /// Prints `json` if JSON is asked for, and `text` otherwise.
  func print(_ json: @autoclosure () throws -> JSON, text: @autoclosure () throws -> String) rethrows {
    let text = try self.json ? json().pretty : text()
    Swift.print(text, terminator: text.hasSuffix("\n") ? "" : "\n")
  }
}

/// The option for the number of threads. Every command that computes has it.
struct ThreadOptions: ParsableArguments {
  @Option(name: .customLong("threads"), parsing: .unconditional, help: .option("run", "threads"))
  var given: Int?

  /// The number of threads that was asked for, or of all available ones.
  var threads: Int { given ?? RunSettings.availableThreads }

  /// Makes the process compute with this number of threads. Throws an `InputError` for a number that is out of range.
  func apply() throws(InputError) {
    try check()
    Parallel.threads = threads
  }

  /// Throws an `InputError` for a number of threads that is out of range.
  func check() throws(InputError) {
    _ = try Setting(.typed(.int(threads)), origin: "--threads").read(as: RunSettings.threads)
  }
}
