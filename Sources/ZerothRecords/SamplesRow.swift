import ZerothSupport

extension MetricsRow {
  /// The answers of the model to a few rows of dev, always the same rows. It is the row of `metrics.jsonl` that a run
  /// with `run.samples` writes at each evaluation.
  public struct Samples: Sendable {
    /// One row of dev.
    public struct Sample: Sendable, Hashable {
      /// The question.
      public var prompt: String
      /// The answer of the model; nil where its output is not finite.
      public var answer: String?
      /// The right answer.
      public var expected: String

      /// The answer `answer` to `prompt`, whose right answer is `expected`.
      public init(prompt: String, answer: String?, expected: String) {
        self.prompt = prompt
        self.answer = answer
        self.expected = expected
      }
    }

    /// The number of steps done before.
    public var step: Int
    /// The answers, in the order of the rows.
    public var samples: [Sample]

    /// The row of `samples` after `step` steps.
    public init(step: Int, samples: [Sample]) {
      self.step = step
      self.samples = samples
    }

    var members: [JSON.Member] {
      [
        .init("kind", "samples"), .init("step", .int(step)),
        .init(
          "samples",
          .array(
            samples.map { sample in
              [
                "prompt": .string(sample.prompt), "answer": sample.answer.map { .string($0) } ?? .null,
                "expected": .string(sample.expected),
              ]
            })),
      ]
    }

    /// Reads the `samples` that `members` wrote.
    init(step: Int, samples json: JSON?, subject: String) throws(InputError) {
      guard let elements = json?.elements else {
        throw InputError("\(subject): samples", found: json?.summary ?? "nothing", expected: "an array")
      }
      self.step = step
      samples = try elements.map { element throws(InputError) in
        guard let prompt = element["prompt"]?.string, let expected = element["expected"]?.string,
          element["answer"] == .null || element["answer"]?.string != nil
        else {
          throw InputError(
            "\(subject): samples", found: element.summary,
            expected: "objects with a prompt, an answer and what is expected")
        }
        return Sample(prompt: prompt, answer: element["answer"]?.string, expected: expected)
      }
    }
  }
}
