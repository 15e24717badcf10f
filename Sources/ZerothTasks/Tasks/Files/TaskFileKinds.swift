import Zeroth
import ZerothSupport

extension TaskFile {
  /// A classification: columns, classes and a prompt. For models other than causal ones it may also have a prompt with
  /// a mask, or a sentence for each class.
  func classification() throws(InputError) -> TextTask {
    let prompt = try template("prompt")
    let masked = try template("masked")
    let sentence = try string("label-sentence")
    guard prompt != nil || masked != nil || sentence != nil else {
      throw InputError(
        subject("prompt"), found: "nothing",
        expected: "a prompt, masked for masked models, or a label-sentence for encoders")
    }
    guard let candidates = try table("candidates") else {
      throw InputError(
        subject("candidates"), found: "nothing",
        expected: "the label's values, and what is scored behind the prompt for each")
    }
    let words = try table("words") ?? []
    for word in words where !candidates.contains(where: { $0.key == word.key }) {
      throw InputError(
        subject("words.\(word.key.excerpt)"), found: "a value that is no candidate",
        expected: Suggestion.expected(for: word.key, among: candidates.map(\.key)))
    }
    let classes = candidates.map { key, text in
      ClassLabel(name: key, candidate: text, word: words.first { $0.key == key }?.text ?? text.trimmed)
    }
    guard classes.count > 1 else { throw InputError(subject("candidates"), found: "one", expected: "at least two") }
    for (index, a) in candidates.enumerated() {
      guard !candidates[..<index].contains(where: { $0.key == a.key }) else {
        throw InputError(
          subject("candidates"), found: "'\(a.key.excerpt)' twice, in two encodings of Unicode",
          expected: "each value once")
      }
      if let b = candidates[..<index].first(where: { $0.text == a.text }) {
        throw InputError(
          subject("candidates"), found: "'\(a.text.excerpt)' for both \(b.key.excerpt) and \(a.key.excerpt)",
          expected: "a text of its own for each")
      }
    }
    let label = try required("label", "the column of the label")
    if let masked, !masked.columns.contains("mask") {
      throw InputError(subject("masked"), found: "no {mask}", expected: "it where the mask stands")
    }
    let asked = (prompt?.columns ?? []) + (masked?.columns ?? []).filter { $0 != "mask" }
    let texts = try strings("texts") ?? asked.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    guard !texts.isEmpty else {
      throw InputError(subject("texts"), found: "nothing", expected: "the columns of the texts")
    }
    var columns = texts
    for column in asked where !columns.contains(column) { columns.append(column) }
    let group = try groups()
    let labelSentence = try sentence.map { text throws(InputError) in
      try RowTemplate(text, subject: subject("label-sentence"))
    }
    if let other = labelSentence?.columns.first(where: { $0 != "word" && $0 != "label" }) {
      throw InputError(subject("label-sentence"), found: "{\(other.excerpt)}", expected: "{word} or {label}")
    }
    let read: @Sendable (Record) throws -> [Example] = { [columns] record in
      guard record.hasText(columns) else {
        _ = try record.cells(columns)
        return []
      }
      let right = try record.label([label], among: classes)
      return [
        Example(fields: try record.cells(columns), label: right, splitKey: try record.key(group), source: record.source)
      ]
    }
    let task = TextTask(
      name: try name, summary: try summary, columns: texts.map { [$0] }, labelColumns: [label], classes: classes,
      metrics: try metrics(.classification, usual: [.accuracy, .macroF1]), maskedLength: try count("length") ?? 128,
      prompt: prompt.map(Self.filling), read: read)
    return task.with {
      if let masked { $0.masked = Self.filling(masked) }
      if let labelSentence { $0.labelSentence = Self.sentence(labelSentence) }
      $0.shownWithoutRow = shown(columns)
    }
  }

  private static func filling(_ prompt: RowTemplate) -> @Sendable (Example) -> String {
    { example in prompt.filled { example[$0] } }
  }

  private static func filling(_ masked: RowTemplate) -> @Sendable (Example) -> MaskedPrompt {
    { example in
      let (before, after) = masked.split(at: "mask") { example[$0] }
      return MaskedPrompt(before, after)
    }
  }

  private static func sentence(_ template: RowTemplate) -> @Sendable (ClassLabel) -> String {
    { label in template.filled { $0 == "word" ? label.word : label.title } }
  }

  /// A choice between candidates that each row has, after a prompt.
  func multipleChoice() throws(InputError) -> TextTask {
    let prompt = try requiredTemplate("prompt")
    let label = try required("label", "the column of the right choice")
    let labels = try strings("labels")
    let column = value("choices")?.string
    let templates = try column == nil ? strings("choices") : nil
    guard column != nil || templates != nil else {
      throw InputError(
        subject("choices"), found: "nothing", expected: "texts with columns in braces, or a column that holds an array")
    }
    let choices = try (templates ?? []).map { text throws(InputError) in
      try RowTemplate(text, subject: subject("choices"))
    }
    let columns = prompt.columns
    let group = try groups()
    var task = TextTask(
      name: try name, summary: try summary, kind: .multipleChoice,
      metrics: try metrics(.multipleChoice, usual: [.accuracy]), prompt: { example in prompt.filled { example[$0] } },
      read: { record in
        guard record.hasText(columns) else {
          _ = try record.cells(columns)
          return []
        }
        let texts: [String]
        if let column {
          texts = try record.cells(column).map { " " + $0.trimmed }
        } else {
          texts = try choices.map { choice in try choice.filled { try record.cell($0) } }
        }
        guard texts.count > 1, !texts.contains(where: { $0.trimmed.isEmpty }) else {
          throw record.error(
            column ?? "choices", found: "\(texts.count) choices, or an empty one", expected: "at least two")
        }
        return [
          Example(
            fields: try record.cells(columns), choices: texts, label: try record.choice(label, labels, of: texts),
            splitKey: try record.key(group), source: record.source)
        ]
      })
    task.isLabelled = { $0.hasLabel(label) }
    task.columns = (columns + choices.flatMap(\.columns) + [column].compactMap(\.self)).map { [$0] }
    task.labelColumns = [label]
    task.shownWithoutRow = shown(columns, choices: templates ?? [" {first of \(column ?? "")}", " {second}"])
    return task
  }

  func requiredTemplate(_ key: String, default text: String? = nil) throws(InputError) -> RowTemplate {
    guard let template = try template(key, default: text) else {
      throw InputError(subject(key), found: "nothing", expected: "a text with columns in braces")
    }
    return template
  }

  var source: Source { Source(file: path, line: 1) }

  /// An example whose texts are the names of the columns.
  func shown(_ columns: [String], choices: [String] = [], answers: [String] = []) -> Example {
    Example(
      fields: Dictionary(columns.map { ($0, "{\($0)}") }) { first, _ in first }, choices: choices, answers: answers,
      label: 0, source: source)
  }
}

extension Record {
  /// The text of `group` for this row, which keeps rows in one set; nil without `group`.
  func key(_ group: RowTemplate?) throws -> String? { try group?.filled { try cell($0) } }

  /// The index of the right one of `choices`. The column `name` has one of `labels`, an index from 0, or the text of
  /// the choice.
  fileprivate func choice(_ name: String, _ labels: [String]?, of choices: [String]) throws(InputError) -> Int {
    if ignoresLabels { return 0 }
    let found = try cell(name).trimmed
    let place = labels.map { $0.firstIndex(of: found) } ?? Int(found) ?? choices.firstIndex { $0.trimmed == found }
    guard let place, choices.indices.contains(place) else {
      throw error(
        name, found: "'\(found.excerpt)'",
        expected: labels.map { "one of \($0.prefix(choices.count).map { "'\($0)'" }.joined(separator: ", "))" }
          ?? "0 to \(choices.count - 1), or the text of a choice")
    }
    return place
  }
}
