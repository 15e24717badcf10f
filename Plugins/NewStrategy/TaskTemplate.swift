extension Template {
  /// The template of a task: the classification of one text. The author fills in the classes and the prompts.
  static func task(_ names: Names) -> Template {
    let constant = names.constant
    return Template(
      source: """
        import ZerothTasks

        extension TextTask {
          /// FILL IN: what is asked, and where the data are from.
          public static let \(constant) = TextTask(
            name: "\(names.registered)",
            summary: "FILL IN: what is asked, in a few words",
            // FILL IN: the columns of the texts; each has the names that data files give it.
            columns: [["text", "sentence"]],
            // FILL IN: the word of each class in a prompt, and how data files spell the class.
            classes: [ClassLabel("no", "0"), ClassLabel("yes", "1")],
            // FILL IN: what a causal model is asked; it ends in a space or a line end.
            prompt: { "\\($0["text"]) It is " },
            // FILL IN: what a masked model is asked, and the sentence of a class for encoders; or leave these two out.
            masked: { MaskedPrompt("\\($0["text"]) It is", ".") },
            labelSentence: { "It is \\($0.word)." })
        }

        """,
      imports: ["Foundation"],
      tests: """
          private let task = TextTask.\(constant)

          /// What holds for every classification: words that differ, a prompt that a word can follow, measures that fit.
          @Test func laws() throws {
            let words = task.classes.map(\\.word)
            #expect(words.count >= 2 && Set(words).count == words.count && !words.contains(""))
            #expect(task.metrics.isEmpty == false)
            let example = Example(
              fields: Dictionary(uniqueKeysWithValues: task.textFields.map { ($0, "some text") }), label: 0,
              source: Source(file: "rows", line: 1))
            if let prompt = task.prompt { #expect(prompt(example).hasSuffix(" ") || prompt(example).hasSuffix("\\n")) }
            #expect(task.prompt != nil || task.masked != nil)
          }

          /// A row of a data file as it is: what a model is asked about it, letter by letter.
          @Test func oneRow() throws {
            struct Row: Decodable {
              var prompt: String
              var words: [String]
              var label: Int
            }
            let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: golden).path
            let row = try JSONDecoder().decode(Row.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
            let example = try #require(try task.examples(at: path).first)
            #expect(example.label == row.label)
            #expect(task.prompt?(example) == row.prompt, "FILL IN: a row and its prompt in Golden/\(names.type).json")
            #expect(task.candidates(of: example) == row.words, "FILL IN: its words in Golden/\(names.type).json")
          }

        """,
      golden: """
        {
          "text": "FILL IN: a row of the data",
          "label": 0,
          "prompt": "FILL IN: what a causal model is asked about it",
          "words": ["FILL IN: the words of the classes"]
        }

        """,
      guide: """
        # \(names.type)
        FILL IN: what is asked, where the data are from, and their licence. File: `SOURCE`.

        ## What a model is asked
        ```
        FILL IN: <text> It is no / yes
        ```

        ## Data
        FILL IN: the files, their columns and the sizes of train, dev and test.

        ## Example
        ```swift
        import MODULE
        import ZerothTasks

        func examples(in folder: String) throws -> TaskData { try TextTask.\(constant).load(folder) }
        ```

        ## By name
        ```toml
        [task]
        name = "\(names.registered)"
        data = "FILL IN: the folder"
        ```

        """,
      registry: ("TaskRegistry", "tasks", "try tasks.add(.\(constant))"))
  }
}
