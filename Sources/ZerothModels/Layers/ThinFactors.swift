import CZeroth
import Zeroth

/// [B | U]^T of some rows of a matrix, panel by panel (rank x the panel's rows each): the left factors of what a window
/// of low-rank updates has left, and of a low-rank direction. Drawn once for a product, in few large pieces.
struct ThinFactors: @unchecked Sendable {
  private let memory: Matrix
  private let panelHeight: Int
  private static let panelsInPiece = 16

  /// nil where neither term is there.
  init?(
    _ pending: LowRankTerm?, _ lowRank: (any LowRankDirection)?, _ block: ParameterBlock, rows: Range<Int>,
    panelHeight: Int, _ workspace: Workspace
  ) {
    let rank = (pending?.rank ?? 0) + (lowRank?.rank ?? 0)
    guard rank > 0 else { return nil }
    memory = workspace.matrix(rows.count, rank)
    self.panelHeight = panelHeight
    let height = panelHeight * Self.panelsInPiece
    let scratch = workspace.scratch(height * (lowRank?.rank ?? 0))
    let drawing = Drawing(
      factors: self, pending: pending, lowRank: lowRank, block: block, rows: rows,
      pieces: Pieces(0..<rows.count, by: height), scratch: scratch)
    Parallel.forEach(drawing.pieces.count, workers: scratch.workers, with: drawing) { $0.run($1, $2) }
  }

  /// [B | U]^T of `panel`, rows counted from the first.
  subscript(panel: Range<Int>) -> UnsafeMutablePointer<Float> { memory.row(panel.lowerBound) }

  private struct Drawing: ~Copyable, Sendable {
    let factors: ThinFactors
    let pending: LowRankTerm?
    let lowRank: (any LowRankDirection)?
    let block: ParameterBlock
    let rows: Range<Int>
    let pieces: Pieces
    let scratch: Scratch

    func run(_ i: Int, _ worker: Int) {
      let piece = pieces[i]
      let first = rows.lowerBound + piece.lowerBound
      if let pending { put(pending.left + first * pending.rank, pending.rank, of: piece, at: 0) }
      if let lowRank {
        let left = scratch[worker]
        lowRank.writeLeft(
          of: block, rows: first..<(first + piece.count),
          into: UnsafeMutableBufferPointer(start: left, count: piece.count * lowRank.rank))
        put(left, lowRank.rank, of: piece, at: pending?.rank ?? 0)
      }
    }

    /// The transposed panels of a factor (piece.count x rank), below `place` factors that stand there.
    private func put(_ factor: UnsafePointer<Float>, _ rank: Int, of piece: Range<Int>, at place: Int) {
      for start in stride(from: piece.lowerBound, to: piece.upperBound, by: factors.panelHeight) {
        let panel = start..<min(start + factors.panelHeight, piece.upperBound)
        zeroth_transpose(
          panel.count, rank, factor + (start - piece.lowerBound) * rank, factors[panel] + place * panel.count)
      }
    }
  }
}
