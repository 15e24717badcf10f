/// A summary of the low-rank updates that are kept beside matrices that are never written. Delta_l is the sum of all
/// updates of matrix l.
public struct DeltaSummary: Sendable, Hashable {
  /// The largest rank of the updates of one matrix, with those of the current window (the steps with one V).
  public let largestRank: Int
  /// The number of floats that hold the updates.
  public let count: Int
  /// sum_l ||Delta_l||_F^2.
  public let energy: Double
  /// The sum of the squared Frobenius norms of what each compression has left out.
  public let discarded: Double
  /// How many times the updates of a matrix were compressed to a smaller rank.
  public let compressions: Int

  /// The summary as one sentence.
  public var words: String {
    let start = "beside the base: rank \(largestRank) at most, \(count) floats"
    guard compressions > 0 else { return start + ", nothing left out" }
    let share = discarded / (energy + discarded) * 100
    return start + "; \(compressions) compressions left out \((share * 100).rounded() / 100)% of the energy"
  }
}

extension ParameterStore {
  /// The summary of the updates beside matrices that are never written; nil for a store that writes its matrices.
  public borrowing func deltaSummary() -> DeltaSummary? {
    guard let delta else { return nil }
    let stored = stored()
    var (rank, floats, energy) = (0, delta.count, 0.0)
    for block in layout.trainable where block.isMatrix {
      let pending = stored.pending(of: block)?.rank ?? 0
      rank = max(rank, pending + (stored.kept(of: block)?.rank ?? 0))
      floats += pending * (block.rows + block.columns)
      let norm = stored.factorNorm(of: block)
      energy += norm * norm
    }
    return DeltaSummary(
      largestRank: rank, count: floats, energy: energy, discarded: delta.discarded, compressions: delta.compressions)
  }
}
