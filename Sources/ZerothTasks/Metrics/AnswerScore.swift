/// The F1 and exact match of a generated answer, as in SQuAD's evaluation script (Rajpurkar et al. 2016, 2018).
public struct AnswerScore: Sendable, Hashable {
  /// F1 over the words that the answer shares with a gold answer: the best value over the gold answers.
  public let f1: Double
  /// Whether the answer equals a gold answer.
  public let exactMatch: Bool

  /// A score with known values.
  init(f1: Double, exactMatch: Bool) {
    self.f1 = f1
    self.exactMatch = exactMatch
  }

  /// Scores `answer` against the gold ones. All are normalised first; see ``normalized(_:)``.
  public init(_ answer: String, gold: [String]) {
    let words = Self.normalized(answer)
    let golds = gold.map(Self.normalized)
    f1 = golds.map { Self.f1(words, $0) }.max() ?? 0
    exactMatch = golds.contains(words)
  }

  /// The words of `text` in lower case, without ASCII punctuation and without the articles a, an, the.
  public static func normalized(_ text: String) -> [String] {
    let kept = text.lowercased().unicodeScalars.filter { !isPunctuation($0) }
    // An article is removed only where it is a whole run of letters and digits, whatever characters stand beside it.
    var spaced = ""
    var run = ""
    func endRun() {
      spaced += ["a", "an", "the"].contains(run) ? " " : run
      run = ""
    }
    for scalar in kept {
      if isWordScalar(scalar) {
        run.unicodeScalars.append(scalar)
      } else {
        endRun()
        spaced.unicodeScalars.append(scalar)
      }
    }
    endRun()
    return spaced.split(whereSeparator: \.isWhitespace).map(String.init)
  }

  private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
    default: false
    }
  }

  private static func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
      .letterNumber, .otherNumber:
      true
    default: false
    }
  }

  private static func f1(_ answer: [String], _ gold: [String]) -> Double {
    if answer.isEmpty || gold.isEmpty { return answer == gold ? 1 : 0 }
    var left: [String: Int] = [:]
    for word in gold { left[word, default: 0] += 1 }
    var shared = 0
    for word in answer where left[word, default: 0] > 0 {
      left[word, default: 0] -= 1
      shared += 1
    }
    return 2 * Double(shared) / Double(answer.count + gold.count)
  }
}
