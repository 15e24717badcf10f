import Zeroth

extension ParameterStore {
  /// All blocks one after another, without the gaps between them.
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
  /// D on all blocks of `layout` one after another, zeros on frozen blocks.
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
  /// Where each block lies in a flattened vector.
  public var flatRanges: [Range<Int>] {
    var start = 0
    return blocks.map { block in
      defer { start += block.count }
      return start..<(start + block.count)
    }
  }
}

/// a . b
public func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// The Euclidean norm of `a`.
public func norm(_ a: [Double]) -> Double { dot(a, a).squareRoot() }

/// The cosine of the angle between `a` and `b`; 1 between two zeros, 0 between a zero and another vector.
public func cosine(_ a: [Double], _ b: [Double]) -> Double {
  let product = norm(a) * norm(b)
  guard product > 0 else { return norm(a) == norm(b) ? 1 : 0 }
  return dot(a, b) / product
}
