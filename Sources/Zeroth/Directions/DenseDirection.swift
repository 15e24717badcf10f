/// z with independent elements, made again from a key whenever it is needed.
///
/// Gaussian, Rademacher, or uniform on the sphere of radius sqrt(d) (a normal vector scaled to that length).
public struct DenseDirection: Direction {
  /// The key of the noise; each block has a child of it.
  public let key: StreamKey
  /// How the elements are drawn.
  public let distribution: NoiseDistribution
  /// sqrt(d) / ||g|| for the sphere, else 1.
  package let radius: Float

  /// The direction of `key` on the trainable blocks of `layout`. The sphere makes one pass over the noise for its norm.
  public init(_ key: StreamKey, distribution: NoiseDistribution = .gaussian, layout: ParameterLayout) {
    self.key = key
    self.distribution = distribution
    guard distribution == .sphere else {
      radius = 1
      return
    }
    let normal = DenseDirection(key: key, distribution: .gaussian, radius: 1)
    let norm = normal.sumOfSquares(on: layout.trainable).squareRoot()
    radius = norm > 0 ? Float(Double(layout.trainableCount).squareRoot() / norm) : 0
  }

  private init(key: StreamKey, distribution: NoiseDistribution, radius: Float) {
    self.key = key
    self.distribution = distribution
    self.radius = radius
  }

  /// values += scale z[rows].
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    Noise(key: key.child(.block, block.index), distribution: distribution)
      .add(to: &values, from: rows.lowerBound * block.columns, scale: scale * radius)
  }

  /// values = z[rows].
  public func write(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>) {
    let noise = Noise(key: key.child(.block, block.index), distribution: distribution)
    values.withUnsafeMutableBufferPointer {
      noise.fill($0, from: rows.lowerBound * block.columns, scale: radius)
    }
  }

  /// values = z[rows, columns].
  public func write(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>
  ) {
    let noise = Noise(key: key.child(.block, block.index), distribution: distribution)
    values.withUnsafeMutableBufferPointer { values in
      for (i, row) in rows.enumerated() {
        noise.fill(
          UnsafeMutableBufferPointer(rebasing: values[(i * columns.count)..<((i + 1) * columns.count)]),
          from: row * block.columns + columns.lowerBound, scale: radius)
      }
    }
  }

  /// Whether `displace` costs little more than reading and writing the floats, so that making z once for several
  /// displacements saves nothing.
  package var displacesCheaply: Bool { distribution == .rademacher && key.generator == .philox }

  /// out = base + scale z[rows, columns], without z in memory; bit for bit what `write` and then a product and a sum for
  /// each element give, but on the sphere, where its radius is multiplied into `scale` first.
  ///
  /// The rows of `base` are `stride` floats apart, those of `out` lie one behind the other.
  package func displace(
    _ base: UnsafePointer<Float>, stride: Int, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>,
    scale: Float, into out: UnsafeMutablePointer<Float>
  ) {
    let noise = Noise(key: key.child(.block, block.index), distribution: distribution)
    for (i, row) in rows.enumerated() {
      noise.displace(
        base + i * stride, from: row * block.columns + columns.lowerBound, count: columns.count,
        scale: scale * radius, into: out + i * columns.count)
    }
  }
}
