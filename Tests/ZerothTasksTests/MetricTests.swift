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

  /// Values of a few lines of Python after SQuAD's script: lower, drop string.punctuation, drop `\b(a|an|the)\b`, split.
  @Test(arguments: [
    ("The Denver Broncos!", ["denver broncos"], 1.0, true),
    ("a cat sat on the mat", ["The cat sat", "cat mat dog"], 2.0 / 3, false),
    ("308", ["308 points", "three"], 2.0 / 3, false),
    ("the", ["an", "a"], 1.0, true),
    ("", ["x"], 0.0, false),
    ("the–a½ an-other The.", ["–½ other"], 0.0, false),
    ("to be to be", ["to to to be not"], 2.0 / 3, false),
    ("over–the–top", ["over– –top"], 1.0, true),
    ("Ａ the_re", ["ａ there"], 1.0, true),
  ])
  func answers(answer: String, gold: [String], f1: Double, exact: Bool) {
    let score = AnswerScore(answer, gold: gold)
    #expect(abs(score.f1 - f1) < 1e-12)
    #expect(score.exactMatch == exact)
  }

  @Test func normalisation() {
    #expect(AnswerScore.normalized("The  Panthers' (an) \"A\" team;") == ["panthers", "team"])
    #expect(AnswerScore.normalized("the–a½ an-other The.") == ["–a½", "another"])
    #expect(AnswerScore.normalized("theatre than a\u{A0}b") == ["theatre", "than", "b"])
  }
}
