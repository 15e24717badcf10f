/// An estimate of the gradient whose kind of direction is known at run time alone: sum_i c_i D_i. It is itself a direction.
public struct AnyEstimate: Direction {
  /// The coefficients c_i, with any 1/q already in them, and the directions D_i.
  public let terms: [(coefficient: Double, direction: any Direction)]
  /// The losses that were measured, in the order of measuring.
  public let losses: [Double]
  /// eps, how far from theta the losses were measured; nil where that is no one number.
  public let epsilon: Double?

  /// `estimate`, its kind of direction forgotten. Throws what went wrong in the directions since they were made.
  public init<D: Direction>(_ estimate: GradientEstimate<D>) throws {
    try estimate.check?()
    terms = estimate.terms.map { ($0.coefficient, $0.direction as any Direction) }
    losses = Array(estimate.losses)
    epsilon = estimate.epsilon
  }

  /// The slopes that were measured, q c_i for an average over q directions.
  public var slopes: [Double] { terms.map { $0.coefficient * Double(terms.count) } }

  /// Whether it is the gradient itself, stored, and no sum along directions.
  public var isGradient: Bool { terms.count == 1 && terms[0].direction is StoredDirection }

  /// Whether a term touches `block`.
  public func touches(_ block: ParameterBlock) -> Bool { terms.contains { $0.direction.touches(block) } }

  /// Adds the terms in their order.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    for term in terms where term.direction.touches(block) {
      term.direction.add(to: &values, of: block, rows: rows, scale: scale * Float(term.coefficient))
    }
  }

  /// The sum of its terms.
  public var structure: DirectionStructure { .sum(Few(terms.map { (Float($0.coefficient), $0.direction) })) }
}
