import Zeroth

/// The direction z_i = U * (r_i s_i^T) of each example i, where * is elementwise. U is normal and shared by all
/// examples; r_i and s_i are sign vectors of example i.
public struct FlipoutDirections: ExampleDirections {
  private let noise: FlipoutNoise

  init(_ noise: FlipoutNoise) { self.noise = noise }

  /// The direction z_i of example `example`.
  public func direction(of example: Int) -> FlipoutSum { FlipoutSum(noise, weights: [(example, 1)]) }
}

/// The direction sum_i w_i z_i = U * (sum_i w_i r_i s_i^T). U is made only once for any number of examples.
public struct FlipoutSum: Direction {
  private let noise: FlipoutNoise
  private let weights: [(example: Int, weight: Float)]

  init(_ noise: FlipoutNoise, weights: [(example: Int, weight: Float)]) {
    self.noise = noise
    self.weights = weights
  }

  /// values += scale times these rows of the direction.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    values.withUnsafeMutableBufferPointer { values in
      guard let y = values.baseAddress else { return }
      withProduct(of: block, rows: rows, columns: 0..<block.columns) { z in
        z.baseAddress.map { Self.add($0, scale: scale, to: y, count: z.count) }
      }
    }
  }

  /// values = these rows of the direction at some columns.
  public func write(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>
  ) {
    values.withUnsafeMutableBufferPointer { values in
      withProduct(of: block, rows: rows, columns: columns) { _ = values.update(fromContentsOf: $0) }
    }
  }

  /// values = these rows of the direction.
  public func write(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>) {
    write(to: &values, of: block, rows: rows, columns: 0..<block.columns)
  }

  /// Calls `body` with U * (sum_i w_i r_i s_i^T) at some rows and columns, made in temporary memory.
  private func withProduct(
    of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>, _ body: (UnsafeBufferPointer<Float>) -> Void
  ) {
    let (height, n) = (rows.count, columns.count)
    withScratch(height * n + weights.count * (height + n) + n) { scratch in
      guard let z = scratch.baseAddress else { return }
      let signs = z + height * n
      noise.writeBase(
        of: block, rows: rows, columns: columns, into: UnsafeMutableBufferPointer(start: z, count: height * n))
      noise.writeSigns(
        of: weights, block, rows: rows, columns: columns,
        into: UnsafeMutableBufferPointer(start: signs, count: weights.count * (height + n)))
      let right = signs + weights.count * height
      let sum = right + weights.count * n
      for i in 0..<height {
        sum.initialize(repeating: 0, count: n)
        for (e, (_, weight)) in weights.enumerated() {
          Self.add(right + e * n, scale: weight * signs[e * height + i], to: sum, count: n)
        }
        Self.multiply(z + i * n, by: sum, count: n)
      }
      body(UnsafeBufferPointer(start: z, count: height * n))
    }
  }

  // These loops use plain pointers so that the compiler can vectorise them: each runs over every weight for every
  // example.

  /// y += scale x.
  private static func add(
    _ x: UnsafePointer<Float>, scale: Float, to y: UnsafeMutablePointer<Float>, count: Int
  ) {
    for j in 0..<count { y[j] += scale * x[j] }
  }

  /// y *= x, elementwise.
  private static func multiply(_ y: UnsafeMutablePointer<Float>, by x: UnsafePointer<Float>, count: Int) {
    for j in 0..<count { y[j] *= x[j] }
  }
}

/// U, r_i and s_i of every block, made from the key of a step.
struct FlipoutNoise: Sendable {
  private let key: StreamKey
  private let layout: ParameterLayout
  /// The layouts from which r and s are drawn: each block as a vector with the length of its rows, or of its columns.
  private let rows, columns: ParameterLayout

  init(_ key: StreamKey, layout: ParameterLayout) {
    func vectors(_ length: (ParameterBlock) -> Int) -> ParameterLayout {
      let entries = layout.blocks.map { ParameterLayout.Entry($0.name, rows: length($0)) }
      guard let made = try? ParameterLayout(entries) else { preconditionFailure("sides are smaller than blocks") }
      return made
    }
    self.key = key
    self.layout = layout
    rows = vectors(\.rows)
    columns = vectors(\.columns)
  }

  /// U at some rows and columns.
  func writeBase(
    of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
  ) {
    var span = values.mutableSpan
    DenseDirection(key, layout: layout).write(to: &span, of: block, rows: rows, columns: columns)
  }

  /// Writes r_i at `rows` of each of `examples`, and behind them s_i at `columns` of each.
  func writeSigns(
    of examples: [(example: Int, weight: Float)], _ block: ParameterBlock, rows: Range<Int>, columns: Range<Int>,
    into values: UnsafeMutableBufferPointer<Float>
  ) {
    func write(
      _ purpose: StreamKey.Purpose, _ example: Int, _ layout: ParameterLayout, _ range: Range<Int>, to first: Int
    ) {
      var span = UnsafeMutableBufferPointer(rebasing: values[first..<(first + range.count)]).mutableSpan
      DenseDirection(key.child(purpose, example), distribution: .rademacher, layout: layout)
        .write(to: &span, of: layout.blocks[block.index], rows: range)
    }
    for (e, (example, _)) in examples.enumerated() {
      write(.left, example, self.rows, rows, to: e * rows.count)
      write(
        .right, example, self.columns, columns, to: examples.count * rows.count + e * columns.count)
    }
  }
}
