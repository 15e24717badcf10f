/// sum_i w_i U_i V^T: a sum of low-rank directions that share V, so that the sum has the same rank.
struct LowRankSum: LowRankDirection {
  /// At least one term. All have the same V and the same rank.
  private let terms: [(weight: Float, direction: any LowRankDirection)]

  /// The sum of `terms`. Nil where there are no terms, or where they do not all have factors with one V and one rank.
  init?(_ terms: Few<(weight: Float, direction: any Direction)>) {
    var factors: [(weight: Float, direction: any LowRankDirection)] = []
    for term in terms {
      guard let direction = term.direction.factors else { return nil }
      if let first = factors.first?.direction {
        guard direction.rightKey == first.rightKey, direction.rank == first.rank else { return nil }
      }
      factors.append((term.weight, direction))
    }
    guard !factors.isEmpty else { return nil }
    self.terms = factors
  }

  /// The first term. Its V is that of all terms.
  var first: any LowRankDirection { terms[0].direction }
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
