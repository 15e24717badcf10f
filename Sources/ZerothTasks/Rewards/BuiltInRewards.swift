import Foundation
import Zeroth
import ZerothSupport

extension Reward {
  /// 1 where the answer equals a right one, compared as in SQuAD's script (``AnswerScore``), otherwise 0.
  public static let exactMatch = Reward("exact-match", summary: "1 where the answer equals a right one, otherwise 0") {
    AnswerScore($0.answer, gold: $0.gold).exactMatch ? 1 : 0
  }

  /// SQuAD's F1 over the words that the answer shares with a right one.
  public static let f1 = Reward("f1", summary: "F1 over the words that the answer shares with a right one") {
    AnswerScore($0.answer, gold: $0.gold).f1
  }

  /// 1 where `pattern`, a regular expression of ICU, matches a part of the answer, otherwise 0. With `whole` it has to
  /// match the whole answer, except for white space at its ends.
  ///
  /// Throws an `InputError` that names `subject` for a text that is not a regular expression.
  public static func regex(
    _ pattern: String, whole: Bool = false, subject: String = "pattern"
  ) throws(InputError) -> Reward {
    let expression: NSRegularExpression
    do {
      expression = try NSRegularExpression(pattern: pattern)
    } catch {
      throw InputError(subject, found: "\"\(pattern.excerpt)\"", expected: "a regular expression")
    }
    return Reward(
      "regex",
      summary: "1 where \"\(pattern.excerpt)\" matches \(whole ? "the whole answer" : "in the answer"), otherwise 0"
    ) { answer in
      let text = whole ? answer.answer.trimmed : answer.answer
      let all = NSRange(text.startIndex..., in: text)
      if !whole { return expression.firstMatch(in: text, range: all) == nil ? 0 : 1 }
      return expression.firstMatch(in: text, options: .anchored, range: all)?.range == all ? 1 : 0
    }
  }

  /// 0 where the answer is not JSON. Without `keys`, valid JSON gives 1. With `keys` the reward is (1 + the number of
  /// these keys that the object has) / (1 + the number of keys), so valid JSON without the keys already gives
  /// something.
  public static func json(keys: [String] = []) -> Reward {
    let words = keys.isEmpty ? "" : ", more with the keys \(keys.joined(separator: ", "))"
    return Reward("json", summary: "whether the answer is valid JSON\(words)") { answer in
      let text = answer.answer.trimmed
      guard let json = try? JSON(parsing: Data(text.utf8), subject: "") else { return 0 }
      return Double(1 + keys.count { json[$0] != nil }) / Double(1 + keys.count)
    }
  }

  /// The unit of the length of an answer.
  public enum LengthUnit: String, CaseIterable, Sendable {
    case words, characters
  }

  /// 1 - |length - target| / target, and 0 where that is negative: 1 at `target` units, 0 for an empty answer.
  public static func length(_ target: Int, unit: LengthUnit = .words) -> Reward {
    Reward("length", summary: "how near the answer's length is to \(target) \(unit.rawValue)") { answer in
      let text = answer.answer.trimmed
      let length = unit == .words ? text.split(whereSeparator: \.isWhitespace).count : text.count
      return max(0, 1 - Double(abs(length - target)) / Double(target))
    }
  }
}
