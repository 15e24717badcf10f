/// sum_i w_i D_i: what an average over queries, or a step along them, is.
public struct WeightedSum<Term: Direction>: Direction {
  /// The weights and the directions.
  public let terms: Few<(weight: Float, direction: Term)>

  /// sum_i weight_i direction_i.
  public init(_ terms: Few<(weight: Float, direction: Term)>) { self.terms = terms }

  /// Whether a term touches `block`.
  public func touches(_ block: ParameterBlock) -> Bool { terms.contains { $0.direction.touches(block) } }

  /// Adds the terms in their order.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    for term in terms where term.direction.touches(block) {
      term.direction.add(to: &values, of: block, rows: rows, scale: scale * term.weight)
    }
  }

  /// Its terms, and theirs.
  public func forEachTerm(_ body: (_ weight: Float, _ direction: any Direction) -> Void) {
    for term in terms { term.direction.forEachTerm { body(term.weight * $0, $1) } }
  }

  /// (sum_i w_i U_i) V^T, where all terms have factors with the same V.
  public var lowRank: (any LowRankDirection)? {
    guard let first = terms.first?.direction.lowRank else { return nil }
    var factors: [(weight: Float, direction: any LowRankDirection)] = []
    for term in terms {
      guard let direction = term.direction.lowRank, direction.rightKey == first.rightKey, direction.rank == first.rank
      else { return nil }
      factors.append((term.weight, direction))
    }
    return LowRankSum(factors)
  }
}

/// sum_i w_i U_i V^T with one V: a sum of low-rank directions that has their rank.
struct LowRankSum: LowRankDirection {
  /// At least one, all with the same V.
  private let terms: [(weight: Float, direction: any LowRankDirection)]

  init(_ terms: [(weight: Float, direction: any LowRankDirection)]) { self.terms = terms }

  var rank: Int { terms[0].direction.rank }
  var matrixScale: Float { 1 }
  var rightKey: StreamKey { terms[0].direction.rightKey }

  func touches(_ block: ParameterBlock) -> Bool { terms.contains { $0.direction.touches(block) } }

  func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    guard let target = values.baseAddress else { return }
    target.update(repeating: 0, count: rows.count * rank)
    for (weight, direction) in terms where direction.touches(block) {
      direction.addLeft(of: block, rows: rows, scale: weight * direction.matrixScale, to: target)
    }
  }

  func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    terms[0].direction.writeRight(of: block, into: values)
  }

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    for (weight, direction) in terms where direction.touches(block) {
      direction.add(to: &values, of: block, rows: rows, scale: scale * weight)
    }
  }
}

/// s_l U V^T: a low-rank direction with a factor for each block, as adapters scale them.
struct ScaledLowRank: LowRankDirection {
  let base: any LowRankDirection
  let factor: @Sendable (ParameterBlock) -> Float

  var rank: Int { base.rank }
  var matrixScale: Float { base.matrixScale }
  var rightKey: StreamKey { base.rightKey }

  func touches(_ block: ParameterBlock) -> Bool { factor(block) != 0 && base.touches(block) }

  func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    base.writeLeft(of: block, rows: rows, into: values)
    let s = factor(block)
    for i in 0..<(rows.count * rank) { values[i] *= s }
  }

  func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    base.writeRight(of: block, into: values)
  }

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    base.add(to: &values, of: block, rows: rows, scale: scale * factor(block))
  }
}
