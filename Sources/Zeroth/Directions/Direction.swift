/// A vector of the size of the parameters that is never stored. Instead, it can add itself to given values, block by
/// block and row by row.
///
/// Directions are what estimators, rules and adapters pass to each other. Laws, checked by the test kit: adding in
/// parts equals adding at once; what is added does not depend on the values to which it is added; a direction is never
/// asked for a frozen block.
public protocol Direction: Sendable {
  /// values += scale D[rows], where `values` holds these rows of `block`, row by row (rows.count x block.columns).
  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float)

  /// values = D[rows]: the result of `add` to zeros. Types that can write it in one pass implement this method
  /// themselves.
  func write(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>)

  /// values = D[rows, columns], row by row (rows.count x columns.count). By default it is cut out of whole rows. A type
  /// that can make some columns alone implements this method, and a model then does not pay for the other columns.
  func write(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>)

  /// Whether the direction can be other than zero on `block`. A model skips the blocks that the direction does not
  /// touch.
  func touches(_ block: ParameterBlock) -> Bool

  /// The known structure of the direction: low-rank factors, a sum, or dense. It agrees with what `add` adds.
  var structure: DirectionStructure { get }

  /// Whether every direction of this type has low-rank factors on matrices, with one V and one rank. Only such
  /// directions can move a base that is never written.
  static var haveFactors: Bool { get }
}

extension Direction {
  /// Sets the values to 0 and adds the direction.
  public func write(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>) {
    values.update(repeating: 0)
    add(to: &values, of: block, rows: rows, scale: 1)
  }
  /// Writes whole rows and cuts the columns out of them.
  public func write(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>
  ) {
    writeWhole(to: &values, of: block, rows: rows, columns: columns)
  }
  /// Writes whole rows and cuts the columns out of them. A type that has its own `write` for columns calls this where
  /// it cannot make the columns alone.
  package func writeWhole(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>
  ) {
    guard columns.count < block.columns else {
      write(to: &values, of: block, rows: rows)
      return
    }
    withScratch(rows.count * block.columns) { whole in
      whole.initialize(repeating: 0)
      var span = whole.mutableSpan
      write(to: &span, of: block, rows: rows)
      for r in 0..<rows.count {
        for (i, column) in columns.enumerated() { values[r * columns.count + i] = whole[r * block.columns + column] }
      }
    }
  }
  /// True: by default a direction touches every trainable block.
  public func touches(_ block: ParameterBlock) -> Bool { true }
  /// Dense: by default nothing is known of a direction besides its values.
  public var structure: DirectionStructure { .dense }
  /// True for low-rank directions, false for others.
  public static var haveFactors: Bool { self is any LowRankDirection.Type }

  /// All values of D on `block`, as an array. Meant for tests and small blocks.
  public func values(of block: ParameterBlock) -> [Float] {
    var values = [Float](repeating: 0, count: block.count)
    if block.isTrainable, touches(block) {
      var span = values.mutableSpan
      add(to: &span, of: block, rows: 0..<block.rows, scale: 1)
    }
    return values
  }

  /// The Euclidean norm of D on `block`, summed in double, panel by panel in a fixed order.
  func norm(on block: ParameterBlock) -> Double {
    guard block.isTrainable, touches(block) else { return 0 }
    return sumOfSquares(on: [block]).squareRoot()
  }
}
