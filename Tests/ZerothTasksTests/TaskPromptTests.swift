import Testing
import Zeroth
import ZerothSupport
import ZerothTasks

/// The prompts, letter by letter, as the papers' protocol has them.
/// An object of JSON with these members.
private func object(_ members: KeyValuePairs<String, JSON>) -> JSON { .object(members.map { .init($0.key, $0.value) }) }

@Suite struct TaskPromptTests {
  private let source = Source(file: "rows", line: 1)

  /// The example that a task reads from one row.
  private func example(_ task: TextTask, _ row: [String: JSON]) throws -> Example {
    try #require(try task.read(Record(row, source: source)).first)
  }

  private func prompt(_ task: TextTask, _ row: [String: JSON]) throws -> String {
    let prompt = try #require(task.prompt)
    return prompt(try example(task, row))
  }

  private func masked(_ task: TextTask, _ row: [String: JSON]) throws -> String {
    let masked = try #require(task.masked)
    let prompt = masked(try example(task, row))
    return "\(prompt.before)<mask>\(prompt.after)"
  }

  @Test func sentiment() throws {
    let row: [String: JSON] = ["text": .string(" a fine film . "), "label": .int(1)]
    for task in [TextTask.sst2, .sst5] {
      #expect(try prompt(task, row) == "a fine film . It was ")
      #expect(try masked(task, row) == "a fine film . It was<mask>.")
    }
    #expect(TextTask.sst2.classes.map(\.word) == ["terrible", "great"])
    #expect(TextTask.sst5.classes.map(\.word) == ["terrible", "bad", "okay", "good", "great"])
    let labelSentence = try #require(TextTask.sst2.labelSentence)
    #expect(TextTask.sst2.classes.map(labelSentence) == ["It was terrible.", "It was great."])
  }

  @Test func questions() throws {
    let row: [String: JSON] = ["text": .string("What does LOL mean ?"), "label": .string("ABBR:exp")]
    #expect(try masked(.trec, row) == "<mask>:What does LOL mean ?")
    #expect(try example(.trec, row).label == 2)
    #expect(TextTask.trec.prompt == nil)
    #expect(
      TextTask.trec.classes.map(\.word) == ["Description", "Entity", "Expression", "Human", "Location", "Number"])
  }

  @Test func inference() throws {
    let row: [String: JSON] = [
      "premise": .string("A man sleeps."), "hypothesis": .string("Nobody is awake."), "label": .string("entailment"),
    ]
    #expect(
      try prompt(.rte, row) == "A man sleeps.\nDoes this mean that \"Nobody is awake.\" is true? Yes or No?\n")
    #expect(
      try prompt(.cb, row) == "Suppose A man sleeps. Can we infer that \"Nobody is awake.\"? Yes, No, or Maybe?\n")
    for task in [TextTask.rte, .snli, .mnli] {
      #expect(try masked(task, row) == "A man sleeps?<mask>, nobody is awake.")
      #expect(try task.classes[example(task, row).label].word == "Yes")
      #expect(task.maskedLength == 256)
    }
    #expect(TextTask.rte.classes.map(\.word) == ["Yes", "No"])
    #expect(TextTask.cb.classes.map(\.word) == ["Yes", "No", "Maybe"])
    #expect(TextTask.cb.classes.map { $0.names[0] } == ["entailment", "contradiction", "neutral"])
    #expect(TextTask.snli.classes.map { $0.names[0] } == ["contradiction", "entailment", "neutral"])
    #expect(TextTask.snli.classes.map(\.word) == ["No", "Yes", "Maybe"])
    let glue: [String: JSON] = [
      "sentence1": .string("A"), "sentence2": .string("B"), "label1": .string("neutral"), "gold_label": .string("-"),
    ]
    #expect(try TextTask.snli.read(Record(glue, source: source)).isEmpty)
  }

  @Test func boolq() throws {
    for question in ["is it so", "is it so?", "Is it so??"] {
      let row: [String: JSON] = [
        "passage": .string("It is so."), "question": .string(question), "label": .bool(true),
      ]
      #expect(try prompt(.boolq, row) == "It is so. Is it so?\n")
      #expect(try example(.boolq, row).label == 1)
    }
    #expect(TextTask.boolq.classes.map(\.word) == ["No", "Yes"])
  }

  @Test func wordsAndPronouns() throws {
    let wic: [String: JSON] = [
      "word": .string("cup"), "sentence1": .string("A cup."), "sentence2": .string("Waxen cups."),
      "label": .bool(false),
    ]
    #expect(
      try prompt(.wic, wic)
        == "Does the word \"cup\" have the same meaning in these two sentences? Yes, No?\nA cup.\nWaxen cups.\n")
    let wsc: [String: JSON] = [
      "text": .string("Mark told Pete. He lied."), "label": .bool(true),
      "target": object(["span1_text": .string("Mark"), "span2_text": .string("He")]),
    ]
    #expect(
      try prompt(.wsc, wsc)
        == "Mark told Pete. He lied.\nIn the previous sentence, does the pronoun \"he\" refer to Mark? Yes or No?\n")
  }

  @Test func multirc() throws {
    let answer: JSON = object(["text": .string("Yes"), "label": .int(1)])
    let question: JSON = object(["question": .string("Is it?"), "answers": .array([answer])])
    let row: [String: JSON] = [
      "passage": object(["text": .string("It is."), "questions": .array([question])])
    ]
    #expect(
      try prompt(.multirc, row)
        == "It is.\nQuestion: Is it?\nI found this answer \"Yes\". Is that correct? Yes or No?\n")
    #expect(TextTask.multirc.metrics.first == .f1)
  }

  @Test func copa() throws {
    var row: [String: JSON] = [
      "premise": .string("The man turned on the faucet."), "choice1": .string("The toilet filled."),
      "choice2": .string("I saw It."), "question": .string("effect"), "label": .int(1),
    ]
    #expect(try prompt(.copa, row) == "The man turned on the faucet so ")
    #expect(try TextTask.copa.candidates(of: example(.copa, row)) == ["the toilet filled.", "I saw It."])
    row["question"] = .string("cause")
    #expect(try prompt(.copa, row) == "The man turned on the faucet because ")
    row["question"] = .string("reason")
    #expect(throws: InputError.self) { try example(.copa, row) }
  }

  @Test func generation() throws {
    let squad: [String: JSON] = [
      "title": .string("T_1"), "context": .string("C."), "question": .string("Q?"),
      "answers": object(["text": .array([.string("one"), .string("two")])]),
    ]
    #expect(try prompt(.squad, squad) == "Title: T_1\nContext: C.\nQuestion: Q?\nAnswer: ")
    #expect(try TextTask.squad.candidates(of: example(.squad, squad)) == ["one\n"])
    let drop: [String: JSON] = [
      "context": .string("Passage: P\nmore.\nQuestion: Q?\nAnswer:"), "ref_text": .string("one|two"),
    ]
    #expect(try prompt(.drop, drop) == "Passage: P\nmore.\nQuestion: Q?\nAnswer: ")
    #expect(try example(.drop, drop).answers == ["one", "two"])
    #expect(TextTask.drop.metrics == [.answerF1, .exactMatch])
  }

  /// A task of a user, from outside the module.
  @Test func anotherTaskIsAFewLines() throws {
    let headlines = TextTask(
      name: "headlines",
      summary: "the section of a newspaper's headline",
      columns: [["headline"]],
      classes: [ClassLabel("sport", "0"), ClassLabel("politics", "1")],
      prompt: { "\($0["headline"]) This is about " })
    var registry = TaskRegistry.standard
    try registry.add(headlines)
    let fixture = try DataFixture(["train.csv": "headline,label\n\"Goal, at last\",0\nVote tomorrow,1\n"])
    let examples = try registry.task(named: "headlines").examples(at: "\(fixture.path)/train.csv")
    #expect(examples.map(\.label) == [0, 1])
    #expect(headlines.prompt?(examples[0]) == "Goal, at last This is about ")
    #expect(throws: InputError.self) { try registry.add(headlines) }
  }

  /// Tasks are found whatever the case and the hyphens, so a name that differs in those alone is taken.
  @Test(arguments: [["my-task", "mytask"], ["mytask", "my-task"], ["MyTask", "mytask"], ["SST-2"]])
  func aNameThatDiffersInHyphensAloneIsTaken(names: [String]) throws {
    func task(_ name: String) -> TextTask {
      TextTask(
        name: name, summary: "a task", columns: [["text"]], classes: [ClassLabel("no", "0"), ClassLabel("yes", "1")],
        prompt: { $0["text"] })
    }
    var registry = TaskRegistry.standard
    for name in names.dropLast() { try registry.add(task(name)) }
    let before = registry.tasks.map(\.name)
    let last = try #require(names.last)
    let error = #expect(throws: InputError.self) { try registry.add(task(last)) }
    #expect(error?.subject == "task '\(last)'")
    #expect(registry.tasks.map(\.name) == before)
  }

  @Test func names() throws {
    let registry = TaskRegistry.standard
    #expect(registry.tasks.count == 14)
    #expect(Set(registry.tasks.map(\.name)).count == 14)
    #expect(try registry.task(named: "SST-2").name == "sst2")
    let error = #expect(throws: InputError.self) { try registry.task(named: "sqad") }
    #expect(error?.expected.hasPrefix("perhaps 'squad', one of sst2, ") == true)
    let far = #expect(throws: InputError.self) { try registry.task(named: "translation") }
    #expect(far?.expected.hasPrefix("one of sst2, sst5") == true)
  }
}
