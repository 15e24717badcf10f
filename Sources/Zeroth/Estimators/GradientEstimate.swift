/// An estimate of the gradient: sum_i c_i D_i, a few scalars times directions that can be made again.
public struct GradientEstimate<D: Direction>: Sendable {
  /// The coefficients c_i, with any 1/q already in them, and the directions D_i.
  public var terms: Few<(coefficient: Double, direction: D)>
  /// The losses that were measured, in the order of measuring.
  public var losses: Few<Double>
  /// What a log shows: the projected gradient c, averaged over the queries; for CGE the norm of the measured c_i.
  public var projectedGradient: Double
  /// eps, how far from theta the losses were measured, for the record; nil where that is no one number.
  public var epsilon: Double?
  /// c_i of each direction, as shaped and before 1/q: what a rule goes by that compares the queries of a step. Empty where an
  /// estimate is not one coefficient for each direction.
  public var coefficients: Few<Double>
  /// Throws what went wrong in the directions since they were made; nil for directions of which nothing can go wrong.
  ///
  /// Foreign code makes the directions of a run-time plugin, and fails while a rule, an adapter or the parameters add
  /// them, where nothing can be thrown. The optimiser calls this once, when the update is applied and the adapter is
  /// done; what it throws ends the step without a report, theta already being moved.
  public var check: (@Sendable () throws -> Void)?

  /// sum_i coefficient_i direction_i, from `losses`.
  public init(
    terms: Few<(coefficient: Double, direction: D)>, losses: Few<Double>, projectedGradient: Double,
    epsilon: Double? = nil, coefficients: Few<Double> = [], check: (@Sendable () throws -> Void)? = nil
  ) {
    self.coefficients = coefficients
    self.check = check
    self.epsilon = epsilon
    self.terms = terms
    self.losses = losses
    self.projectedGradient = projectedGradient
  }

  /// Whether every loss is a finite number, and every coefficient one that a `Float` holds, as directions are scaled by
  /// them. An estimate that is not is skipped by the optimiser.
  public var isFinite: Bool {
    losses.allSatisfy(\.isFinite) && Float(projectedGradient).isFinite
      && terms.allSatisfy { Float($0.coefficient).isFinite }
  }
}
