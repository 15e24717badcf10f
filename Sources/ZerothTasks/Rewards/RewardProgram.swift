import CZeroth
import Foundation
import Zeroth
import ZerothSupport

/// A program that scores answers. It is started for the first answers and kept alive. It reads a line with a JSON
/// object for each answer, and prints a line with a number for each.
///
///     {"prompt":"...","answer":"...","row":{...},"left":3}
///
/// `left` is the number of answers of the batch that follow, for programs that score many at once. The program is
/// started without a shell, so its arguments are passed as they are. After an error the program is ended, and started
/// again for the next answers.
public final class RewardProgram: @unchecked Sendable {
  /// The program and its arguments.
  public let command: [String]
  /// The folder in which it runs.
  public let folder: String
  /// The most seconds that it may take for an answer.
  public let limit: Double
  private let subject: String
  private let lock = NSLock()
  private var running: RunningProgram?

  /// The program `command`. It runs in `folder` and may take `limit` seconds for an answer. Errors call it `subject`.
  public init(_ command: [String], in folder: String, limit: Double, subject: String) {
    self.command = command
    self.folder = folder
    self.limit = limit
    self.subject = subject
  }

  /// The command and the folder, in words.
  public var words: String { "\(command.map(Self.quoted).joined(separator: " ")) in \(folder)" }

  /// The program as a reward.
  public var reward: Reward {
    Reward("program", summary: "what \(command.map(Self.quoted).joined(separator: " ")) says", program: words) {
      try self.rewards(of: $0)
    }
  }

  /// The numbers that the program prints for `answers`.
  ///
  /// Throws `InputError` where the program cannot be started, ends, takes too long, or prints something other than a
  /// finite number for each answer. The error contains the last lines of its standard error.
  public func rewards(of answers: [RewardedAnswer]) throws(InputError) -> [Double] {
    lock.lock()
    defer { lock.unlock() }
    let program: RunningProgram
    if let running {
      program = running
    } else {
      program = try RunningProgram(command, in: folder, subject: subject)
      running = program
    }
    do {
      return try program.exchange(Self.lines(answers), count: answers.count, limit: limit)
    } catch {
      running = nil
      throw error
    }
  }

  private static func lines(_ answers: [RewardedAnswer]) -> [UInt8] {
    var text: [UInt8] = []
    for (index, answer) in answers.enumerated() {
      let line: JSON = [
        "prompt": .string(answer.prompt), "answer": .string(answer.answer), "row": answer.row,
        "left": .int(answers.count - 1 - index),
      ]
      text += Array("\(line)\n".utf8)
    }
    return text
  }

  private static func quoted(_ word: String) -> String {
    word.isEmpty || word.contains(where: { $0.isWhitespace || "'\"".contains($0) }) ? JSON.quoted(word) : word
  }
}

/// The running process, with a pipe to its input and pipes from its output and its standard error.
private final class RunningProgram {
  private let number: pid_t
  private let input, output, errors: Int32
  private let name, subject: String
  private var isReaped = false
  /// The output that is not a whole line yet.
  private var printed: [UInt8] = []
  /// The last part of its standard error.
  private var complaints: [UInt8] = []

  /// Starts `command` in `folder`.
  init(_ command: [String], in folder: String, subject: String) throws(InputError) {
    self.subject = subject
    name = command.joined(separator: " ")
    var pipes: [[Int32]] = []
    for _ in 0..<3 {
      var ends: [Int32] = [-1, -1]
      guard zeroth_make_pipe(&ends) == 0 else {
        for pipe in pipes.joined() { close(pipe) }
        throw InputError.system("a pipe to \(name.excerpt)", expected: "one more")
      }
      pipes.append(ends)
    }
    var environment = ProcessInfo.processInfo.environment
    // Python buffers output to a pipe, so without this the line for an answer might not arrive.
    environment["PYTHONUNBUFFERED"] = environment["PYTHONUNBUFFERED"] ?? "1"
    var words = command.map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in words + variables { free(text) } }
    let started = zeroth_start_program(&words, &variables, folder, pipes[0][0], pipes[1][1], pipes[2][1])
    for end in [pipes[0][0], pipes[1][1], pipes[2][1]] { close(end) }
    (number, input, output, errors) = (started, pipes[0][1], pipes[1][0], pipes[2][0])
    guard started > 0 else {
      isReaped = true
      for end in [input, output, errors] { close(end) }
      throw InputError(
        subject,
        found: "'\(name.excerpt)', which cannot be started in \(folder): \(String(cString: strerror(-started)))",
        expected: "a program and its arguments")
    }
    for end in [input, output, errors] { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
  }

  /// A program usually ends when its input is closed. One that does not is killed after a second.
  deinit {
    guard !isReaped else { return }
    close(input)
    for _ in 0..<200 where !isReaped {
      isReaped = waitpid(number, nil, WNOHANG) != 0
      if !isReaped { usleep(5000) }
    }
    if !isReaped {
      kill(number, SIGKILL)
      waitpid(number, nil, 0)
    }
    close(output)
    close(errors)
  }

  /// Writes `lines` and reads `count` numbers. Each has to arrive within `limit` seconds of the one before.
  func exchange(_ lines: [UInt8], count: Int, limit: Double) throws(InputError) -> [Double] {
    var written = 0
    var numbers: [Double] = []
    let clock = ContinuousClock()
    let patience = Duration.seconds(min(limit, 1e9))  // thirty years, and no overflow
    var deadline = clock.now + patience
    while numbers.count < count {
      let left = (deadline - clock.now) / .seconds(1)
      guard left > 0 else {
        throw failure(
          "no line for \(Human.fixed(limit, limit < 10 ? 1 : 0)) seconds \(after(numbers.count, count))",
          "a line for each answer within reward.time-limit, written out at once (flushed)")
      }
      var polled = [
        pollfd(fd: output, events: Int16(POLLIN), revents: 0), pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
      ]
      if written < lines.count { polled.append(pollfd(fd: input, events: Int16(POLLOUT), revents: 0)) }
      guard poll(&polled, nfds_t(polled.count), Int32(min(left * 1000 + 1, 1e6))) > 0 else { continue }
      if polled[1].revents != 0 { readComplaints() }
      if polled.count > 2, polled[2].revents != 0 { write(lines, &written) }
      guard polled[0].revents != 0 else { continue }
      guard readPrinted() else {
        throw failure("its end \(after(numbers.count, count))", "a line with a number for each answer")
      }
      for line in wholeLines() {
        numbers.append(try number(line, numbers.count, count))
        deadline = clock.now + patience
      }
    }
    guard numbers.count == count, printed.isEmpty else {
      throw failure("more lines than the \(count) answers", "a line with a number for each")
    }
    return numbers
  }

  private func after(_ done: Int, _ count: Int) -> String { "after \(done) of \(count) answers" }

  private func number(_ line: [UInt8], _ done: Int, _ count: Int) throws(InputError) -> Double {
    guard done < count else { throw failure("more lines than the \(count) answers", "a line with a number for each") }
    let text = String(decoding: line, as: UTF8.self).trimmed
    guard let number = Double(text), number.isFinite else {
      throw failure("the line '\(text.excerpt)' for answer \(done + 1) of \(count)", "a finite number")
    }
    return number
  }

  /// The lines that are complete.
  private func wholeLines() -> [[UInt8]] {
    var lines: [[UInt8]] = []
    while let end = printed.firstIndex(of: UInt8(ascii: "\n")) {
      lines.append(Array(printed[..<end]))
      printed.removeSubrange(...end)
    }
    return lines
  }

  /// Reads output of the program. False where no more will come.
  private func readPrinted() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = read(output, &buffer, buffer.count)
    if count > 0 { printed += buffer[..<count] }
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))
  }

  /// Reads the standard error of the program, and keeps its last part.
  private func readComplaints() {
    var buffer = [UInt8](repeating: 0, count: 1 << 14)
    let count = read(errors, &buffer, buffer.count)
    guard count > 0 else {
      if count == 0 { usleep(1000) }  // it is closed, and polling it again would never wait
      return
    }
    complaints += buffer[..<count]
    if complaints.count > 1 << 14 { complaints.removeFirst(complaints.count - (1 << 13)) }
  }

  private func write(_ lines: [UInt8], _ written: inout Int) {
    let count = lines.withUnsafeBytes { bytes in
      Glibc.write(input, bytes.baseAddress.map { $0 + written }, min(lines.count - written, 1 << 16))
    }
    if count > 0 {
      written += count
    } else if errno != EAGAIN, errno != EINTR {
      written = lines.count  // the program no longer reads; the loop then sees its end
    }
  }

  /// Ends the program. Returns an error with what was found, how the program ended, and the last lines of its standard
  /// error.
  private func failure(_ found: String, _ expected: String) -> InputError {
    // A program that has failed may end by itself. It gets a moment, so that the error can say how it ended.
    var status: Int32 = 0
    for _ in 0..<20 where !isReaped {
      isReaped = waitpid(number, &status, WNOHANG) == number
      if !isReaped { usleep(5000) }
    }
    var words = found
    if isReaped {
      let signal = status & 0x7F
      words += signal == 0 ? " (status \(status >> 8 & 0xFF))" : " (signal \(signal))"
      close(input)
    } else {
      kill(number, SIGKILL)
      waitpid(number, nil, 0)
      isReaped = true
      close(input)
    }
    for _ in 0..<64 {
      let before = complaints.count
      readComplaints()
      if complaints.count == before { break }
    }
    close(output)
    close(errors)
    let last = String(decoding: complaints, as: UTF8.self).split(whereSeparator: \.isNewline).suffix(5)
    if !last.isEmpty {
      words += ", its last words: " + last.map { String($0.trimmed).printable(limit: 200) }.joined(separator: " | ")
    }
    return InputError("\(subject) '\(name.excerpt)'", found: words, expected: expected)
  }
}
