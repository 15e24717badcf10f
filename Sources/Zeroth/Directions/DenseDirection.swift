/// A direction z whose elements are random and fill every trainable block. z is not stored: it is made again from a key
/// whenever it is needed.
///
/// The elements are Gaussian or Rademacher, independent of each other; or z is uniform on the sphere of radius sqrt(d)
/// (a normal vector scaled to that length).
public struct DenseDirection: Direction {
  /// The key of the noise. Each block uses a child of this key.
  public let key: StreamKey
  /// How the elements are drawn.
  public let distribution: NoiseDistribution
  /// The factor of the normal vector g: sqrt(d) / ||g|| for the sphere, else 1.
  package let radius: Float

  /// The direction of `key` on the trainable blocks of `layout`. For the sphere this makes the whole noise once, to
  /// compute its norm.
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

  /// Whether `displace` costs little more than reading and writing the floats. Then it saves nothing to make z once and
  /// use it for several displacements.
  package var displacesCheaply: Bool { distribution == .rademacher && key.generator == .philox }

  /// out = base + scale z[rows, columns], without storing z. The result is bit for bit that of `write` followed by a
  /// product and a sum for each element. The sphere is the exception: its radius is first multiplied into `scale`.
  ///
  /// The rows of `base` are `stride` floats apart; those of `out` follow each other without gaps.
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
