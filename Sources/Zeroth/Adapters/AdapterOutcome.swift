/// What became of the moves that an adapter tried, for the report of the step.
public struct AdapterOutcome: Sendable, Hashable {
  /// Moves that were left out because a loss was not finite.
  public var nonFiniteMoves: Int

  /// Nothing to report: the adapter tried no move, or none was left out.
  public static let none = AdapterOutcome()

  /// An outcome with `nonFiniteMoves` moves left out.
  public init(nonFiniteMoves: Int = 0) { self.nonFiniteMoves = nonFiniteMoves }

  /// Adds what happened in another part of the same step.
  public static func += (outcome: inout AdapterOutcome, other: AdapterOutcome) {
    outcome.nonFiniteMoves += other.nonFiniteMoves
  }
}
