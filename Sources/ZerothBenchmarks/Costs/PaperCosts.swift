/// Memory and speed as papers report them.
enum PaperCosts {
  /// The costs of OPT-2.7B on one task, by method ([DiZO] Tables 6, 10 and 11).
  struct Task: Sendable {
    let name: String
    /// The mean number of tokens of an example.
    let tokens: Int
    /// The costs by preset: without LoRA, and with it.
    fileprivate let figures: [String: (full: Figure?, lora: Figure?)]
  }

  /// Peak memory and mean memory in GB, and steps per second; nil where the paper gives none.
  struct Figure: Sendable {
    let peak: Double
    let average, stepsPerSecond: Double?

    fileprivate init(_ peak: Double, _ average: Double?, _ stepsPerSecond: Double?) {
      self.peak = peak
      self.average = average
      self.stepsPerSecond = stepsPerSecond
    }
  }

  static let tasks: [Task] = [
    Task(
      name: "SST-2", tokens: 35,
      figures: [
        "ft-adam": (Figure(45.4, 45.4, 1.81), Figure(18.4, 18.4, 4.50)),
        "dizo-first-order": (Figure(17.8, 15.7, 2.63), Figure(16.1, 14.7, 4.16)),
        "mezo": (Figure(6.8, nil, 3.28), Figure(6.5, nil, 5.56)),
        "hizoo": (Figure(11.8, nil, 2.22), Figure(11.5, nil, 3.70)),
        "dizo": (Figure(7.5, nil, 3.05), Figure(7.2, nil, 4.92)),
      ]),
    Task(
      name: "RTE", tokens: 180,
      figures: [
        "ft-adam": (Figure(62.2, 62.2, 1.05), Figure(42.5, 42.5, 2.12)),
        "dizo-first-order": (Figure(44.7, 10.1, 1.43), Figure(40.1, 9.8, 2.40)),
        "mezo": (Figure(7.8, nil, 1.70), Figure(7.7, nil, 3.10)),
        "hizoo": (Figure(13.2, nil, 1.21), Figure(13.0, nil, 2.07)),
        "dizo": (Figure(9.5, nil, 1.54), Figure(9.4, nil, 2.87)),
      ]),
    Task(
      name: "SQuAD", tokens: 300,
      figures: [
        "ft-adam": (Figure(73.5, 73.5, 0.36), Figure(58.5, 58.5, 0.73)),
        "dizo-first-order": (Figure(57.8, 20.3, 1.22), Figure(49.4, 19.9, 2.44)),
        "mezo": (Figure(8.4, nil, 1.33), Figure(8.4, nil, 2.80)),
        "hizoo": (Figure(12.3, nil, 0.97), Figure(11.6, nil, 2.10)),
        "dizo": (Figure(9.7, nil, 1.22), Figure(9.6, nil, 2.49)),
      ]),
  ]

  /// Peak memory over that of MeZO: OPT-13B on RTE ([LOZO]), where MeZO takes 27.4 GB.
  private static let overMeZO = ["lozo": 27.0 / 27.4, "lozo-m": 27.4 / 27.4]

  /// The task whose examples are nearest in length to `tokens`.
  static func task(of tokens: Int) -> Task {
    tasks.min { abs($0.tokens - tokens) < abs($1.tokens - tokens) } ?? tasks[0]
  }

  /// Peak memory over that of MeZO without LoRA; nil where no paper gives it.
  static func memory(_ method: String, isLoRA: Bool, _ task: Task) -> Double? {
    if let ratio = overMeZO[method] { return isLoRA ? nil : ratio }
    guard let figure = figure(method, isLoRA, task), let mezo = mezo(task) else { return nil }
    return figure.peak / mezo.peak
  }

  /// Steps per second over those of MeZO without LoRA; nil where no paper gives them.
  static func speed(_ method: String, isLoRA: Bool, _ task: Task) -> Double? {
    guard let steps = figure(method, isLoRA, task)?.stepsPerSecond, let mezo = mezo(task)?.stepsPerSecond else {
      return nil
    }
    return steps / mezo
  }

  private static func figure(_ method: String, _ isLoRA: Bool, _ task: Task) -> Figure? {
    let figures = task.figures[method]
    return isLoRA ? figures?.lora : figures?.full
  }

  private static func mezo(_ task: Task) -> Figure? { figure("mezo", false, task) }
}
