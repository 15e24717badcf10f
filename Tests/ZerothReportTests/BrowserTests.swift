import Foundation
import TestSupport
import Testing
import ZerothSupport

@testable import ZerothReport

/// The page of a report in Chromium.
@Suite struct BrowserTests {
  /// Chromium, where it is installed.
  private static let browser = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// Goes through every choice of every figure, and points at a chart as a user does; what it finds is the page's title.
  private static let probe = """
    <script>
    const found = { errors: window.errors, figures: [] };
    for (const figure of document.querySelectorAll("figure")) {
      const sets = [...figure.querySelectorAll("fieldset")].map(f => [...f.querySelectorAll("input")]);
      const combinations = sets.reduce((all, set) => all.flatMap(c => set.map(i => [...c, i])), [[]]);
      const entry = { id: figure.id, points: [], visible: [], marked: 0 };
      for (const inputs of combinations) {
        for (const input of inputs) input.click();
        const shown = [...figure.querySelectorAll(".variant")].filter(v => v.getClientRects().length);
        entry.visible.push(shown.length);
        const frame = shown[0].querySelector("svg").getBoundingClientRect();
        entry.points.push([...shown[0].querySelectorAll("circle")].filter(circle => {
          const box = circle.getBoundingClientRect();
          const x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
          return box.width > 0 && x >= frame.left && x <= frame.right && y >= frame.top && y <= frame.bottom;
        }).length);
      }
      const shown = [...figure.querySelectorAll(".variant")].find(v => v.getClientRects().length);
      shown.focus();
      shown.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
      entry.keyed = figure.querySelector("output").textContent;
      const box = [...shown.querySelectorAll("circle")].at(-1).getBoundingClientRect();
      shown.querySelector("svg").dispatchEvent(new PointerEvent("pointermove",
        { clientX: (box.left + box.right) / 2, clientY: (box.top + box.bottom) / 2 }));
      entry.pointed = figure.querySelector("output").textContent;
      entry.marked = shown.querySelectorAll(".here").length;
      found.figures.push(entry);
    }
    document.title = JSON.stringify(found);
    </script>
    """

  @Test(.enabled(if: browser != nil, "chromium is not installed"))
  func thePageLoadsAndEveryFigureHasItsPoints() throws {
    try withFolder { folder in
      try MadeRuns.write(in: folder + "/runs")
      let page = try Report(RecordedRuns.read([folder + "/runs"])).html
        .replacing(
          "<head>", with: "<head><script>window.errors = []; onerror = e => window.errors.push(String(e));</script>"
        )
        .replacing("</body>", with: Self.probe + "</body>")
      let path = folder + "/page.html"
      try Data(page.utf8).write(to: URL(fileURLWithPath: path))
      let output = try Execution(
        try #require(Self.browser),
        [
          "--headless", "--disable-gpu", "--enable-logging=stderr", "--user-data-dir=\(folder)/profile",
          "--virtual-time-budget=3000", "--dump-dom",
        ] + (geteuid() == 0 ? ["--no-sandbox"] : []) + ["file://\(path)"])
      #expect(output.status == 0)
      #expect(!output.err.contains("CONSOLE"), "\(output.err)")
      let title = try #require(output.out.firstMatch(of: /<title>(\{.*?\})<\/title>/)?.1)
      let found = try JSON(
        parsing: String(title).replacing("&lt;", with: "<").replacing("&amp;", with: "&"), subject: "")
      #expect(found["errors"]?.elements?.isEmpty == true)
      var figures: [String: JSON] = [:]
      for figure in found["figures"]?.elements ?? [] { figures[figure["id"]?.string ?? ""] = figure }
      func points(_ id: String) -> [Int?] { figures[id]?["points"]?.elements?.map(\.integer) ?? [] }
      // Two methods: ten steps; three evaluations, of which the first has no place on a logarithmic axis; two rates.
      #expect(points("p0-loss") == Array(repeating: 20, count: 18))
      #expect(points("p0-score") == [6, 4, 6, 4, 6, 4])
      #expect(points("p0-tried0") == [4] && points("p0-distance") == [3] && points("p0-ratio") == [3])
      #expect(figures.count == 5)
      for (id, figure) in figures {
        #expect(figure["visible"]?.elements?.allSatisfy { $0 == 1 } == true, "\(id)")
        #expect(figure["marked"] == 1, "\(id)")
      }
      #expect(figures["p0-distance"]?["keyed"]?.string?.hasPrefix("dizo: distance 1.5, ") == true, "\(figures)")
      #expect(figures["p0-distance"]?["pointed"]?.string?.contains("dizo: distance 4.5") == true)
    }
  }
}
