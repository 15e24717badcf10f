import Testing
import ZerothTasks

@Suite struct MetricTests {
  private let score = ClassificationScore(
    classes: 3, predictions: [0, 1, 0, 1, 1, 2, 0, 2, 1, 2], labels: [0, 0, 0, 1, 1, 2, 2, 2, 2, 1])

  @Test func confusionAndAccuracy() {
    #expect(score.confusion == [[2, 1, 0], [0, 2, 1], [1, 1, 2]])
    #expect(score.count == 10)
    #expect(score.accuracy == 0.6)
    #expect(score.perClassAccuracy == [2.0 / 3, 2.0 / 3, 0.5])
  }

  /// Precision and recall by hand: class 0 2/3 and 2/3, class 1 2/4 and 2/3, class 2 2/3 and 2/4.
  @Test func f1OfEachClass() {
    #expect(abs(score.f1(of: 0) - 2.0 / 3) < 1e-12)
    #expect(abs(score.f1(of: 1) - 4.0 / 7) < 1e-12)
    #expect(abs(score.f1(of: 2) - 4.0 / 7) < 1e-12)
    #expect(abs(score.macroF1 - (2.0 / 3 + 8.0 / 7) / 3) < 1e-12)
    #expect(score.value(of: .f1) == score.f1(of: 2))
    #expect(score.value(of: .exactMatch) == nil)
  }

  @Test func nothingCounted() {
    let empty = ClassificationScore(classes: 2)
    #expect(empty.accuracy == 0)
    #expect(empty.perClassAccuracy == [nil, nil])
    #expect(empty.macroF1 == 0)
  }

  struct Answer: Sendable {
    let text: String
    let gold: [String]
    let f1: Double
    let isExact: Bool
  }

  /// Values of a few lines of Python after SQuAD's script: lower, drop string.punctuation, drop `\b(a|an|the)\b`, split.
  static let answers: [Answer] = [
    Answer(text: "The Denver Broncos!", gold: ["denver broncos"], f1: 1, isExact: true),
    Answer(text: "a cat sat on the mat", gold: ["The cat sat", "cat mat dog"], f1: 2.0 / 3, isExact: false),
    Answer(text: "308", gold: ["308 points", "three"], f1: 2.0 / 3, isExact: false),
    Answer(text: "the", gold: ["an", "a"], f1: 1, isExact: true),
    Answer(text: "", gold: ["x"], f1: 0, isExact: false),
    Answer(text: "the–a½ an-other The.", gold: ["–½ other"], f1: 0, isExact: false),
    Answer(text: "to be to be", gold: ["to to to be not"], f1: 2.0 / 3, isExact: false),
    Answer(text: "over–the–top", gold: ["over– –top"], f1: 1, isExact: true),
    Answer(text: "Ａ the_re", gold: ["ａ there"], f1: 1, isExact: true),
  ]

  @Test(arguments: answers)
  func answer(_ answer: Answer) {
    let score = AnswerScore(answer.text, gold: answer.gold)
    #expect(abs(score.f1 - answer.f1) < 1e-12)
    #expect(score.exactMatch == answer.isExact)
  }

  @Test func normalisation() {
    #expect(AnswerScore.normalized("The  Panthers' (an) \"A\" team;") == ["panthers", "team"])
    #expect(AnswerScore.normalized("the–a½ an-other The.") == ["–a½", "another"])
    #expect(AnswerScore.normalized("theatre than a\u{A0}b") == ["theatre", "than", "b"])
  }
}
