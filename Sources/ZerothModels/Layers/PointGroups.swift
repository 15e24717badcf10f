import Zeroth

/// Decides which points of a request are computed together with one reading of the weights.
///
/// With few rows of activations, a product waits for the weights to be read, so many points together cost little more
/// than one. With many rows it is limited by arithmetic, and computing one point after another needs the memory for the
/// activations of one point only. The groups depend on shapes alone, so the number of threads never changes a result.
struct PointGroups: Sequence, IteratorProtocol {
  /// From this number of rows on, it costs nothing to read W again for each point.
  static let manyRows = 256
  /// Directions join a group until it has this many rows.
  static let rowsTogether = 512
  /// Low-rank directions join a group until the sum of their ranks is this large, because a row is multiplied by the
  /// factors of all of them.
  static let rankTogether = 128

  private let points: Points
  private let rows: Int
  private let limit: Int
  private let branchRank: Int
  private let hasCheapNoise: Bool
  private var position = 0

  /// The groups of `points`, each point with `rows` rows of activations. A group of more than one point has at most
  /// `limit` rows. With `tuning`, a row is also multiplied by the branch factors of every point of its group; and where
  /// the tuning trains no matrix, making noise again costs next to nothing.
  init(_ points: Points, rows: Int, limit: Int = .max, tuning: Tuning? = nil) {
    self.points = points
    self.rows = rows
    self.limit = limit
    branchRank = tuning?.largestRank ?? 0
    hasCheapNoise = tuning.map { !$0.trainsMatrices } ?? false
  }

  /// The numbers of the points that are computed next; nil after the last.
  mutating func next() -> Range<Int>? {
    guard position < points.count else { return nil }
    let group = position..<(points.areTangent ? points.count : end())
    position = group.upperBound
    return group
  }

  private func end() -> Int {
    let whole = position..<points.count
    let ofDirection = points.endOfDirection(at: position, in: whole)
    let first = points.direction(of: position..<ofDirection)
    let factors = first?.factors
    var end = Swift.min(ofDirection, position + Swift.max(1, limit / Swift.max(1, rows)))
    if end < ofDirection { return end }
    if rows >= Self.manyRows {
      // The points along a dense direction stay together, because otherwise its noise would be made again for each.
      return first == nil || factors != nil || hasCheapNoise ? position + 1 : end
    }
    var rank = (factors?.rank ?? 0) + branchRank * (end - position)
    while end < points.count {
      let further = points.endOfDirection(at: end, in: whole)
      let direction = points.direction(of: end..<further)
      let isAlike = first == nil || direction == nil || (factors == nil) == (direction?.factors == nil)
      rank += (direction?.factors?.rank ?? 0) + branchRank * (further - end)
      guard isAlike, (further - position) * rows <= Swift.min(Self.rowsTogether, limit),
        rank <= Self.rankTogether
      else { break }
      end = further
    }
    return end
  }
}

extension Points {
  /// The end of the run of points from `i` on, within `range`, that lie along the same direction.
  func endOfDirection(at i: Int, in range: Range<Int>) -> Int {
    var end = i + 1
    while end < range.upperBound, self[end].direction == self[i].direction { end += 1 }
    return end
  }

  /// The direction that the points `range` share; nil where all of them are theta itself.
  func direction(of range: Range<Int>) -> (any Direction)? {
    for i in range { if let direction = direction(of: i) { return direction } }
    return nil
  }
}
