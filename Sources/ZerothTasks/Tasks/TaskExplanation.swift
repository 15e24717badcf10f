import ZerothSupport

extension TextTask {
  /// An example to show: that of `exampleRow`, or for a classification without one an example whose texts are the names
  /// of the fields in braces. Nil where there is neither. Throws `InputError` where the task cannot read its own row.
  public func shownExample() throws -> Example? {
    let source = Source(file: "the example of task \(name)", line: 1)
    if let exampleRow {
      guard let fields = try exampleRow.fields(of: "\(source)") else {
        throw InputError("\(source)", found: exampleRow.kind, expected: "an object")
      }
      return try read(Record(fields, source: source)).first
    }
    if let shownWithoutRow { return shownWithoutRow }
    guard kind == .classification else { return nil }
    let names = textFields.map { ($0, "{\($0)}") }
    return Example(fields: Dictionary(names) { first, _ in first }, label: 0, source: source)
  }

  /// The task as JSON, for `explain --json`.
  public func json() throws -> JSON {
    let columns = shownColumns
    return [
      "name": .string(name), "summary": .string(summary), "kind": .string(kind.rawValue),
      "classes": .array(
        classes.map { ["word": .string($0.word), "names": .array($0.names.map { .string($0) })] }),
      "columns": .array(columns.map { .array($0.map { .string($0) }) }),
      "train": trainAndDev.map { .int($0.train) } ?? .null, "dev": trainAndDev.map { .int($0.dev) } ?? .null,
      "test": .int(testSize), "metrics": .array(metrics.map { .string($0.rawValue) }),
      "objectives": .array(objectives.map { .string($0.name) }), "row": exampleRow ?? .null,
      "reward": reward.map { ["name": .string($0.name), "program": $0.program.map { .string($0) } ?? .null] } ?? .null,
      "example": try shownExample().map(asked) ?? .null,
    ]
  }

  /// How a model is asked about `example`.
  private func asked(_ example: Example) -> JSON {
    var members: [JSON.Member] = []
    if let prompt {
      members.append(.init("prompt", .string(prompt(example))))
      members.append(.init("candidates", .array(candidates(of: example).map { .string($0) })))
    }
    if let masked = masked?(example) {
      members.append(.init("masked", .string("\(masked.before)<mask>\(masked.after)")))
    }
    if let labelSentence {
      members.append(.init("label_sentences", .array(classes.map { .string(labelSentence($0)) })))
    }
    members.append(.init("label", .int(example.label)))
    return .object(members)
  }

  /// The task as a page for a terminal: its texts and metrics, and an example in the form in which each kind of model
  /// is asked.
  public func text() throws -> String {
    var lines = ["\(name): \(summary)", ""]
    func add(_ heading: String, _ words: String) {
      lines.append(heading + String(repeating: " ", count: max(1, 13 - heading.count)) + words)
    }
    add("kind", kind.displayName)
    if !classes.isEmpty { add("classes", classes.map(Self.spelled).joined(separator: ", ")) }
    let columns = shownColumns.map { $0.joined(separator: " or ") }
    if !columns.isEmpty { add("columns", columns.joined(separator: "; ")) }
    add("sizes", sizes)
    add(
      "metrics", metrics.map(\.displayName).joined(separator: ", ") + (metrics.count > 1 ? "; the first chooses" : ""))
    let others = objectives.dropFirst().map(\.name).joined(separator: ", ")
    add(
      "objectives",
      others.isEmpty
        ? objectives[0].name
        : "\(objectives[0].name), \(definition == nil ? "as in the papers" : "unless said otherwise"); or \(others)")
    if let reward {
      add("reward", reward.summary + (reward.program.map { "; starts \($0)" } ?? ""))
      add("answers", "\(answerEnd.length) tokens at most, \(sampling.words)")
    }
    lines += try example()
    return lines.joined(separator: "\n") + "\n"
  }

  /// The made-up row, and the form in which each kind of model is asked about it.
  private func example() throws -> [String] {
    guard let example = try shownExample() else { return [] }
    var lines: [String] = []
    func add(_ heading: String, _ text: String) {
      lines += ["", heading] + text.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }
    }
    if let exampleRow { add("A row of a data file:", exampleRow.description) }
    if let prompt {
      let candidates = candidates(of: example).map { $0.hasSuffix("\n") ? String($0.dropLast()) : $0 }
      let heading =
        kind == .generation || kind == .chat
        ? "What a causal model is asked, and in brackets what it is to generate:"
        : "What a causal model is asked, with the candidates that it chooses from in brackets:"
      if kind == .text || kind == .reward {
        add(kind == .text ? "What is predicted, token by token:" : "What a causal model is asked:", prompt(example))
      } else {
        add(heading, "\(prompt(example))[\(candidates.joined(separator: " | "))]")
      }
    }
    if let masked = masked?(example) {
      add("What a masked model is asked, whose mask is one of the classes:", "\(masked.before)<mask>\(masked.after)")
    }
    if let labelSentence {
      add(
        "What the label head of another encoder starts from, a sentence a class:",
        classes.map(labelSentence).joined(separator: "\n"))
    }
    return lines
  }

  /// The columns of the texts and of the label. Where the task has a row to show, only those that the row has; the
  /// other texts are in nested fields.
  private var shownColumns: [[String]] {
    guard let row = exampleRow, row.members != nil else {
      return columns + (labelColumns.isEmpty ? [] : [labelColumns])
    }
    return (columns + [labelColumns]).filter { names in names.contains { row[$0] != nil } }
  }

  private var trainAndDev: (train: Int, dev: Int)? {
    if case .total(let train, let dev) = splitSize { (train, dev) } else { nil }
  }

  private var sizes: String {
    let test = testSize == .max ? "all of test" : "test \(testSize) at most"
    switch splitSize {
    case .total(let train, let dev): return "train \(train), dev \(dev), \(test)"
    case .perClass(let k): return "\(k) of each class in train and in dev, \(test)"
    }
  }

  /// A class with its word, and the other names that it has in data files.
  private static func spelled(_ label: ClassLabel) -> String {
    let names = label.names.filter { $0 != label.word }
    return names.isEmpty ? label.word : "\(label.word) (\(names.joined(separator: " or ")))"
  }
}
