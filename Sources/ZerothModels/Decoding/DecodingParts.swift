import Zeroth

/// Which sequences are decoded together: those of every point and prompt, where the memory for activations, keys and values allows
/// it; else those of fewer points, and of a single point those of fewer prompts.
///
/// The parts depend on lengths and shapes alone, so that the number of threads never changes a result.
struct DecodingParts {
  /// A part: the points, and the prompts that are continued at each of them.
  struct Part: Equatable {
    let points, prompts: Range<Int>
  }

  /// The parts, in the order of the points.
  let parts: [Part]

  /// Parts of `points`, at each of which prompts whose sequences take up to `bytes` are continued, within `limit` bytes together. A
  /// part never has less than one sequence. With `areAlone`, it has no more.
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
