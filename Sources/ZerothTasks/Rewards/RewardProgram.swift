import CZeroth
import Foundation
import Zeroth
import ZerothSupport

/// A program that scores answers, started when it is first asked and kept alive: it reads a JSON object a line for each answer, and
/// prints a line with a number for each.
///
///     {"prompt":"...","answer":"...","row":{...},"left":3}
///
/// `left` says how many answers of the batch follow, for programs that score many at once. No shell is between: the arguments are
/// handed over as they are. What goes wrong ends the program; the next answers start it anew.
public final class RewardProgram: @unchecked Sendable {
  /// The program and its arguments.
  public let command: [String]
  /// The folder that it runs in.
  public let folder: String
  /// Seconds that it may take for an answer.
  public let limit: Double
  private let subject: String
  private let lock = NSLock()
  private var running: RunningProgram?

  /// The program `command`, which will run in `folder` and may take `limit` seconds for an answer; `subject` names it in errors.
  public init(_ command: [String], in folder: String, limit: Double, subject: String) {
    self.command = command
    self.folder = folder
    self.limit = limit
    self.subject = subject
  }

  /// What is started and where, in words.
  public var words: String { "\(command.map(Self.quoted).joined(separator: " ")) in \(folder)" }

  /// The program as a reward.
  public var reward: Reward {
    Reward("program", summary: "what \(command.map(Self.quoted).joined(separator: " ")) says", program: words) {
      try self.rewards(of: $0)
    }
  }

  /// The numbers that the program prints for `answers`.
  ///
  /// Throws `InputError` where it cannot be started, ends, takes too long, or prints anything else than a finite number for each; the
  /// last lines of its standard error are in it.
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

/// The program as a process, with a pipe for what it reads and two for what it prints.
private final class RunningProgram {
  private let number: pid_t
  private let input, output, errors: Int32
  private let name, subject: String
  private var isReaped = false
  /// What was printed and is not a whole line yet.
  private var printed: [UInt8] = []
  /// The end of its standard error.
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
    // Python keeps what it prints to a pipe until there is much of it, and would be waited for.
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

  /// A program that has no more to read ends by itself; one that does not is killed after a second.
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

  /// Writes `lines` and reads as many numbers as are counted, each within `limit` seconds of the one before.
  func exchange(_ lines: [UInt8], count: Int, limit: Double) throws(InputError) -> [Double] {
    var written = 0
    var numbers: [Double] = []
    let clock = ContinuousClock()
    var deadline = clock.now + .seconds(limit)
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
        deadline = clock.now + .seconds(limit)
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

  /// The lines that are whole by now.
  private func wholeLines() -> [[UInt8]] {
    var lines: [[UInt8]] = []
    while let end = printed.firstIndex(of: UInt8(ascii: "\n")) {
      lines.append(Array(printed[..<end]))
      printed.removeSubrange(...end)
    }
    return lines
  }

  /// Takes what was printed; false where nothing will come any more.
  private func readPrinted() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = read(output, &buffer, buffer.count)
    if count > 0 { printed += buffer[..<count] }
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))
  }

  /// Keeps the end of what there is on its standard error.
  private func readComplaints() {
    var buffer = [UInt8](repeating: 0, count: 1 << 14)
    let count = read(errors, &buffer, buffer.count)
    guard count > 0 else {
      if count == 0 { usleep(1000) }  // it is closed, and would be polled without end
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
      written = lines.count  // nobody reads any more: its end will be seen
    }
  }

  /// Ends the program, and says what was found with how it ended and the last lines that it complained in.
  private func failure(_ found: String, _ expected: String) -> InputError {
    // One that has ended says why; it is given a moment.
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
