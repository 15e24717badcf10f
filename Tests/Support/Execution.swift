import Foundation

/// What a program that ran to its end left behind.
public struct Execution {
  /// Its exit status.
  public let status: Int32
  /// Its standard output.
  public let out: String
  /// Its standard error.
  public let err: String

  /// The folder of the build under test: what was built beside the test bundle that runs.
  public static let products: URL = {
    let running =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: running).deletingLastPathComponent()
  }()

  /// Runs the program at `path` with `input` on standard input.
  public init(_ path: String, _ arguments: [String], input: String = "") throws {
    (status, out, err) = try withFolder { folder in
      let process = Process()
      process.executableURL = URL(fileURLWithPath: path)
      process.arguments = arguments
      let files = ["in", "out", "err"].map { URL(fileURLWithPath: "\(folder)/\($0)") }
      try Data(input.utf8).write(to: files[0])
      for file in files[1...] { try Data().write(to: file) }
      process.standardInput = try FileHandle(forReadingFrom: files[0])
      process.standardOutput = try FileHandle(forWritingTo: files[1])
      process.standardError = try FileHandle(forWritingTo: files[2])
      try process.run()
      process.waitUntilExit()
      return (
        process.terminationStatus, try String(contentsOf: files[1], encoding: .utf8),
        try String(contentsOf: files[2], encoding: .utf8)
      )
    }
  }
}
