/// An estimate of the gradient, sum_i c_i D_i, whose type of direction is known only at run time. It is itself a
/// direction.
public struct AnyEstimate: Direction {
  /// The coefficients c_i and the directions D_i. A factor 1/q of a mean over q queries is already in the coefficients.
  public let terms: [(coefficient: Double, direction: any Direction)]
  /// The losses that were measured, in the order in which they were measured.
  public let losses: [Double]
  /// The distance eps from theta at which the losses were measured; nil where there is no single number.
  public let epsilon: Double?
  /// The number that the estimator measured, as in `GradientEstimate.projectedGradient`.
  public let projectedGradient: Double
  private let hasSlopes: Bool

  /// `estimate` without its type of direction. Throws the error of foreign code that failed while it made the
  /// directions.
  public init<D: Direction>(_ estimate: GradientEstimate<D>) throws {
    try estimate.check?()
    terms = estimate.terms.map { ($0.coefficient, $0.direction as any Direction) }
    losses = Array(estimate.losses)
    epsilon = estimate.epsilon
    projectedGradient = estimate.projectedGradient
    hasSlopes = terms.count > 1 || estimate.coefficients.count == 1
  }

  /// The slopes that were measured: q c_i for a mean over q directions.
  public var slopes: [Double] { terms.map { $0.coefficient * Double(terms.count) } }

  /// What two measurements at different epsilons are compared by: the slopes, or the number that was measured where
  /// the direction itself holds the differences.
  public var comparableSlopes: [Double] { hasSlopes ? slopes : [projectedGradient] }

  /// Whether the estimate is the stored gradient itself, and not a sum along directions.
  public var isGradient: Bool { terms.count == 1 && terms[0].direction is StoredDirection }

  /// Whether one of the terms touches `block`.
  public func touches(_ block: ParameterBlock) -> Bool { terms.contains { $0.direction.touches(block) } }

  /// Adds the terms one after another, in their order.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    for term in terms where term.direction.touches(block) {
      term.direction.add(to: &values, of: block, rows: rows, scale: scale * Float(term.coefficient))
    }
  }

  /// The sum of its terms.
  public var structure: DirectionStructure { .sum(Few(terms.map { (Float($0.coefficient), $0.direction) })) }
}
