import Foundation
import Testing
import ZerothResources

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

@Suite struct ReportTests {
  @Test func tablesAlign() {
    var table = Table([.left("optimizer"), .right("accuracy"), .left("note")])
    table.rows = [["mezo", "71.3%", "a|b"], ["日本", "9%"], ["é\n👩‍👩‍👧", "100.0%", "x", "left out"]]
    #expect(
      table.text == """
        optimizer  accuracy  note
        ---------  --------  ----
        mezo          71.3%  a|b
        日本             9%
        é 👩‍👩‍👧         100.0%  x

        """)
    #expect(
      table.markdown == """
        | optimizer | accuracy | note |
        | --- | ---: | --- |
        | mezo | 71.3% | a\\|b |
        | 日本 | 9% |  |
        | é 👩‍👩‍👧 | 100.0% | x |

        """)
  }

  @Test func numbersAreShort() {
    #expect(
      [0, 999, 1000, 17_231_000, 1_300_000_000].map(Human.bytes) == ["0 B", "999 B", "1.00 kB", "17.2 MB", "1.30 GB"])
    #expect([7, 4_300_000, 999_999].map(Human.count) == ["7", "4.30 M", "1.00 M"])
    #expect(
      [0.004, 9.994, 9.996, 59.9, 59.96, 185, 7385, .infinity, -1].map(Human.seconds)
        == ["0.00 s", "9.99 s", "10.0 s", "59.9 s", "1:00", "3:05", "2:03:05", "-", "-"])
    #expect(Human.percent(0.7134) == "71.3%" && Human.percent(.nan) == "-")
  }

  private final class Screen {
    var time = 0.0
    var text = ""
    func output(
      isTerminal: Bool, width: Int = 100, interval: Double = 1, drawsCurve: Bool = false
    ) -> ProgressLine.Output {
      .init(
        isTerminal: isTerminal, width: width, interval: interval, drawsCurve: drawsCurve,
        now: { [unowned self] in time },
        write: { [unowned self] in text += $0 })
    }
  }

  @Test func aTerminalShowsOneLine() {
    let screen = Screen()
    let progress = ProgressLine("mezo", total: 100, output: screen.output(isTerminal: true, width: 120))
    screen.time = 2
    progress.update(50, loss: 0.5, score: ("accuracy", 0.75))
    #expect(
      screen.text
        == "\rmezo  [===============...............]  50/100  loss 0.5000  dev accuracy 75.0%  25 steps/s  2.00 s left\u{1B}[K"
    )
    screen.time = 2.5
    progress.update(60, loss: 0.5)
    #expect(screen.text.count(where: { $0 == "\r" }) == 1)
    progress.print("note")
    #expect(screen.text.hasSuffix("\r\u{1B}[Knote\n"))
    screen.time = 4
    screen.text = ""
    progress.update(100, loss: .nan)
    progress.finish()
    #expect(
      screen.text == "\rmezo  [\(String(repeating: "=", count: 30))]  100/100  loss -  25 steps/s  4.00 s\u{1B}[K\n")
  }

  @Test func aNarrowTerminalIsNotOverrun() {
    for (width, name) in (1..<120).flatMap({ [($0, "lozo-m"), ($0, "lge+lozo-m+dizo,rank=4,interval=100")] }) {
      let screen = Screen()
      let progress = ProgressLine(
        name, total: 1000, output: screen.output(isTerminal: true, width: width, interval: 0, drawsCurve: true))
      for step in 1...1000 { progress.update(step, loss: 1 / Double(step), score: ("accuracy", 0.5)) }
      screen.text = ""
      screen.time = 3
      progress.update(333, loss: 0.6931, score: ("accuracy", 0.5))
      #expect(Table.width(of: String(screen.text.dropFirst().dropLast(3))) < width)
      // The curve comes last: the bar of at least five places, and the numbers, are there first.
      if screen.text.contains("▁") { #expect(screen.text.contains("[=") && screen.text.contains("left")) }
      if width >= 119, name == "lozo-m" { #expect(screen.text.contains("▁")) }
      if width >= 80 { #expect(screen.text.contains("loss 0.6931")) }
    }
  }

  /// 48 steps of 24 bars: two steps a bar. The losses fall from 24 to 1 in steps of one a bar, eight heights over a range of 23.
  @Test func theCurveIsAsHighAsTheLosses() {
    var curve = LossCurve(total: 48)
    for step in 1...48 { curve.add(Double(24 - (step - 1) / 2) + (step % 2 == 0 ? 0.25 : -0.25), after: step) }
    #expect(curve.text.count == 24 && curve.text.first == "█" && curve.text.last == "▁")
    let heights = curve.text.unicodeScalars.map(\.value)
    for (bar, height) in heights.enumerated() {
      #expect(height == 0x2581 + UInt32(min(7, (23 - bar) * 8 / 23)), "\(bar)")
    }
    var short = LossCurve(total: 48)
    short.add(.nan, after: 1)
    short.add(1, after: 2)
    #expect(short.text == "")
    short.add(0, after: 8)
    #expect(short.text == "█  ▁")
  }

  @Test func aCurveStandsOnATerminalWithRoomAlone() {
    for (isTerminal, width, isSeen) in [(true, 140, true), (true, 60, false), (false, 140, false)] {
      let screen = Screen()
      let output = screen.output(isTerminal: isTerminal, width: width, interval: 0, drawsCurve: true)
      let progress = ProgressLine("mezo", total: 100, output: output)
      for step in 1...100 { progress.update(step, loss: Double(100 - step)) }
      #expect(screen.text.contains("▁") == isSeen, "\(isTerminal), \(width)")
    }
  }

  @Test func elsewhereLinesComeAtIntervals() {
    let screen = Screen()
    let progress = ProgressLine("mezo", total: 100, done: 20, output: screen.output(isTerminal: false, interval: 10))
    for step in 20...100 {
      screen.time += 0.25
      progress.update(step, loss: 0.25)
    }
    // Whoever asks again and again, as a sweep does while its last run evaluates, is told the end once.
    for _ in 0..<200 {
      screen.time += 0.25
      progress.update(100, loss: 0.25)
    }
    progress.finish()
    let lines = screen.text.split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines[0] == "mezo  20/100  loss 0.2500")
    #expect(lines[1] == "mezo  60/100  loss 0.2500  3.90 steps/s  10.2 s left")
    #expect(lines[2] == "mezo  100/100  loss 0.2500  3.95 steps/s  20.2 s")
    #expect(!screen.text.contains("\r") && !screen.text.contains("\u{1B}"))
  }

  @Test func peakMemoryIsRead() throws {
    #expect(PeakMemory.parse("VmPeak:\t 9 kB\nVmHWM:\t    2048 kB\nVmRSS: 1 kB\n") == 2048 * 1024)
    #expect(PeakMemory.parse("VmRSS: 1 kB\n") == nil && PeakMemory.parse("VmHWM:\n") == nil)
    // Other tests run beside this one: a peak far above what they need.
    let size = 300 << 20
    let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)
    memory.initializeMemory(as: UInt8.self, repeating: 1, count: size)
    let before = try #require(PeakMemory.bytes)
    #expect(before > size)
    memory.deallocate()
    if !PeakMemory.reset() { try Test.cancel("the system does not let the peak be reset") }
    #expect(try #require(PeakMemory.bytes) < before - size / 2)
  }
}
