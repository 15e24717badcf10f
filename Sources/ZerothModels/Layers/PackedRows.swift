import CZeroth
import Zeroth

/// Rows of activations as the kernel reads them, tile by tile (`Product` says what a tile is). They are packed once
/// for all layers that they enter.
///
/// Where a dense direction gives each variant a W of its own, the rows of each variant are packed apart, so that no
/// tile has rows that meet different W. Otherwise all variants share W, and so they do tiles.
struct PackedRows: @unchecked Sendable {
  /// Rows of all variants.
  let rows: Int
  /// Elements of a row.
  let columns: Int
  /// How many different W the rows meet: as many as there are variants, or one.
  let weightCount: Int
  private let base: UnsafeMutablePointer<Float>
  /// On a tape, the rows that were packed: where they have their adjoint, and their values as they are saved; without these
  /// where nothing was recorded yet, and the place holds them until the layers have read them.
  private(set) var recorded: (place: Matrix, values: Matrix?)?

  /// Room for rows that are yet to be packed.
  init(rows: Int, columns: Int, weightCount: Int, _ workspace: Workspace) {
    self.rows = rows
    self.columns = columns
    self.weightCount = weightCount
    base = workspace.matrix(weightCount, Int(zeroth_packed_count(rows / weightCount, columns))).base
  }

  /// Neighbouring rows that meet the same W.
  var rowsPerWeight: Int { rows / weightCount }

  /// The rows of variant `v`, where each variant is packed apart.
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

  /// Row `row` where each meets a W of its own, or where it is the only one: a tile of one row is the row itself.
  func row(_ row: Int) -> UnsafePointer<Float> {
    precondition(rowsPerWeight == 1, "rows of a tile lie interleaved")
    return UnsafePointer(address(of: row))
  }

  /// The rows of as many whole tiles as `count` rows hold, but of one at least.
  static func wholeTiles(_ count: Int) -> Int {
    let tile = Int(zeroth_tile_rows())
    return max(1, count / tile) * tile
  }

  /// What the kernel multiplies: x[rows, columns], and W, whose rows lie `stride` floats apart. The rows of x meet
  /// the same W and begin with a tile. `beyond` more rows of W follow in memory.
  func factors(
    _ rows: Range<Int>, columns: Range<Int>, _ w: UnsafePointer<Float>, stride: Int, beyond: Int = 0
  ) -> zeroth_factors {
    zeroth_factors(
      packed: address(of: rows.lowerBound), columns: self.columns, first: columns.lowerBound, k: columns.count, w: w,
      ldw: stride, beyond: beyond)
  }

  /// A place for results: the columns from `column` on of the rows `rows`, which meet the same W and begin with a tile.
  func result(_ rows: Range<Int>, column: Int) -> zeroth_result {
    zeroth_result(
      rows: nil, stride: 0, packed: address(of: rows.lowerBound), columns: columns, first: column, is_added: false)
  }

  /// y[:, column ..< column + height] = x W^T on all threads, a tile at a time, for W with so few rows as a thin
  /// factor has (`ThinFactors`). They lie `stride` floats apart. Rows that meet another W meet the one `distance` floats on.
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
  /// `x` packed for the layers that it enters.
  func pack(_ x: Matrix) -> PackedRows { pack(like: x) { x } }

  /// What `make` makes, of the shape of `x`, packed for the layers that it enters. The workspace keeps the packed
  /// rows alone.
  ///
  /// `weightCount` is how many different W the rows meet: as many as the layers of these weights have, unless given.
  func pack(like x: Matrix, weightCount: Int? = nil, _ make: () -> Matrix) -> PackedRows {
    if let tape {
      // What is packed may change before the layers have read it, in the pass or backwards. So it has a place of its own.
      let place = workspace.matrix(x.rows, x.columns)
      copy(make(), to: place)
      var packed = pack(rows: x.rows, columns: x.columns, weightCount: 1) { place }
      packed.record(place, tape.isRecording ? tape.save(place) : nil)
      return packed
    }
    let usual = isTangent ? variants : displacements.isEmpty || areLowRank ? 1 : variants
    return pack(rows: x.rows, columns: x.columns, weightCount: weightCount ?? usual, make)
  }

  /// The same of what `make` makes, rows x columns.
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
  /// Rows that lie `stride` floats apart.
  static func rows(_ rows: UnsafeMutablePointer<Float>, stride: Int) -> Self {
    Self(rows: rows, stride: stride, packed: nil, columns: 0, first: 0, is_added: false)
  }

  /// Where a result of one row goes: packed, it is a row as well.
  var row: UnsafeMutablePointer<Float> {
    guard let place = rows ?? packed.map({ $0 + first }) else { preconditionFailure("a result has a place") }
    return place
  }

  /// Puts zeros behind the last column of a packed row, up to whole vectors.
  func endRow() {
    packed?.advanced(by: columns).update(repeating: 0, count: Int(zeroth_packed_count(1, columns)) - columns)
  }

  /// The same place, for a result that is added to what stands there.
  func adding(_ isAdded: Bool) -> Self {
    var result = self
    result.is_added = isAdded
    return result
  }
}
