import ArgumentParser
import Foundation
import Zeroth
import ZerothBenchmarks
import ZerothModels
import ZerothPluginHost
import ZerothRecords
import ZerothResources
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
        Train.self, Evaluate.self, Replay.self, DemoCommand.self, Verify.self, Inspect.self, List.self, Explain.self,
        Tokenize.self, Bench.self,
      ])
  }

  /// Bad input ends with one line on standard error and status 2; a run that failed with status 1.
  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let error as InputError {
      fail("\(error)", status: 2)
    } catch let error as ExitCode {
      exit(withError: error)
    } catch {
      // Help and version are "errors" of the parser with status 0; its others are bad input.
      guard exitCode(for: error) == .success else { fail(message(for: error), status: 2) }
      exit(withError: error)
    }
  }

  private static func fail(_ message: String, status: Int32) -> Never {
    FileHandle.standardError.write(Data("\(ZerothTool.name): \(message)\n".utf8))
    Foundation.exit(status)
  }
}

/// What every command takes.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON on standard output instead of text.")
  var json = false

  /// Prints `json` or, unless it is asked for, `text`.
  func print(_ json: @autoclosure () -> JSON, text: @autoclosure () -> String) {
    Tool.print(json(), text: text(), asJSON: self.json)
  }
}

extension Tool {
  /// Prints a result on standard output.
  static func print(_ json: @autoclosure () -> JSON, text: @autoclosure () -> String, asJSON: Bool) {
    let text = asJSON ? json().pretty : text()
    Swift.print(text, terminator: text.hasSuffix("\n") ? "" : "\n")
  }
}
