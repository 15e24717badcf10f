import Zeroth

/// What a model computes for a batch, in a form that can also be computed for parts of the batch.
protocol BatchReadout {
  /// The number of arrays of one length that are computed for `batch`: one for each row, or one for each sequence.
  func count(in batch: TokenBatch) -> Int
  /// The readout for the part of a batch with the tokens `rows` and the segments `segments`, and the indices of its
  /// arrays among those of the whole batch.
  func part(rows: Range<Int>, segments: Range<Int>) -> (readout: Self, places: [Int])
}

extension TokenBatch {
  /// The segments in runs of at most `limit` tokens. A segment and those that continue it are in one run. A run of a
  /// single sequence may be longer.
  func microBatches(of limit: Int) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var start = 0
    var end = 0
    for unit in sequenceRuns() {
      let last = segments[unit.upperBound - 1]
      if end > start, last.start + last.count - segments[start].start > limit {
        runs.append(start..<end)
        start = end
      }
      end = unit.upperBound
    }
    if end > start { runs.append(start..<end) }
    return runs
  }

  /// The shortest runs of segments such that no segment continues one of another run.
  func sequenceRuns() -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var end = segments.count
    var first = end  // the first segment that one of the segments seen so far continues
    for i in segments.indices.reversed() {
      first = min(first, segments[i].prefix ?? i)
      if first == i {
        runs.append(i..<end)
        (end, first) = (i, i)
      }
    }
    return runs.reversed()
  }

  /// The rows of `run`, a range of segments.
  func rows(of run: Range<Int>) -> Range<Int> {
    guard let first = run.first, let last = run.last else { return 0..<0 }
    return segments[first].start..<(segments[last].start + segments[last].count)
  }

  /// A batch of the segments `run` alone. None of them continues a segment outside `run`.
  func part(_ run: Range<Int>) -> TokenBatch {
    var part = TokenBatch(partOf: self)
    for segment in segments[run] {
      let rows = segment.start..<(segment.start + segment.count)
      part.append(tokens[rows], types: Array(types[rows]), after: segment.prefix.map { $0 - run.lowerBound })
    }
    return part
  }

  /// Computes `readout` for micro-batches of at most `limit` tokens, one after another. `evaluate` appends the values
  /// of each of `points` points. The result equals that of the whole batch, to rounding.
  func readOut<R: BatchReadout>(
    _ readout: R, inMicroBatchesOf limit: Int, points: Int, into values: inout [Double],
    _ evaluate: (TokenBatch, R, inout [Double]) throws(InputError) -> Void
  ) throws(InputError) {
    let count = readout.count(in: self)
    var found: [Double] = []
    for run in microBatches(of: limit) {
      let (readout, places) = readout.part(rows: rows(of: run), segments: run)
      guard !places.isEmpty else { continue }
      found.removeAll(keepingCapacity: true)
      try evaluate(part(run), readout, &found)
      let width = found.count / (points * places.count)
      if values.isEmpty { values = [Double](repeating: 0, count: points * count * width) }
      for v in 0..<points {
        for (i, place) in places.enumerated() {
          let source = (v * places.count + i) * width
          let target = (v * count + place) * width
          for column in 0..<width { values[target + column] = found[source + column] }
        }
      }
    }
  }
}

extension [Int] {
  /// The rows in `range`, counted from its start, and their indices among all rows.
  fileprivate func part(_ range: Range<Int>) -> (rows: [Int], places: [Int]) {
    let places = indices.filter { range.contains(self[$0]) }
    return (places.map { self[$0] - range.lowerBound }, places)
  }
}

extension Readout: BatchReadout {
  func count(in batch: TokenBatch) -> Int { rows.count }

  func part(rows range: Range<Int>, segments: Range<Int>) -> (readout: Readout, places: [Int]) {
    let (rows, places) = rows.part(range)
    switch self {
    case .logits(_, let ids): return (.logits(rows: rows, ids: ids), places)
    case .logProbabilities(_, let targets):
      return (.logProbabilities(rows: rows, targets: places.map { targets[$0] }), places)
    }
  }
}

extension EncoderReadout: BatchReadout {
  func count(in batch: TokenBatch) -> Int {
    switch self {
    case .logits(let rows, _), .hidden(let rows): rows.count
    case .pooled, .labelScores: batch.segments.count
    }
  }

  func part(rows range: Range<Int>, segments: Range<Int>) -> (readout: EncoderReadout, places: [Int]) {
    switch self {
    case .logits(let rows, let ids):
      let (rows, places) = rows.part(range)
      return (.logits(rows: rows, ids: ids), places)
    case .hidden(let rows):
      let (rows, places) = rows.part(range)
      return (.hidden(rows: rows), places)
    case .pooled, .labelScores: return (self, Array(segments))
    }
  }
}
