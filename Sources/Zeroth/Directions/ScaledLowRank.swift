/// s_l U V^T: a low-rank direction with a factor s_l for each block l, such as the factors of an adapter.
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
