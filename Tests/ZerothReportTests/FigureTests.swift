import Foundation
import TestSupport
import Testing
import ZerothSupport

@testable import ZerothReport

/// Figures of made runs, whose numbers are known.
@Suite struct FigureTests {
  private func withFigures(_ body: ([Figure.Kind: Figure], Report) throws -> Void) throws {
    try withFolder { folder in
      try MadeRuns.write(in: folder)
      let report = try Report(RecordedRuns.read([folder]))
      try body(Dictionary(report.figures.map { ($0.kind, $0) }) { $1 }, report)
    }
  }

  /// Values to 1e-12.
  private func equal(_ a: Double, _ b: Double) -> Bool { abs(a - b) < 1e-12 * max(1, abs(b)) }

  @Test func lossesAreMeansOverSeedsAtEachStep() throws {
    try withFigures { figures, _ in
      let figure = try #require(figures[.loss])
      #expect(figure.choices.map(\.options.count) == [3, 2, 3] && figure.charts.count == 18)
      for (x, scale) in [(0, 2.0), (1, 200), (2, 0.2)] {
        let chart = try #require(figure.charts.first { $0.picks == [x, 0, 0] }?.chart)
        let mezo = try #require(chart.series.first { $0.name == "mezo" })
        #expect(mezo.points.count == 10)
        for (s, point) in zip(1..., mezo.points) {
          // Seeds 1 and 2: 0.1 and 0.2 more, whose standard deviation is 0.1 / sqrt(2).
          let mean = 1 / Double(s) + 0.15
          #expect(equal(point.x, scale * Double(s)) && equal(point.y, mean))
          #expect(equal(point.high ?? 0, mean + 0.1 / 2.0.squareRoot()), "\(point)")
        }
      }
    }
  }

  /// 20% of ten steps are two, so a place has the steps beside it at half a step: its own alone. Over the whole of a longer run
  /// the mean is that of all steps within the window, counted here one by one.
  @Test func smoothingIsAMeanAround() {
    let trace = (1...600).map {
      Trace.Point(step: Double($0), forwards: 0, tokens: 0, seconds: 0, value: Double($0 * $0))
    }
    let curve = MeanPoint.curve([trace], window: 0.2)
    #expect(curve.count == 60)
    for (k, point) in curve.enumerated() {
      // Places are 10 steps wide; the window of 120 steps goes 55 beyond each side.
      let steps = (1...600).filter { Double($0) > Double(10 * k) - 55 && Double($0) <= Double(10 * k + 10) + 55 }
      let mean = steps.map { Double($0 * $0) }.reduce(0, +) / Double(steps.count)
      #expect(equal(point.sample.mean, mean) && point.step == Double(10 * k + 10), "\(k)")
    }
    let plain = MeanPoint.curve([trace])
    #expect(equal(plain[0].sample.mean, 38.5))  // the mean of 1, 4, ..., 100
  }

  @Test func aSeedThatEndedEarlyLeavesTheOthers() {
    let long = (1...10).map { Trace.Point(step: Double($0), forwards: 0, tokens: 0, seconds: 0, value: 1) }
    let short = (1...4).map {
      Trace.Point(step: Double($0), forwards: 0, tokens: 0, seconds: 0, value: $0 == 3 ? .nan : 3)
    }
    let counts = MeanPoint.curve([long, short]).map(\.sample.values.count)
    #expect(counts == [2, 2, 1, 2, 1, 1, 1, 1, 1, 1])
  }

  @Test func scoresTriedValuesAndLayersAreThoseOnRecord() throws {
    try withFigures { figures, _ in
      let score = try #require(figures[.score]?.first.series.first { $0.name == "dizo" })
      #expect(score.points.map(\.x) == [0, 10, 20])
      for (point, step) in zip(score.points, [0.0, 5, 10]) { #expect(equal(point.y, 51.5 + 2 * step), "\(point)") }
      let tried = try #require(figures[.tried]?.first)
      #expect(tried.xScale == .log && tried.series.allSatisfy { $0.points.map(\.x) == [1e-4, 1e-3] })
      #expect(tried.series.allSatisfy { zip($0.points, [71.5, 66.5]).allSatisfy { equal($0.y, $1) } })
      #expect(tried.series[0].points.map(\.note) == ["2 seeds, chosen", "2 seeds"])
      // sqrt(0.36 + 0.64) (l + 1) seed, over the seeds 1 and 2.
      let distance = try #require(figures[.distance]?.first.series)
      #expect(
        distance.map(\.name) == ["dizo"] && zip(distance[0].points, [1.5, 3, 4.5]).allSatisfy { equal($0.y, $1) })
      let ratio = try #require(figures[.ratio]?.first.series)
      #expect(
        ratio.map(\.name) == ["dizo, query"] && zip(ratio[0].points, [1, 1.1, 1.2]).allSatisfy { equal($0.y, $1) })
    }
  }

  @Test func ticksAreRoundAndWithinTheAxis() {
    #expect(Scale(.linear, [0, 1000]).ticks == [0, 200, 400, 600, 800, 1000])
    #expect(Scale(.linear, [0, 3], isWhole: true).ticks == [0, 1, 2, 3])
    #expect(Scale(.log, [1e-5, 1e-3]).ticks.map { Scale(.log, [1]).label($0) }.contains("0.0001"))
    for values in [[0.61, 0.83], [5, 5], [0, 0], [-3, 7e6], [.nan], []] {
      for kind in ScaleKind.allCases {
        let scale = Scale(kind, values)
        #expect(scale.ticks.count >= 2 && scale.ticks.count <= 10, "\(kind) \(values): \(scale.ticks)")
        #expect(scale.ticks.allSatisfy { (-1e-9...1.000001).contains(scale.place($0) ?? -1) }, "\(kind) \(values)")
      }
    }
    let near = Scale(.linear, [1.00001, 1.00009])
    #expect(Set(near.ticks.map(near.label)).count == near.ticks.count, "\(near.ticks.map(near.label))")
    #expect(Scale(.log, [1, 10]).place(0) == nil && Scale(.linear, [0, 1]).place(.infinity) == nil)
  }

  @Test func aFigureIsChosenByItsWords() throws {
    try withFigures { _, report in
      #expect(report.figureNames == ["loss", "score", "tried", "distance", "ratio"])
      let svg = try report.figure("loss", choices: ["tokens", "logarithmic"])
      #expect(svg.contains("tokens through the model") && svg.contains("logarithmic axes") && svg.contains("xmlns"))
      #expect(svg.components(separatedBy: "<circle").count == 21)
      #expect(inputError { _ = try report.figure("los") }?.expected.contains("perhaps 'loss'") == true)
      #expect(inputError { _ = try report.figure("loss", choices: ["minutes"]) }?.subject == "--choose")
      #expect(
        inputError { _ = try report.figure("ratio", choices: ["much"]) }?.expected
          == "nothing: the figure has no choices")
    }
  }

  @Test func thePageIsWholeAndSafe() throws {
    try withFigures { _, report in
      let html = report.html
      for word in ["http://", "https://", "src=", "@import", "url("] { #expect(!html.contains(word), "\(word)") }
      #expect(!html.contains("<c>") && html.contains("a &amp; b &lt;c&gt;"))
      #expect(html.contains("1 steps skipped, as a loss was not finite"))
    }
  }
}
