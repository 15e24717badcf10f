/// A text on its way to token ids: its bytes as they were rewritten so far, and the pieces into which it was cut.
///
/// A piece is either text that is still to be cut, or an added token. As in the reference, every part that rewrites or
/// cuts text looks at one piece at a time, and never across a cut.
struct Pieces {
  struct Piece {
    var range: Range<Int>
    /// The id of an added token; nil for text.
    var token: Int?
  }

  private(set) var text: [UInt8]
  private(set) var pieces: [Piece] = []
  /// Whether the first piece begins at the beginning of the original text.
  var startsText = true

  /// All of `text` as one piece.
  init(_ text: [UInt8]) {
    self.text = text
    if !text.isEmpty { pieces = [Piece(range: text.indices, token: nil)] }
  }

  /// Collects the pieces that a cut makes, in order.
  struct Cuts {
    fileprivate var pieces: [Piece] = []

    /// Adds `range` as a piece of text, or as the added token with an id. An empty range is left out.
    @inline(__always)
    mutating func take(_ range: Range<Int>, token: Int? = nil) {
      if !range.isEmpty { pieces.append(Piece(range: range, token: token)) }
    }
  }

  /// Cuts each piece of text. `cut` is given the text, the range of a piece, and the collector for the new pieces.
  mutating func cut(_ cut: (_ text: [UInt8], _ range: Range<Int>, _ cuts: inout Cuts) -> Void) {
    let start = pieces.first?.range.lowerBound
    var cuts = Cuts()
    cuts.pieces.reserveCapacity(pieces.count)
    for piece in pieces {
      if piece.token != nil { cuts.pieces.append(piece) } else { cut(text, piece.range, &cuts) }
    }
    pieces = cuts.pieces
    startsText = startsText && pieces.first?.range.lowerBound == start
  }

  /// Rewrites each piece of text. `rewrite` is given the text, the range of a piece, whether the piece begins at the
  /// beginning of the whole text, and the array for its new text.
  mutating func rewrite(
    _ rewrite: (_ text: [UInt8], _ range: Range<Int>, _ startsText: Bool, _ rewritten: inout [UInt8]) -> Void
  ) {
    var rewritten: [UInt8] = []
    rewritten.reserveCapacity(text.count + text.count / 4 + pieces.count)
    var kept = 0
    var keepsFirst = true
    for (index, piece) in pieces.enumerated() {
      let start = rewritten.count
      if piece.token == nil { rewrite(text, piece.range, startsText && index == 0, &rewritten) }
      guard piece.token != nil || rewritten.count > start else {
        if index == 0 { keepsFirst = false }
        continue
      }
      pieces[kept] = Piece(range: start..<rewritten.count, token: piece.token)
      kept += 1
    }
    pieces.removeLast(pieces.count - kept)
    startsText = startsText && keepsFirst
    text = rewritten
  }
}
