/// An estimate of the gradient: sum_i c_i D_i, a few scalars times directions that can be made again.
public struct GradientEstimate<D: Direction>: Sendable {
  /// The coefficients c_i and the directions D_i. A factor 1/q of a mean over q queries is already in the coefficients.
  public var terms: Few<(coefficient: Double, direction: D)>
  /// The losses that were measured, in the order in which they were measured.
  public var losses: Few<Double>
  /// The number that a log shows: the projected gradient c, averaged over the queries. For CGE it is the norm of the
  /// measured c_i.
  public var projectedGradient: Double
  /// The distance eps from theta at which the losses were measured, for records; nil where there is no single number.
  public var epsilon: Double?
  /// The shaped coefficient c_i of each direction, before the factor 1/q. Rules that compare the queries of a step use
  /// them. Where one direction is a mean over the directions of examples, they are those of the examples. Empty where
  /// the differences are in the direction itself, and where an estimate corrects an earlier one.
  public var coefficients: Few<Double>
  /// Throws an error that occurred while the directions were used; nil for directions that cannot fail.
  ///
  /// The directions of a run-time plugin are made by foreign code. That code may fail while a rule, an adapter or the
  /// parameters add a direction, and these methods cannot throw. So the optimiser calls this function once, after the
  /// update was applied and the adapter is done. An error ends the step without a report; theta has already been moved.
  public var check: (@Sendable () throws -> Void)?

  /// The estimate sum_i coefficient_i direction_i over `terms`, measured by `losses`.
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

  /// Whether every loss is finite, and every coefficient is finite as a `Float`, the type by which directions are
  /// scaled. The optimiser skips the step where this is false.
  public var isFinite: Bool {
    losses.allSatisfy(\.isFinite) && Float(projectedGradient).isFinite
      && terms.allSatisfy { Float($0.coefficient).isFinite }
  }
}
