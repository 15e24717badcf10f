/// What happened to the moves that an adapter tried in a step. It becomes part of the report of the step.
public struct AdapterOutcome: Sendable, Hashable {
  /// The number of moves that were left out because a loss was not finite.
  public var nonFiniteMoves: Int

  /// No move was left out, or none was tried.
  public static let none = AdapterOutcome()

  /// An outcome with `nonFiniteMoves` moves left out.
  public init(nonFiniteMoves: Int = 0) { self.nonFiniteMoves = nonFiniteMoves }

  /// Adds the outcome of another part of the same step.
  public static func += (outcome: inout AdapterOutcome, other: AdapterOutcome) {
    outcome.nonFiniteMoves += other.nonFiniteMoves
  }
}
