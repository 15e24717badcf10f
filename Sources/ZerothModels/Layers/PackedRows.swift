import CZeroth
import Zeroth

/// Rows of activations in the order in which the kernel reads them, tile by tile (`Product` explains what a tile is).
/// They are packed once for all layers that read them.
///
/// Where a dense direction gives each variant its own W, the rows of each variant are packed separately, so that no
/// tile has rows for different W. Otherwise all variants share W, and tiles may contain rows of several variants.
struct PackedRows: @unchecked Sendable {
  /// The number of rows of all variants.
  let rows: Int
  /// The number of elements of a row.
  let columns: Int
  /// The number of different W by which the rows are multiplied: one for each variant, or one.
  let weightCount: Int
  private let base: UnsafeMutablePointer<Float>
  /// On a tape, the rows that were packed: `place` is where their adjoint is, and `values` are their saved values.
  /// Where nothing was recorded yet, `values` is nil, and `place` holds the rows until the layers have read them.
  private(set) var recorded: (place: Matrix, values: Matrix?)?

  /// Memory for rows that are packed later.
  init(rows: Int, columns: Int, weightCount: Int, _ workspace: Workspace) {
    self.rows = rows
    self.columns = columns
    self.weightCount = weightCount
    base = workspace.matrix(weightCount, Int(zeroth_packed_count(rows / weightCount, columns))).base
  }

  /// The number of neighbouring rows that are multiplied by the same W.
  var rowsPerWeight: Int { rows / weightCount }

  /// The rows of variant `v`, where each variant is packed separately.
  func variant(_ v: Int) -> PackedRows {
    PackedRows(
      rows: rowsPerWeight, columns: columns,
      base: base + v * Int(zeroth_packed_count(rowsPerWeight, columns)))
  }

  private init(rows: Int, columns: Int, base: UnsafeMutablePointer<Float>) {
    self.rows = rows
    self.columns = columns
    weightCount = 1
    self.base = base
  }

  fileprivate mutating func record(_ place: Matrix, _ values: Matrix?) { recorded = (place, values) }

  fileprivate func fill(_ x: Matrix) {
    let count = rowsPerWeight
    let size = Int(zeroth_packed_count(count, columns))
    for w in 0..<weightCount { zeroth_pack(count, columns, x.row(w * count), columns, base + w * size) }
  }

  /// The address of row `row`, the first of a tile.
  private func address(of row: Int) -> UnsafeMutablePointer<Float> {
    let count = rowsPerWeight
    let w = row / count
    return base + w * Int(zeroth_packed_count(count, columns)) + Int(zeroth_packed_count(row - w * count, columns))
  }

  /// Row `row`, where each row has its own W or there is only one row: a tile of one row is the row itself.
  func row(_ row: Int) -> UnsafePointer<Float> {
    precondition(rowsPerWeight == 1, "rows of a tile lie interleaved")
    return UnsafePointer(address(of: row))
  }

  /// The number of rows in as many whole tiles as `count` rows hold, at least one tile.
  static func wholeTiles(_ count: Int) -> Int {
    let tile = Int(zeroth_tile_rows())
    return max(1, count / tile) * tile
  }

  /// The factors for the kernel: x[rows, columns], and W, whose rows are `stride` floats apart. The rows of x use the
  /// same W and begin with a tile. `beyond` more rows of W follow in memory.
  func factors(
    _ rows: Range<Int>, columns: Range<Int>, _ w: UnsafePointer<Float>, stride: Int, beyond: Int = 0
  ) -> zeroth_factors {
    zeroth_factors(
      packed: address(of: rows.lowerBound), columns: self.columns, first: columns.lowerBound, k: columns.count, w: w,
      ldw: stride, beyond: beyond)
  }

  /// The place for results: the columns from `column` on of the rows `rows`, which use the same W and begin with a
  /// tile.
  func result(_ rows: Range<Int>, column: Int) -> zeroth_result {
    zeroth_result(
      rows: nil, stride: 0, packed: address(of: rows.lowerBound), columns: columns, first: column, is_added: false)
  }

  /// y[:, column ..< column + height] = x W^T on all threads, a tile at a time, for a W with as few rows as a thin
  /// factor has (`ThinFactors`). The rows of W are `stride` floats apart. Each further W is `distance` floats behind
  /// the one before.
  func multiplyThin(
    _ w: UnsafePointer<Float>, height: Int, stride: Int, into y: Matrix, column: Int, distance: Int = 0
  ) {
    let tiles = EqualRanges(runs: weightCount, of: rowsPerWeight, by: Int(zeroth_tile_rows()))
    let state = (
      x: self, w: SendablePointer(w), height: height, stride: stride, y: y, column: column, distance: distance,
      tiles: tiles
    )
    Parallel.forEach(tiles.count, with: state) { s, i, _ in
      let rows = s.tiles[i]
      let out = s.y.row(rows.lowerBound) + s.column
      zeroth_multiply_packed(
        rows.count, s.height,
        s.x.factors(
          rows, columns: 0..<s.x.columns, s.w.pointer + rows.lowerBound / s.x.rowsPerWeight * s.distance,
          stride: s.stride), zeroth_factors(), zeroth_bias(), zeroth_identity, .rows(out, stride: s.y.columns))
    }
  }
}

extension Weights {
  /// The rows of `x`, packed for the layers that read them.
  func pack(_ x: Matrix) -> PackedRows { pack(like: x) { x } }

  /// The result of `make`, which has the shape of `x`, packed for the layers that read it. The workspace keeps only the
  /// packed rows.
  ///
  /// `weightCount` is the number of different W by which the rows are multiplied. By default it is the number that the
  /// layers of these weights have.
  func pack(like x: Matrix, weightCount: Int? = nil, _ make: () -> Matrix) -> PackedRows {
    if let tape {
      // The packed rows need their own place, because what was packed may change before the layers have read it, in the
      // pass or backwards.
      let place = workspace.matrix(x.rows, x.columns)
      copy(make(), to: place)
      var packed = pack(rows: x.rows, columns: x.columns, weightCount: 1) { place }
      packed.record(place, tape.isRecording ? tape.save(place) : nil)
      return packed
    }
    let usual = isTangent ? variants : displacements.isEmpty || areLowRank ? 1 : variants
    return pack(rows: x.rows, columns: x.columns, weightCount: weightCount ?? usual, make)
  }

  /// The same for the result of `make`, which is rows x columns.
  func pack(rows: Int, columns: Int, weightCount: Int, _ make: () -> Matrix) -> PackedRows {
    let packed = PackedRows(rows: rows, columns: columns, weightCount: weightCount, workspace)
    workspace.scope { packed.fill(make()) }
    return packed
  }
}

extension zeroth_bias {
  /// The bias of the rows from `row` on.
  func advanced(to row: Int) -> Self { Self(rows: rows, stride: stride, shared: shared, before: before + row) }

  /// The bias of row `row`; nil without biases.
  func row(_ row: Int) -> UnsafePointer<Float>? { rows.map { $0 + (before + row) / shared * stride } }
}

extension zeroth_result {
  /// Rows that are `stride` floats apart.
  static func rows(_ rows: UnsafeMutablePointer<Float>, stride: Int) -> Self {
    Self(rows: rows, stride: stride, packed: nil, columns: 0, first: 0, is_added: false)
  }

  /// The address of a result of one row. Where it is packed, it is a plain row too.
  var row: UnsafeMutablePointer<Float> {
    guard let place = rows ?? packed.map({ $0 + first }) else { preconditionFailure("a result has a place") }
    return place
  }

  /// Writes zeros behind the last column of a packed row, up to the next whole vector.
  func endRow() {
    packed?.advanced(by: columns).update(repeating: 0, count: Int(zeroth_packed_count(1, columns)) - columns)
  }

  /// The same place, for a result that is added to what is there.
  func adding(_ isAdded: Bool) -> Self {
    var result = self
    result.is_added = isAdded
    return result
  }
}
