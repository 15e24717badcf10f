/// The colours and line styles of figures, on a light and on a dark background.
///
/// The eight colours differ in lightness as well as in hue, as those of Okabe and Ito (2008) do, so most readers with a
/// colour deficiency can distinguish them. From the fourth on, lines are dashed too.
enum ChartStyle {
  private static let light = [
    "#0063a8", "#c4500a", "#00795a", "#9c3a78", "#7a6000", "#5a4fcf", "#7a4a21", "#4d4d4d",
  ]
  private static let dark = [
    "#56b4e9", "#f28e4b", "#3dcba0", "#e49ac4", "#e6c245", "#aaa2ff", "#d3a878", "#c4c4c4",
  ]
  private static let dashes = ["", "", "", "7 3", "2 3", "9 3 2 3", "5 5", "1 4"]

  /// The CSS class of line `index`.
  static func name(_ index: Int) -> String { "s\(index % light.count)" }

  private static func series(_ colours: [String]) -> String {
    colours.enumerated().map { "--s\($0): \($1);" }.joined(separator: " ")
  }

  private static let dashRules = dashes.enumerated().filter { !$0.element.isEmpty }.map { index, dash in
    ".s\(index) .line { stroke-dasharray: \(dash); }"
  }.joined(separator: "\n")

  private static let colourRules = light.indices.map { ".s\($0) { --c: var(--s\($0)); }" }.joined(separator: "\n")

  /// The style rules of a figure. They follow the light or dark setting of the reader's system.
  static let css = """
    :root { --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --ground: #ffffff; \(series(light)) }
    @media (prefers-color-scheme: dark) {
    :root { --ink: #e6edf3; --soft: #9da7b3; --line: #3d444d; --ground: #0d1117; \(series(dark)) }
    }
    .ground { fill: var(--ground); }
    .chart text { font: 12px system-ui, sans-serif; fill: var(--ink); }
    .chart .tick { fill: var(--soft); }
    .chart .end { text-anchor: end; }
    .chart .mid { text-anchor: middle; }
    .chart .grid { stroke: var(--line); stroke-width: 1; }
    .chart .axis { stroke: var(--soft); stroke-width: 1; }
    .series .line { stroke: var(--c); stroke-width: 2; fill: none; }
    .series .band { fill: var(--c); fill-opacity: 0.14; }
    .series .spread { stroke: var(--c); stroke-width: 1.5; }
    .series circle { fill: var(--c); stroke: transparent; stroke-width: 8; }
    .series .quiet { fill-opacity: 0; }
    .series .quiet:hover, .series .here { fill-opacity: 1; stroke: var(--ink); stroke-width: 1.5; }
    \(colourRules)
    \(dashRules)
    """
}
