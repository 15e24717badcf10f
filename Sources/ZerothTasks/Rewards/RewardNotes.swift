import Zeroth
import ZerothSupport

/// The spread of the rewards in a step: how much they vary between the points of the measurement, and how much between
/// the questions.
public struct RewardSpread: Sendable, Hashable {
  /// The mean over all points and questions.
  public let mean: Double
  /// The standard deviation over the points of their mean rewards, which is what an estimate is made from. 0 where no
  /// direction changed the reward.
  public let overPoints: Double
  /// The standard deviation over the questions of their mean rewards over the points.
  public let overExamples: Double
  /// The share of the questions whose answers were not the same at all points.
  public let changed: Double
  /// The number of points.
  public let points: Int

  /// The spread of `rewards`, point after point. `others` is the number of questions whose answers were not all the
  /// same.
  fileprivate init(_ rewards: [[Double]], others: Int) {
    let count = rewards.first?.count ?? 0
    let ofPoints = rewards.map { $0.reduce(0, +) / Double(max(1, count)) }
    let ofExamples = (0..<count).map { e in rewards.reduce(0) { $0 + $1[e] } / Double(rewards.count) }
    points = rewards.count
    mean = ofPoints.reduce(0, +) / Double(max(1, points))
    overPoints = Self.deviation(ofPoints)
    overExamples = Self.deviation(ofExamples)
    changed = Double(others) / Double(max(1, count))
  }

  private static func deviation(_ values: [Double]) -> Double {
    guard let first = values.first, !values.allSatisfy({ $0 == first }) else { return 0 }
    let mean = values.reduce(0, +) / Double(values.count)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
  }
}

/// Notes of the rewards in the last step that was measured. A step may be measured in several parts.
public final class RewardNotes {
  /// The rewards at some points for some questions of a mini-batch. `first` is the position of the first of these
  /// questions in the mini-batch.
  private struct Piece {
    var first: Int
    /// The rewards, point after point.
    var rewards: [[Double]]
    /// For each question, whether its answer differed between these points, and a hash of its answer at the first of
    /// them.
    var questions: [(isChanged: Bool, answer: UInt64)]
  }

  private var pieces: [Piece] = []
  /// The number of pieces at the end of each measurement; empty where each piece is a measurement of its own.
  private var ends: [Int] = []

  /// No notes yet.
  public init() {}

  /// Adds `rewards` and `answers`, both point after point, to the questions of a mini-batch from position `first` on.
  func add(_ rewards: [[Double]], of answers: [[String?]], from first: Int) {
    let questions = answers[0].indices.map { e in
      (answers.contains { $0[e] != answers[0][e] }, answers[0][e].map(ContentHash.xxh64) ?? 0)
    }
    pieces.append(Piece(first: first, rewards: rewards, questions: questions))
  }

  /// Ends a measurement. The pieces since the last call are its parts, in the order of the shards.
  public func endMeasuring() { ends.append(pieces.count) }

  /// The spread of what was noted since the last call; nil where nothing was. Where an adapter measured too, it is that
  /// of the measurement with the most points. `gather` exchanges notes between ranks: it is given those of this rank,
  /// and returns those of all ranks in order.
  public func take(_ gather: (_ own: [UInt64]) -> [[UInt64]] = { [$0] }) -> RewardSpread? {
    let measurings = ends.isEmpty ? pieces.map { [$0] } : zip([0] + ends, ends).map { Array(pieces[$0..<$1]) }
    pieces.removeAll()
    ends.removeAll()
    let ofRanks = gather(Self.encode(measurings)).map(Self.decode)
    let all = (0..<(ofRanks.first?.count ?? 0)).map { i in Self.spread(of: ofRanks.flatMap { $0[i] }) }
    return all.reduce(nil) { best, spread in spread.points > best?.points ?? 0 ? spread : best }
  }

  /// The spread of one measurement. Pieces with the same first question hold further points for the same questions.
  private static func spread(of pieces: [Piece]) -> RewardSpread {
    var rewards: [[Double]] = []
    var others = 0
    for first in Set(pieces.map(\.first)).sorted() {
      let alike = pieces.filter { $0.first == first }
      for (i, more) in alike.flatMap(\.rewards).enumerated() {
        if i == rewards.count { rewards.append([]) }
        rewards[i] += more
      }
      others += alike[0].questions.indices.count { e in
        alike.contains { $0.questions[e].isChanged || $0.questions[e].answer != alike[0].questions[e].answer }
      }
    }
    return RewardSpread(rewards, others: others)
  }

  private static func encode(_ measurings: [[Piece]]) -> [UInt64] {
    var words = [UInt64(measurings.count)]
    for pieces in measurings {
      words.append(UInt64(pieces.count))
      for piece in pieces {
        words += [UInt64(piece.first), UInt64(piece.rewards.count), UInt64(piece.questions.count)]
        words += piece.rewards.joined().map(\.bitPattern)
        words += piece.questions.flatMap { [$0.isChanged ? 1 : 0, $0.answer] }
      }
    }
    return words
  }

  private static func decode(_ words: [UInt64]) -> [[Piece]] {
    var rest = words[...]
    func next() -> UInt64 { rest.removeFirst() }
    return (0..<next()).map { _ in
      (0..<next()).map { _ in
        let (first, points, count) = (Int(next()), next(), next())
        let rewards = (0..<points).map { _ in (0..<count).map { _ in Double(bitPattern: next()) } }
        return Piece(first: first, rewards: rewards, questions: (0..<count).map { _ in (next() == 1, next()) })
      }
    }
  }
}
