import CZeroth
import Zeroth

/// Rows of activations in the order in which products read them, packed once for all layers that they enter.
///
/// They are packed in groups: of one variant each where a dense direction gives every variant a W of its own, otherwise
/// of all variants at once, as they then share W.
struct PackedRows: @unchecked Sendable {
  /// Rows of all groups.
  let rows: Int
  /// Elements of a row.
  let columns: Int
  /// How many groups there are.
  let groups: Int
  private let base: UnsafeMutablePointer<Float>

  /// Room for rows that are yet to be packed.
  init(rows: Int, columns: Int, groups: Int, _ workspace: Workspace) {
    self.rows = rows
    self.columns = columns
    self.groups = groups
    base = workspace.matrix(groups, Int(zeroth_packed_count(rows / groups, columns))).base
  }

  fileprivate func fill(_ x: Matrix) {
    let count = rows / groups
    let size = Int(zeroth_packed_count(count, columns))
    for group in 0..<groups { zeroth_pack(count, columns, x.row(group * count), columns, base + group * size) }
  }

  /// Where the packed rows from the first of `part` on begin, which begins a tile and lies in one group.
  private func start(of part: Range<Int>) -> UnsafeMutablePointer<Float> {
    let count = rows / groups
    let group = part.lowerBound / count
    return base + group * Int(zeroth_packed_count(count, columns))
      + Int(zeroth_packed_count(part.lowerBound - group * count, columns))
  }

  /// About `count` rows that end with a tile.
  static func wholeTiles(_ count: Int) -> Int {
    let tile = Int(zeroth_tile_rows())
    return max(1, count / tile) * tile
  }

  /// x[rows, columns], the rows in one group and the first at the start of a tile, and W, whose rows are `stride` floats
  /// apart, for a product of them; `beyond` rows of W follow those.
  func factors(
    _ part: Range<Int>, columns: Range<Int>, _ w: UnsafePointer<Float>, stride: Int, beyond: Int = 0
  ) -> zeroth_factors {
    zeroth_factors(
      packed: start(of: part), columns: self.columns, first: columns.lowerBound, k: columns.count, w: w, ldw: stride,
      beyond: beyond)
  }

  /// The columns from `column` on of the rows `part`, as a place for results: the rows lie in one group, the first at the
  /// start of a tile.
  func result(_ part: Range<Int>, column: Int) -> zeroth_result {
    zeroth_result(rows: nil, stride: 0, packed: start(of: part), columns: columns, first: column, is_added: false)
  }

  /// y[:, column ..< column + height] = x W^T on all threads, for the few rows W of a thin factor, `stride` floats apart.
  func multiplyThin(_ w: UnsafePointer<Float>, height: Int, stride: Int, into y: Matrix, column: Int) {
    let tiles = Pieces(groups: groups, of: rows / groups, by: Int(zeroth_tile_rows()))
    let state = (x: self, w: SendablePointer(w), height: height, stride: stride, y: y, column: column, tiles: tiles)
    Parallel.forEach(tiles.count, with: state) { s, i, _ in
      let rows = s.tiles[i]
      let out = s.y.row(rows.lowerBound) + s.column
      zeroth_multiply_packed(
        rows.count, s.height, s.x.factors(rows, columns: 0..<s.x.columns, s.w.pointer, stride: s.stride),
        zeroth_factors(), zeroth_bias(), zeroth_identity, .rows(out, stride: s.y.columns))
    }
  }
}

extension Weights {
  /// `x` packed for the layers that it enters.
  func pack(_ x: Matrix) -> PackedRows { pack(like: x) { x } }

  /// What `make` makes, of the shape of `x`, packed; beside the packed rows nothing of it stays in the workspace.
  /// `groups` are as many as the layers of these weights ask for, unless it says otherwise.
  func pack(like x: Matrix, groups: Int? = nil, _ make: () -> Matrix) -> PackedRows {
    let usual = direction == nil || lowRank != nil ? 1 : variants
    return pack(rows: x.rows, columns: x.columns, groups: groups ?? usual, make)
  }

  /// What `make` makes, rows x columns, packed likewise.
  func pack(rows: Int, columns: Int, groups: Int, _ make: () -> Matrix) -> PackedRows {
    let packed = PackedRows(rows: rows, columns: columns, groups: groups, workspace)
    workspace.scope { packed.fill(make()) }
    return packed
  }
}

extension zeroth_bias {
  /// The same for the rows from `row` on.
  func advanced(to row: Int) -> Self { Self(rows: rows, stride: stride, shared: shared, before: before + row) }
}

extension zeroth_result {
  /// A result goes to rows that lie `stride` floats apart.
  static func rows(_ rows: UnsafeMutablePointer<Float>, stride: Int) -> Self {
    Self(rows: rows, stride: stride, packed: nil, columns: 0, first: 0, is_added: false)
  }

  /// The same place, for a result that is added to what stands there.
  func adding(_ isAdded: Bool) -> Self {
    var result = self
    result.is_added = isAdded
    return result
  }
}
