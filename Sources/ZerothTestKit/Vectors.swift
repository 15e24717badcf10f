import Zeroth

extension ParameterStore {
  /// The values of all blocks one after another, without the gaps between them.
  public borrowing func flattened() -> [Float] {
    var values: [Float] = []
    values.reserveCapacity(layout.parameterCount)
    for block in layout.blocks {
      values += self.values(of: block)
    }
    return values
  }
}

extension Direction {
  /// The values of D on all blocks of `layout` one after another, with zeros on frozen blocks.
  public func flattened(in layout: ParameterLayout) -> [Float] { layout.blocks.flatMap { values(of: $0) } }
}

extension GradientEstimate {
  /// sum_i c_i D_i on all blocks of `layout` one after another, summed in double.
  public func flattened(in layout: ParameterLayout) -> [Double] {
    var sum = [Double](repeating: 0, count: layout.parameterCount)
    for term in terms {
      for (i, value) in term.direction.flattened(in: layout).enumerated() {
        sum[i] += term.coefficient * Double(value)
      }
    }
    return sum
  }
}

extension ParameterLayout {
  /// The range of each block in a flattened vector.
  public var flatRanges: [Range<Int>] {
    var start = 0
    return blocks.map { block in
      defer { start += block.count }
      return start..<(start + block.count)
    }
  }
}

/// The inner product of `a` and `b`.
public func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// The Euclidean norm of `a`.
public func norm(_ a: [Double]) -> Double { dot(a, a).squareRoot() }

/// The cosine of the angle between `a` and `b`. It is 1 between two zero vectors, and 0 between a zero vector and
/// another one.
public func cosine(_ a: [Double], _ b: [Double]) -> Double {
  let product = norm(a) * norm(b)
  guard product > 0 else { return norm(a) == norm(b) ? 1 : 0 }
  return dot(a, b) / product
}
