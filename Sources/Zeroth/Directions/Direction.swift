/// A vector of the size of the parameters that is never stored: it adds itself, block by block and row by row.
///
/// Directions are what estimators, rules and adapters pass to each other. Laws, checked by the test kit: adding in
/// parts equals adding at once; what is added does not depend on what it is added to; frozen blocks are never asked for.
public protocol Direction: Sendable {
  /// values += scale D[rows], where `values` holds these rows of `block`, row by row (rows.count x block.columns).
  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float)

  /// values = D[rows]: what `add` makes of zeros, for those that can do it in one pass.
  func write(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>)

  /// values = D[rows, columns], row by row (rows.count x columns.count). By default a part of whole rows: those that
  /// can make some columns alone spare models the others.
  func write(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>)

  /// Whether the direction can be other than zero on `block`. A model leaves the blocks alone that it does not touch.
  func touches(_ block: ParameterBlock) -> Bool

  /// What the direction is made of: factors, a sum, or nothing that is known. It agrees with what `add` adds.
  var structure: DirectionStructure { get }

  /// Whether every direction of this kind has factors on matrices, with one V and one rank: those alone can move a base
  /// that is never written.
  static var haveFactors: Bool { get }
}

extension Direction {
  /// Adds to zeros.
  public func write(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>) {
    values.update(repeating: 0)
    add(to: &values, of: block, rows: rows, scale: 1)
  }
  /// Cuts the columns out of whole rows.
  public func write(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>
  ) {
    writeWhole(to: &values, of: block, rows: rows, columns: columns)
  }
  /// Cuts the columns out of whole rows, for those that make columns alone at times.
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
  /// True: a direction touches every trainable block unless it knows better.
  public func touches(_ block: ParameterBlock) -> Bool { true }
  /// Dense: no more is known of most directions than their values.
  public var structure: DirectionStructure { .dense }
  /// Those of low rank have them.
  public static var haveFactors: Bool { self is any LowRankDirection.Type }

  /// D on the whole of `block`, as an array: for tests and small blocks.
  public func values(of block: ParameterBlock) -> [Float] {
    var values = [Float](repeating: 0, count: block.count)
    if block.isTrainable, touches(block) {
      var span = values.mutableSpan
      add(to: &span, of: block, rows: 0..<block.rows, scale: 1)
    }
    return values
  }

  /// The Euclidean norm of D on `block`, summed in double over panels in a fixed order.
  func norm(on block: ParameterBlock) -> Double {
    guard block.isTrainable, touches(block) else { return 0 }
    return sumOfSquares(on: [block]).squareRoot()
  }
}
