import Zeroth
import ZerothSupport

/// The memory and throughput tables of the papers, measured on this machine for one shape. Every method is measured
/// with and without LoRA, and the papers' numbers stand beside its own.
///
/// All ratios are to MeZO without LoRA, as in the papers. A ratio of speeds compares steps in units of the plain
/// forward passes around them. So a change in the machine's speed from one process to the next has no effect.
public struct CostTable: Sendable {
  /// The methods in the papers' tables, first-order methods first.
  public static let methods = [
    "ft-adam", "dizo-first-order", "mezo", "hizoo", "dizo", "lozo", "lozo-m",
  ]

  /// What was measured.
  public let figures: [CostFigure]
  private let setting: BenchmarkSetting
  private let repeats: Int
  private let paper: PaperCosts.Task

  /// Calls `measure` for each of `methods`, first without LoRA and then with it. `measure` should use a fresh process
  /// each time.
  public init(
    _ setting: BenchmarkSetting, methods: [String], repeats: Int,
    measure: (_ name: String, _ isLoRA: Bool) throws -> CostFigure
  ) throws {
    self.setting = setting
    self.repeats = repeats
    paper = PaperCosts.task(of: setting.tokens)
    figures = try [false, true].flatMap { isLoRA in try methods.map { try measure($0, isLoRA) } }
  }

  /// The figure of MeZO without LoRA.
  private var base: CostFigure? { figures.first { $0.name == "mezo" && !$0.isLoRA } }

  /// A row of the table.
  private struct Row {
    let figure: CostFigure
    /// Peak memory and steps per second over those of MeZO: as measured here, and in the papers.
    let memory, speed, paperMemory, paperSpeed: Double?
  }

  private var rows: [Row] {
    figures.map { figure in
      Row(
        figure: figure, memory: base.map { Double(figure.peak) / Double($0.peak) },
        speed: base.map { $0.stepOverForward.median / figure.stepOverForward.median },
        paperMemory: PaperCosts.memory(figure.name, isLoRA: figure.isLoRA, paper),
        paperSpeed: PaperCosts.speed(figure.name, isLoRA: figure.isLoRA, paper))
    }
  }

  /// The result as JSON.
  public var json: JSON {
    [
      "setting": setting.json, "threads": .int(Parallel.threads), "repeats": .int(repeats),
      "paper": ["model": "OPT-2.7B", "task": .string(paper.name), "tokens": .int(paper.tokens)],
      "figures": .array(
        rows.map { row in
          func number(_ value: Double?) -> JSON { value.map { .double($0) } ?? .null }
          return .object(
            row.figure.members + [
              .init("memory_over_mezo", number(row.memory)), .init("paper_memory_over_mezo", number(row.paperMemory)),
              .init("speed_over_mezo", number(row.speed)), .init("paper_speed_over_mezo", number(row.paperSpeed)),
            ])
        }),
    ]
  }

  private var table: Table {
    var table = Table([
      .left("method"), .right("peak"), .right("average"), .right("peak / mezo"), .right("papers"), .right("steps/s"),
      .right("forwards a step"), .right("step / forward"), .right("speed / mezo"), .right("papers"),
    ])
    func ratio(_ value: Double?) -> String { value.map { Human.fixed($0, 2) } ?? "-" }
    for row in rows {
      let figure = row.figure
      table.rows.append([
        figure.name + (figure.isLoRA ? ", LoRA" : ""), Human.bytes(figure.peak), Human.bytes(Int(figure.average)),
        ratio(row.memory), ratio(row.paperMemory), Human.fixed(1 / figure.step.median, 2),
        Human.fixed(figure.forwards, 2), figure.stepOverForward.text(2), ratio(row.speed), ratio(row.paperSpeed),
      ])
    }
    return table
  }

  private var caption: String {
    "\(setting.text); medians of \(repeats) rounds (quartiles), each row a process of its own; papers: OPT-2.7B on \(paper.name) "
      + "(\(paper.tokens) tokens), LOZO's memory OPT-13B on RTE"
  }

  /// The result for a terminal.
  public var text: String { "\(caption)\n\n\(table.text)" }

  /// The result as Markdown.
  public var markdown: String { "\(caption)\n\n\(table.markdown)" }
}
