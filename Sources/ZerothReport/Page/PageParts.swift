/// The parts that every page has: its style and its script.
enum PageParts {
  /// The style rules besides those of charts. Colours follow the light or dark setting of the reader's system.
  static let css = """
    html { color-scheme: light dark; }
    body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1.25rem 4rem; background: var(--ground); color: var(--ink);
      font: 16px/1.5 system-ui, sans-serif; }
    h1 { font-size: 1.6rem; margin: 0.5rem 0; } h2 { font-size: 1.25rem; margin: 2.5rem 0 0.5rem; }
    h3 { font-size: 1.1rem; margin: 2rem 0 0.25rem; } h4 { font-size: 1rem; margin: 0 0 0.5rem; }
    p, figcaption, li { max-width: 48rem; }
    a { color: var(--s0); }
    nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; padding: 0; list-style: none; }
    .wide { overflow-x: auto; margin: 0.75rem 0; }
    table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
    caption { text-align: left; color: var(--soft); padding-bottom: 0.25rem; }
    th, td { padding: 0.3rem 0.75rem 0.3rem 0; text-align: left; vertical-align: top; font-weight: normal;
      border-bottom: 1px solid var(--line); white-space: nowrap; }
    thead th { color: var(--soft); border-bottom-color: var(--soft); }
    td.number, th.number { text-align: right; }
    td.long { white-space: normal; min-width: 16rem; }
    figure { margin: 1.25rem 0 2rem; padding: 1rem; border: 1px solid var(--line); border-radius: 0.5rem; }
    figcaption { color: var(--soft); font-size: 0.9rem; margin-top: 0.5rem; }
    .chart { display: block; width: 100%; height: auto; }
    .choices { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; font-size: 0.9rem; }
    fieldset { border: 0; margin: 0; padding: 0; } legend { float: left; color: var(--soft); padding: 0; }
    fieldset label { margin-left: 0.75rem; }
    output { display: block; min-height: 1.5em; font-size: 0.9rem; color: var(--soft); }
    output.told { color: var(--ink); }
    summary { cursor: pointer; font-size: 0.9rem; margin-top: 0.5rem; }
    :focus-visible { outline: 2px solid var(--s0); outline-offset: 2px; }
    @media print { .choices, output { display: none; } }
    """

  /// The script that reads out the nearest point, under the pointer or with the arrow keys. The charts are complete
  /// without it.
  static let script = """
    for (const figure of document.querySelectorAll("figure")) {
      const output = figure.querySelector("output");
      for (const variant of figure.querySelectorAll(".variant")) {
        const svg = variant.querySelector("svg");
        const lines = [...svg.querySelectorAll("g.series")].map(g => [...g.querySelectorAll("circle")]).filter(l => l.length);
        let here = null;
        const tell = circle => {
          if (here) here.classList.remove("here");
          here = circle;
          circle.classList.add("here");
          output.textContent = circle.querySelector("title").textContent;
          output.classList.add("told");
        };
        svg.addEventListener("pointermove", event => {
          const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
          let best = null, least = 60 * 60;
          for (const circle of lines.flat()) {
            const x = circle.cx.baseVal.value - place.x, y = circle.cy.baseVal.value - place.y;
            if (x * x + y * y < least) { least = x * x + y * y; best = circle; }
          }
          if (best) tell(best);
        });
        variant.addEventListener("keydown", event => {
          const move = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
          if (!move || !lines.length) return;
          event.preventDefault();
          let line = lines.findIndex(l => l.includes(here)), at = line < 0 ? -1 : lines[line].indexOf(here);
          line = line < 0 ? 0 : (line + move[0] + lines.length) % lines.length;
          at = Math.min(Math.max(at + move[1], 0), lines[line].length - 1);
          tell(lines[line][at]);
        });
      }
    }
    """
}
