import Zeroth

/// Which sequences are decoded together. Where the memory for activations, keys and values allows it, these are the
/// sequences of all points and prompts. Otherwise a part has fewer points, and where even one point is too much, fewer
/// prompts of that point.
///
/// The parts depend on lengths and shapes alone, so the number of threads never changes a result.
struct DecodingParts {
  /// One part: some points, and the prompts that are continued at each of them.
  struct Part: Equatable {
    let points, prompts: Range<Int>
  }

  /// The parts, in the order of the points.
  let parts: [Part]

  /// Cuts `points` into parts. A sequence of prompt i takes up to `bytes[i]` bytes, and the sequences of a part
  /// together take at most `limit` bytes. A part always has at least one sequence; where `areAlone` is true it has
  /// exactly one.
  init(_ points: Points, bytes: [Int], limit: Int, areAlone: Bool, tuning: Tuning?) {
    let all = 0..<bytes.count
    let pointsAtOnce = limit / max(1, bytes.reduce(0, +))
    if pointsAtOnce >= 1, !areAlone {
      let groups = PointGroups(points, rows: bytes.count, limit: pointsAtOnce * bytes.count, tuning: tuning)
      parts = groups.map { Part(points: $0, prompts: all) }
      return
    }
    var runs: [Range<Int>] = []
    var first = 0
    var sum = 0
    for (i, size) in bytes.enumerated() {
      if i > first, areAlone || sum + size > limit {
        runs.append(first..<i)
        (first, sum) = (i, 0)
      }
      sum += size
    }
    if first < bytes.count { runs.append(first..<bytes.count) }
    parts = points.indices.flatMap { point in runs.map { Part(points: point..<(point + 1), prompts: $0) } }
  }
}
