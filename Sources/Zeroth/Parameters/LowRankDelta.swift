import CZeroth
import Synchronization

/// The largest rank that the sum of all updates of a matrix, m x n, may have where the matrix itself is never written.
public enum DeltaRank: Sendable, Hashable, CustomStringConvertible {
  /// min(m, n) / 8, at least 1.
  case automatic
  /// This rank, or min(m, n) where that is less.
  case limit(Int)
  /// No limit: no part of an update is ever left out.
  case unlimited

  /// The limit for `block`; nil for no limit.
  package func limit(on block: ParameterBlock) -> Int? {
    let side = min(block.rows, block.columns)
    return switch self {
    case .automatic: max(1, side / 8)
    case .limit(let rank): max(1, min(rank, side))
    case .unlimited: nil
    }
  }

  /// The limit in words.
  public var description: String {
    switch self {
    case .automatic: "an eighth of the smaller side"
    case .limit(let rank): "\(rank)"
    case .unlimited: "none"
    }
  }
}

/// The sum of all low-rank updates of matrices that are never written. A window is the run of steps that share one V.
/// Each window k leaves a factor pair per matrix, so the value of the matrix is W + sum_k B_k V_k^T.
///
/// When the rank of the sum passes its limit L, all pairs of the matrix are replaced by one pair of rank L - L/4. It is
/// computed by QR of both sides and a small SVD, so what is left out is the least possible in the Frobenius norm. L/4
/// further columns then fit before the next compression.
///
/// Costs r m floats for each window of rank r and each matrix of m rows, as long as V is drawn again from its key; r (m
/// + n) floats otherwise.
struct LowRankDelta: Sendable {
  let limit: DeltaRank
  /// The pairs of each matrix, by the index of its block.
  private(set) var pairs: [Int: [FactorPair]] = [:]
  /// The sum of ||.||_F^2 of what each compression has left out.
  private(set) var discarded = 0.0
  /// How many times the pairs of a matrix were compressed so far.
  private(set) var compressions = 0

  init(limit: DeltaRank) { self.limit = limit }

  /// The pairs of `block`, side by side; nil for none.
  func factors(of block: ParameterBlock) -> KeptFactors? { KeptFactors(pairs[block.index]) }

  /// The number of floats that are held.
  var count: Int { pairs.values.reduce(0) { $0 + $1.reduce(0) { $0 + $1.count } } }

  /// Adds the pairs of the window in `updates` to those of the matrices among `blocks`, and compresses where a limit is
  /// passed.
  mutating func join(_ updates: PendingUpdates, _ blocks: [ParameterBlock]) {
    for block in blocks {
      guard let term = updates.term(of: block), updates.isMoved(block) else { continue }
      append(
        FactorPair(rank: term.rank, block, drawn: updates.source) { left, right in
          left.update(from: term.left, count: term.rank * block.rows)
          right?.update(from: term.right, count: term.rank * block.columns)
        })
    }
    compress(blocks)
  }

  /// Adds a pair to those of its block.
  mutating func append(_ pair: FactorPair) { pairs[pair.block.index, default: []].append(pair) }

  /// Multiplies the sum of the pairs of `block` by `factor`.
  mutating func scale(_ block: ParameterBlock, by factor: Float) {
    pairs[block.index] = pairs[block.index]?.map { $0.scaled(by: factor) }
  }

  /// Replaces the pairs of each block by one pair where their rank has passed the limit.
  private mutating func compress(_ blocks: [ParameterBlock]) {
    var wanted: [(factors: KeptFactors, rank: Int)] = []
    for block in blocks {
      guard let factors = factors(of: block), let limit = limit.limit(on: block), factors.rank > limit else { continue }
      wanted.append((factors, max(1, limit - limit / 4)))
    }
    let results = Mutex([(FactorPair?, Double)](repeating: (nil, 0), count: wanted.count))
    Parallel.forEach(wanted.count) { [wanted] i in
      let result = wanted[i].factors.compressed(to: wanted[i].rank)
      results.withLock { $0[i] = result }
    }
    for ((factors, _), (pair, lost)) in zip(wanted, results.withLock { $0 }) {
      pairs[factors.block.index] = pair.map { [$0] }
      discarded += lost
      compressions += 1
    }
  }

  /// Saves or restores the pairs of `blocks` and the totals of what was left out.
  mutating func code(_ state: StateCoder, _ blocks: [ParameterBlock]) throws(InputError) {
    try state.require("delta.limit", limit)
    try state.code("delta.discarded", &discarded)
    try state.code("delta.compressions", &compressions)
    for block in blocks where block.isMatrix {
      let known = pairs[block.index] ?? []
      var ranks = known.map { Double($0.rank) }
      var keys = known.map { $0.drawn?.rightKey ?? StreamKey(bits: 0, generator: state.generator) }
      var drawn = known.map { $0.drawn == nil ? 0.0 : 1.0 }
      try state.code("delta.ranks.\(block.name)", &ranks)
      try state.code("delta.drawn.\(block.name)", &drawn, count: ranks.count)
      try state.code("delta.keys.\(block.name)", &keys)
      guard keys.count == ranks.count, ranks.allSatisfy({ $0 >= 1 && $0 <= 65535 && $0 == $0.rounded() }) else {
        throw state.error("delta.ranks.\(block.name)", found: "\(ranks.prefix(4))", expected: "ranks, each with a key")
      }
      var all = known
      if state.isRestoring {
        all = ranks.indices.map { i in
          let rank = Int(ranks[i])
          let probe = LowRankProbe(rank: rank, leftKey: keys[i], rightKey: keys[i])
          return FactorPair(rank: rank, block, drawn: drawn[i] == 0 ? nil : probe) { _, _ in }
        }
        pairs[block.index] = all.isEmpty ? nil : all
      }
      for (i, pair) in all.enumerated() {
        try state.code("delta.\(i).\(block.name)", .floats, UnsafeMutableRawBufferPointer(pair.values))
      }
    }
  }
}

extension KeptFactors {
  /// The best approximation of this sum by one pair of at most rank `rank`, and the squared Frobenius norm of the
  /// difference. The pair is nil where the sum is zero.
  func compressed(to rank: Int) -> (FactorPair?, Double) {
    let (m, n) = (block.rows, block.columns)
    let most = min(rank, min(m, n))
    var kept = 0
    var lost = 0.0
    let (left, right) = (left, right)
    let values = [Float](unsafeUninitializedCapacity: most * (m + n)) { buffer, count in
      if let start = buffer.baseAddress {
        kept = Int(zeroth_compress_factors(m, n, self.rank, left, right, most, start, start + most * m, &lost))
      }
      count = most * (m + n)
    }
    guard kept > 0 else { return (nil, lost) }
    let pair = FactorPair(rank: kept, block, drawn: nil) { left, right in
      values.withUnsafeBufferPointer { values in
        guard let start = values.baseAddress else { return }
        left.update(from: start, count: m * kept)
        right?.update(from: start + most * m, count: kept * n)
      }
    }
    return (pair, lost)
  }
}
