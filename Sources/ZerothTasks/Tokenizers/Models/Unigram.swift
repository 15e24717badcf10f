import ZerothSupport

/// A model with a log-probability for each token. A piece is cut so that the sum of the log-probabilities of its tokens
/// is the highest.
///
/// It uses Viterbi's algorithm over the bytes of the piece. A scalar that is not itself a token may be unknown. It then
/// costs ten more than the least probable token. Of two cuts with equal sums, the one with the longer last token is
/// kept.
///
/// Source: Kudo 2018, Subword Regularization.
struct Unigram: TokenModel {
  private let vocabulary: Vocabulary
  private let scores: [Double]
  private let unknownId: Int
  private let unknownScore: Double
  private let byteIds: [Int]
  private var trie = ByteTrie()

  /// What an unknown scalar costs in addition to the least probable token.
  private static let unknownPenalty = 10.0

  /// - Parameters:
  ///   - scores: the log-probability of each id.
  ///   - fallsBackToBytes: whether unknown text is written as tokens for its bytes.
  init(vocabulary: Vocabulary, scores: [Double], unknownId: Int, fallsBackToBytes: Bool) {
    self.vocabulary = vocabulary
    self.scores = scores
    self.unknownId = unknownId
    unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
    byteIds = fallsBackToBytes ? ByteTokens.ids(in: vocabulary) : []
    for id in 0..<vocabulary.count {
      if let token = vocabulary.bytes(of: id) { trie.insert(token, value: id) }
    }
  }

  /// The best cut of the text up to a position: its score, its last token, and where this token starts.
  private struct Node {
    var score = 0.0
    var start: Int32 = -1
    var id: Int32 = 0
  }

  func appendTokens(of pieces: Pieces, onto ids: inout [Int]) {
    var nodes: [Node] = []
    var cuts: [Int] = []
    for piece in pieces.pieces {
      if let token = piece.token {
        ids.append(token)
      } else {
        append(pieces.text, piece.range, &nodes, &cuts, onto: &ids)
      }
    }
  }

  private func append(
    _ text: [UInt8], _ range: Range<Int>, _ nodes: inout [Node], _ cuts: inout [Int], onto ids: inout [Int]
  ) {
    nodes.removeAll(keepingCapacity: true)
    nodes.append(contentsOf: repeatElement(Node(), count: range.count + 1))
    var start = range.lowerBound
    while start < range.upperBound {
      let length = UTF8Scalars.length(text[start])
      let before = nodes[start - range.lowerBound].score
      var hasScalar = false
      func reach(_ end: Int, _ score: Double, _ id: Int) {
        let node = end - range.lowerBound
        if nodes[node].start < 0 || score > nodes[node].score {
          nodes[node] = Node(score: score, start: Int32(start - range.lowerBound), id: Int32(id))
        }
      }
      trie.forEachPrefix(in: text, from: start, to: range.upperBound) { id, end in
        reach(end, before + scores[id], id)
        if end - start == length { hasScalar = true }
      }
      if !hasScalar { reach(start + length, before + unknownScore, unknownId) }
      start += length
    }
    cuts.removeAll(keepingCapacity: true)
    var end = range.count
    while end > 0 {
      cuts.append(end)
      end = Int(nodes[end].start)
    }
    // A run of unknown scalars becomes one unknown token.
    var unknownStart: Int?
    for cut in cuts.reversed() {
      let start = Int(nodes[cut].start)
      if Int(nodes[cut].id) == unknownId {
        unknownStart = unknownStart ?? start
        continue
      }
      if let begun = unknownStart { appendUnknown(text, begun..<start, from: range.lowerBound, onto: &ids) }
      unknownStart = nil
      ids.append(Int(nodes[cut].id))
    }
    if let begun = unknownStart { appendUnknown(text, begun..<range.count, from: range.lowerBound, onto: &ids) }
  }

  private func appendUnknown(_ text: [UInt8], _ range: Range<Int>, from offset: Int, onto ids: inout [Int]) {
    let place = offset + range.lowerBound..<offset + range.upperBound
    // Scalars that are unknown one by one may together be a token.
    if let id = vocabulary.id(of: text, place) {
      ids.append(id)
    } else if !byteIds.isEmpty, text[place].allSatisfy({ byteIds[Int($0)] >= 0 }) {
      for byte in text[place] { ids.append(byteIds[Int(byte)]) }
    } else {
      ids.append(unknownId)
    }
  }
}
