/// What low-rank updates have added up to beside matrices that are never written.
public struct DeltaSummary: Sendable, Hashable {
  /// The largest rank of a matrix, the window in progress included.
  public let largestRank: Int
  /// Floats that are held.
  public let count: Int
  /// sum_l ||Delta_l||_F^2.
  public let energy: Double
  /// The squared Frobenius norms of all that compressions have left out, summed.
  public let discarded: Double
  /// Compressions of a matrix.
  public let compressions: Int

  /// In a sentence.
  public var words: String {
    let start = "beside the base: rank \(largestRank) at most, \(count) floats"
    guard compressions > 0 else { return start + ", nothing left out" }
    let share = discarded / (energy + discarded) * 100
    return start + "; \(compressions) compressions left out \((share * 100).rounded() / 100)% of the energy"
  }
}

extension ParameterStore {
  /// What stands beside matrices that are never written; nil where they are written.
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
