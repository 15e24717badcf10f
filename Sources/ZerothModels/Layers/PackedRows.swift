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

  fileprivate init(rows: Int, columns: Int, groups: Int, _ workspace: Workspace) {
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

  /// About `count` rows that end with a tile.
  static func wholeTiles(_ count: Int) -> Int {
    let tile = Int(zeroth_tile_rows())
    return max(1, count / tile) * tile
  }

  /// y (rows x `height`) += x[rows, columns] W^T, the rows in one group and the first at the start of a tile; W of
  /// `height` rows, `stride` floats apart.
  func multiply(
    _ part: Range<Int>, columns: Range<Int>, _ w: UnsafePointer<Float>, height: Int, stride: Int,
    addingTo y: UnsafeMutablePointer<Float>, stride yStride: Int
  ) {
    let count = rows / groups
    let group = part.lowerBound / count
    let before = part.lowerBound - group * count
    let start =
      base + group * Int(zeroth_packed_count(count, self.columns)) + Int(zeroth_packed_count(before, self.columns))
    zeroth_multiply_packed(
      part.count, height, self.columns, columns.lowerBound, columns.count, start, w, stride, y, yStride)
  }

  /// y[:, column ..< column + height] = x W^T on all threads, for the few rows W of a thin factor, `stride` floats apart.
  func multiplyThin(_ w: UnsafePointer<Float>, height: Int, stride: Int, into y: Matrix, column: Int) {
    let tiles = Pieces(groups: groups, of: rows / groups, by: Int(zeroth_tile_rows()))
    let state = (x: self, w: SendableAddress(w), height: height, stride: stride, y: y, column: column, tiles: tiles)
    Parallel.forEach(tiles.count, with: state) { s, i, _ in
      let rows = s.tiles[i]
      let out = s.y.row(rows.lowerBound) + s.column
      for r in 0..<rows.count { (out + r * s.y.columns).update(repeating: 0, count: s.height) }
      s.x.multiply(
        rows, columns: 0..<s.x.columns, s.w.address, height: s.height, stride: s.stride, addingTo: out,
        stride: s.y.columns)
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
    let packed = PackedRows(rows: x.rows, columns: x.columns, groups: groups ?? usual, workspace)
    workspace.scope { packed.fill(make()) }
    return packed
  }
}
