import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// Shows how far a run is: on a terminal one line that is drawn again, elsewhere a plain line now and then.
public final class ProgressLine {
  /// Where the lines go and how they look.
  public struct Output {
    /// Whether the line can be drawn again.
    public var isTerminal: Bool
    /// Places in a line of the terminal.
    public var width: Int
    /// Seconds between two lines; a terminal is drawn ten times a second at most.
    public var interval: Double
    /// Seconds since some moment.
    public var now: () -> Double
    /// Takes the text.
    public var write: (String) -> Void

    /// An output of one's own.
    public init(
      isTerminal: Bool, width: Int, interval: Double, now: @escaping () -> Double, write: @escaping (String) -> Void
    ) {
      self.isTerminal = isTerminal
      self.width = width
      self.interval = interval
      self.now = now
      self.write = write
    }

    /// Standard error, which leaves standard output to results.
    public static var standardError: Output {
      let isTerminal = isatty(STDERR_FILENO) == 1
      var size = winsize()
      let hasSize = isTerminal && ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
      let clock = ContinuousClock()
      let start = clock.now
      return Output(
        isTerminal: isTerminal, width: hasSize ? Int(size.ws_col) : 80, interval: isTerminal ? 0.1 : 10,
        now: { (clock.now - start) / .seconds(1) },
        write: { FileHandle.standardError.write(Data($0.utf8)) })
    }
  }

  private let label: String
  private let total: Int
  private let output: Output
  private var start: Double
  private var firstStep: Int
  private var lastDrawn: Double?
  private var isDrawn = false

  /// The progress of `label` over `total` steps, of which `done` were done before (a resumed run).
  public init(_ label: String, total: Int, done: Int = 0, output: Output = .standardError) {
    self.label = label
    self.total = total
    self.output = output
    firstStep = done
    start = output.now()
  }

  /// Counts time from now on, and steps after the first `done` of them: what came before, such as reading a model, says nothing
  /// of the steps.
  public func begin(after done: Int? = nil) {
    start = output.now()
    if let done { firstStep = done }
  }

  /// Shows that `done` steps are done, if the last line is old enough.
  public func update(_ done: Int, loss: Double?, score: (name: String, value: Double)? = nil) {
    let now = output.now()
    if let lastDrawn, now - lastDrawn < output.interval, done < total { return }
    lastDrawn = now
    let text = line(done, loss, score, seconds: now - start)
    output.write(output.isTerminal ? "\r\(text)\u{1B}[K" : text + "\n")
    isDrawn = output.isTerminal
  }

  /// Prints `text` as a line of its own, above the bar.
  public func print(_ text: String) {
    output.write((output.isTerminal && isDrawn ? "\r\u{1B}[K" : "") + text + "\n")
    lastDrawn = nil
    isDrawn = false
  }

  /// Ends the line.
  public func finish() {
    if isDrawn { output.write("\n") }
    isDrawn = false
  }

  private func line(_ done: Int, _ loss: Double?, _ score: (name: String, value: Double)?, seconds: Double) -> String {
    let rate = seconds > 0 ? Double(done - firstStep) / seconds : 0
    var parts = ["\(done)/\(total)"]
    if let loss { parts.append("loss \(Human.fixed(loss, 4))") }
    if let score { parts.append("\(score.name) \(Human.percent(score.value))") }
    if rate > 0 {
      parts.append("\(Human.fixed(rate, rate < 10 ? 2 : 0)) steps/s")
      parts.append(done < total ? "\(Human.seconds(Double(total - done) / rate)) left" : Human.seconds(seconds))
    }
    let words = parts.joined(separator: "  ")
    guard output.isTerminal else { return "\(label)  \(words)" }
    let room = output.width - 1 - Table.width(of: label) - Table.width(of: words) - 6
    guard room >= 5 else {
      // The numbers matter more than the whole of a long name.
      let label = label.prefix(max(8, output.width - 3 - Table.width(of: words)))
      return String("\(label)  \(words)".prefix(max(0, output.width - 1)))
    }
    let size = min(room, 30)
    let filled = total > 0 ? min(size, max(0, size * done / total)) : size
    let bar = String(repeating: "=", count: filled) + String(repeating: ".", count: size - filled)
    return "\(label)  [\(bar)]  \(words)"
  }
}
