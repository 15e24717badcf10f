import Foundation
import Zeroth
import ZerothSupport

extension TaskResult.Answers {
  /// The answers of `parts`, one part behind another. All parts are of one kind, as the parts of one set are.
  ///
  /// Numbers that depend on all answers, such as a mean, are computed again from the single answers. So they do not
  /// depend on how the set was divided.
  public init?(_ parts: [TaskResult.Answers]) {
    guard let first = parts.first else { return nil }
    switch first {
    case .candidates:
      let all = parts.compactMap { if case .candidates(let part) = $0 { part } else { nil } }
      self = .candidates(
        ClassificationResult(
          scores: all.flatMap(\.scores), predictions: all.flatMap(\.predictions), labels: all.flatMap(\.labels)))
    case .generated:
      self = .generated(AnswerResult(parts.compactMap { if case .generated(let part) = $0 { part } else { nil } }))
    case .texts:
      let all = parts.compactMap { if case .texts(let part) = $0 { part } else { nil } }
      self = .texts(
        TextResult(
          losses: all.flatMap(\.losses), tokens: all.flatMap(\.tokens), bytes: all.flatMap(\.bytes),
          answers: all[0].answers == nil ? nil : AnswerResult(all.compactMap(\.answers))))
    case .rewarded:
      let all = parts.compactMap { if case .rewarded(let part) = $0 { part } else { nil } }
      self = .rewarded(
        RewardResult(
          answers: all.flatMap(\.answers), rewards: all[0].rewards == nil ? nil : all.flatMap { $0.rewards ?? [] },
          unanswered: all.reduce(0) { $0 + $1.unanswered }))
    }
  }

  /// The answers as bytes, bit for bit, for another process of the same version of this program.
  public var encoded: [UInt8] {
    var bytes = AnswerBytes()
    switch self {
    case .candidates(let found):
      bytes.append(0)
      bytes.append(found.labels.count)
      for (i, scores) in found.scores.enumerated() {
        bytes.append(scores)
        bytes.append(found.predictions[i] ?? -1)
        bytes.append(found.labels[i])
      }
    case .generated(let found):
      bytes.append(1)
      bytes.append(found)
    case .texts(let found):
      bytes.append(2)
      bytes.append(found.losses)
      for i in found.losses.indices {
        bytes.append(found.tokens[i])
        bytes.append(found.bytes[i])
      }
      bytes.append(found.answers == nil ? 0 : 1)
      if let answers = found.answers { bytes.append(answers) }
    case .rewarded(let found):
      bytes.append(3)
      bytes.append(found.answers)
      bytes.append(found.rewards == nil ? 0 : 1)
      if let rewards = found.rewards { bytes.append(rewards) }
      bytes.append(found.unanswered)
    }
    return bytes.all
  }

  /// The answers from bytes that `encoded` returned; nil where the bytes are of another form.
  public init(encoded: [UInt8]) {
    var bytes = AnswerBytes(all: encoded)
    switch bytes.integer() {
    case 0:
      var scores: [[Double]] = []
      var predictions: [Int?] = []
      var labels: [Int] = []
      for _ in 0..<bytes.integer() {
        scores.append(bytes.numbers())
        let prediction = bytes.integer()
        predictions.append(prediction < 0 ? nil : prediction)
        labels.append(bytes.integer())
      }
      self = .candidates(ClassificationResult(scores: scores, predictions: predictions, labels: labels))
    case 1: self = .generated(bytes.answers())
    case 2:
      let losses = bytes.numbers()
      var (tokens, lengths): ([Int], [Int]) = ([], [])
      for _ in losses {
        tokens.append(bytes.integer())
        lengths.append(bytes.integer())
      }
      let answers = bytes.integer() == 0 ? nil : bytes.answers()
      self = .texts(TextResult(losses: losses, tokens: tokens, bytes: lengths, answers: answers))
    default:
      let answers = bytes.texts()
      let rewards = bytes.integer() == 0 ? nil : bytes.numbers()
      self = .rewarded(RewardResult(answers: answers, rewards: rewards, unanswered: bytes.integer()))
    }
  }
}

extension AnswerResult {
  /// The answers of `parts`, one behind the other.
  fileprivate init(_ parts: [AnswerResult]) {
    self.init(
      answers: parts.flatMap(\.answers), scores: parts.flatMap(\.scores),
      unanswered: parts.reduce(0) { $0 + $1.unanswered })
  }
}

/// Integers, numbers and texts one behind the other. Each number, and the length of each text or list, takes 8 bytes.
private struct AnswerBytes {
  var all: [UInt8] = []
  private var place = 0

  init(all: [UInt8] = []) { self.all = all }

  mutating func append(_ integer: Int) { append(word: UInt64(bitPattern: Int64(integer))) }

  mutating func append(_ numbers: [Double]) {
    append(numbers.count)
    for number in numbers { append(word: number.bitPattern) }
  }

  mutating func append(_ texts: [String]) {
    append(texts.count)
    for text in texts {
      append(text.utf8.count)
      all += text.utf8
    }
  }

  mutating func append(_ answers: AnswerResult) {
    append(answers.answers)
    append(answers.scores.map(\.f1))
    for score in answers.scores { append(score.exactMatch ? 1 : 0) }
    append(answers.unanswered)
  }

  private mutating func append(word: UInt64) { withUnsafeBytes(of: word.littleEndian) { all += $0 } }

  mutating func integer() -> Int { Int(Int64(bitPattern: word())) }

  mutating func numbers() -> [Double] { (0..<integer()).map { _ in Double(bitPattern: word()) } }

  mutating func texts() -> [String] {
    (0..<integer()).map { _ in
      let count = integer()
      defer { place += count }
      return String(decoding: all[place..<(place + count)], as: UTF8.self)
    }
  }

  mutating func answers() -> AnswerResult {
    let (answers, f1) = (texts(), numbers())
    let scores = f1.map { AnswerScore(f1: $0, exactMatch: integer() == 1) }
    return AnswerResult(answers: answers, scores: scores, unanswered: integer())
  }

  private mutating func word() -> UInt64 {
    defer { place += 8 }
    return all.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: UInt64.self)) }
  }
}
