import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// Shows the progress of a run. On a terminal one line is drawn again and again; elsewhere a plain line is printed from
/// time to time.
public final class ProgressLine {
  /// The destination of the lines, and their form.
  public struct Output {
    /// Whether the line can be drawn again in place.
    public var isTerminal: Bool
    /// The number of characters in a line of the terminal.
    public var width: Int
    /// The least time between two lines, in seconds. A terminal is drawn at most ten times a second. Elsewhere a line
    /// is printed only if there was progress, and only after a twentieth of the total time so far, so that the log of a
    /// day has a readable number of lines.
    public var interval: Double
    /// A clock, in seconds.
    public var now: () -> Double
    /// Writes a text.
    public var write: (String) -> Void
    /// Whether a curve of the losses stands beside the line where there is room.
    public var drawsCurve: Bool

    /// An output of one's own.
    public init(
      isTerminal: Bool, width: Int, interval: Double, drawsCurve: Bool = false, now: @escaping () -> Double,
      write: @escaping (String) -> Void
    ) {
      self.isTerminal = isTerminal
      self.width = width
      self.interval = interval
      self.drawsCurve = drawsCurve
      self.now = now
      self.write = write
    }

    /// The output with a curve, if `isWanted` and if the terminal can show its characters.
    public func drawingCurve(_ isWanted: Bool) -> Output {
      let environment = ProcessInfo.processInfo.environment
      let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
      let isUnicode = ["utf-8", "utf8"].contains { locale.lowercased().hasSuffix($0) }
      var output = self
      output.drawsCurve = isWanted && isTerminal && isUnicode
      return output
    }

    /// An output that writes nothing.
    public static var silent: Output {
      Output(isTerminal: false, width: 80, interval: .infinity, now: { 0 }, write: { _ in })
    }

    /// Standard error, so that standard output has only results.
    public static var standardError: Output {
      let isTerminal = isatty(STDERR_FILENO) == 1
      let clock = ContinuousClock()
      let start = clock.now
      return Output(
        isTerminal: isTerminal, width: StandardStreams.width(of: STDERR_FILENO) ?? 80, interval: isTerminal ? 0.1 : 10,
        now: { (clock.now - start) / .seconds(1) },
        write: StandardStreams.tell)
    }
  }

  private var label: String
  private let total: Int
  private var curve: LossCurve
  private let output: Output
  private var start: Double
  private var firstStep: Int
  private var lastDrawn: Double?
  private var lastDone: Int?
  private var isDrawn = false

  /// The progress of `label` over `total` steps, of which `done` were done earlier, in a resumed run.
  public init(_ label: String, total: Int, done: Int = 0, output: Output = .standardError) {
    self.label = label.printable()
    self.total = total
    curve = LossCurve(total: total)
    self.output = output
    firstStep = done
    start = output.now()
  }

  /// Starts to measure the time per step, after `done` steps. What happened before, such as reading the model, is not
  /// counted.
  public func begin(after done: Int? = nil) {
    start = output.now()
    if let done { firstStep = done }
  }

  /// Shows that `done` steps are done, if the last line is old enough.
  ///
  /// - Parameters:
  ///   - done: the number of steps that are done.
  ///   - label: replaces the label from now on.
  ///   - loss: the loss of the last step.
  ///   - score: the last score on dev, and its name.
  ///   - other: a curve that is drawn in place of the curve of the losses.
  public func update(
    _ done: Int, label: String? = nil, loss: Double?, score: (name: String, value: Double)? = nil,
    curve other: LossCurve? = nil
  ) {
    let now = output.now()
    if let label { self.label = label.printable() }
    if let other { curve = other } else if let loss { curve.add(loss, after: done) }
    let interval = output.isTerminal ? output.interval : max(output.interval, (now - start) / 20)
    let isEnd = done >= total && done != lastDone
    if let lastDrawn, !isEnd, now - lastDrawn < interval || !output.isTerminal && done == lastDone { return }
    lastDrawn = now
    lastDone = done
    let text = line(done, loss, score, seconds: now - start)
    output.write(output.isTerminal ? "\r\(text)\u{1B}[K" : text + "\n")
    isDrawn = output.isTerminal
  }

  /// Prints `text` as a separate line, above the progress line.
  public func print(_ text: String) {
    output.write((output.isTerminal && isDrawn ? "\r\u{1B}[K" : "") + text.printable(keepsLines: true) + "\n")
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
    if let score { parts.append("dev \(score.name) \(ScoreUnit(of: score.name).text(score.value))") }
    if rate > 0 {
      parts.append("\(Human.fixed(rate, rate < 10 ? 2 : 0)) steps/s")
      parts.append(done < total ? "\(Human.seconds(Double(total - done) / rate)) left" : Human.seconds(seconds))
    }
    let words = parts.joined(separator: "  ")
    guard output.isTerminal else { return "\(label)  \(words)" }
    let curve = output.drawsCurve ? curve.text : ""
    let all = output.width - 1 - Table.width(of: label) - Table.width(of: words) - 6
    // The bar shows the progress, so the curve gets only the room that the bar leaves.
    let room = all - (curve.isEmpty ? 0 : LossCurve.width + 2)
    if room < 5, all >= 5, !curve.isEmpty { return line(label, words, bar: min(all, 30), done) }
    guard room >= 5 else {
      // The numbers are more important than the end of a long name.
      let label = label.prefix(max(8, output.width - 3 - Table.width(of: words)))
      return String("\(label)  \(words)".prefix(max(0, output.width - 1)))
    }
    return line(label, words, bar: min(room, 30), done) + (curve.isEmpty ? "" : "  " + curve)
  }

  private func line(_ label: String, _ words: String, bar size: Int, _ done: Int) -> String {
    let filled = total > 0 ? min(size, max(0, size * done / total)) : size
    let bar = String(repeating: "=", count: filled) + String(repeating: ".", count: size - filled)
    return "\(label)  [\(bar)]  \(words)"
  }
}
