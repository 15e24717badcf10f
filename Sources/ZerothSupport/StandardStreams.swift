@preconcurrency import Foundation

/// Makes standard input, output and error safe for the process.
public enum StandardStreams {
  /// Has to be called before anything else.
  ///
  /// Standard streams that are closed are opened on /dev/null, so that no other file gets their number. A write to a
  /// pipe without a reader, or to a file that may not grow, fails instead of ending the process. A mapped file that is
  /// truncated while it is read ends the process with a message and status 2.
  public static func prepare() {
    for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) == -1 && errno == EBADF {
      _ = open("/dev/null", descriptor == 0 ? O_RDONLY : O_WRONLY)
    }
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    // A page of a mapped file is missing because the file was truncated, or the disk cannot read it.
    signal(SIGBUS) { _ in
      let text: StaticString = "a file that is in use was cut or cannot be read any more, expected it unchanged\n"
      _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
      _exit(2)
    }
  }

  /// Writes `text` to standard error. A failure is ignored, because the work of the process is more important than its
  /// messages.
  public static func tell(_ text: String) {
    var text = text
    _ = text.withUTF8 { writeAll(UnsafeRawBufferPointer($0), to: STDERR_FILENO) }
  }

  /// The number of characters in a line of the terminal at `descriptor`; nil where it is not a terminal or does not
  /// report it.
  public static func width(of descriptor: Int32) -> Int? {
    var size = winsize()
    return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : nil
  }

  /// Waits until everything that was printed has been written. Throws `InputError` where standard output did not accept
  /// it.
  ///
  /// Where the reader of a pipe has ended, as `head` does, the process ends here by SIGPIPE without a message, like
  /// other programs in a pipeline.
  public static func flushOutput() throws(InputError) {
    guard fflush(stdout) != 0 || ferror(stdout) != 0 else { return }
    let error = InputError.system("standard output", expected: "room for all that is printed")
    var output = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
    if poll(&output, 1, 0) == 1, output.revents & Int16(POLLERR) != 0 {
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
    }
    throw error
  }
}

extension String {
  /// The text in a form that is safe for a terminal or a line of a log. Characters that could move the cursor, start a
  /// line or reverse the direction of writing are spelled out, as in `\u{1B}`. A long text is cut.
  ///
  /// - Parameters:
  ///   - keepsLines: whether line feeds are kept.
  ///   - limit: the most scalars that are kept.
  public func printable(keepsLines: Bool = false, limit: Int = 4096) -> String {
    guard unicodeScalars.contains(where: { $0.movesTerminal }) || utf8.count > limit else { return self }
    var result = ""
    var count = 0
    for scalar in unicodeScalars {
      guard count < limit else { return result + "..." }
      count += 1
      if scalar.movesTerminal, !(keepsLines && scalar == "\n") {
        result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

extension Unicode.Scalar {
  /// Whether a terminal does something else with this scalar than show it: controls, separators of lines and
  /// paragraphs, and marks that reverse the direction of writing.
  fileprivate var movesTerminal: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
