import ZerothSupport

/// Byte-pair encoding: each piece of a text starts as a list of its scalars, which are then merged pair by pair.
///
/// A scalar that is not a token is replaced by its bytes, if the model allows that and the vocabulary has all of them
/// as tokens such as `<0xE2>`. Otherwise it becomes the unknown token; where there is none, it is left out.
///
/// Source: Sennrich et al. 2016, Neural Machine Translation of Rare Words with Subword Units.
struct BytePairEncoding: TokenModel {
  struct Options: Sendable {
    /// Whether a piece that is itself a token is used directly, without merging.
    var ignoresMerges = false
    /// Whether a scalar that is not a token is written as tokens for its bytes.
    var fallsBackToBytes = false
    /// The id of the unknown token; nil for none.
    var unknownId: Int?
    /// Whether a run of unknown scalars becomes one unknown token.
    var fusesUnknown = false
  }

  private let vocabulary: Vocabulary
  private let options: Options
  private var merges: PairMerges
  /// The symbol of each scalar: its token, or a number above all tokens where only longer tokens contain the scalar.
  private var symbols = NumberMap()
  private let byteIds: [Int]

  /// - Parameters:
  ///   - pairs: the merges, best first.
  ///   - subject: the file and field of `pairs`, for the errors.
  /// - Throws: an ``InputError`` that names a merge whose parts or result are not tokens.
  init(
    vocabulary: Vocabulary, merges pairs: [(left: String, right: String)], options: Options, subject: String
  ) throws(InputError) {
    self.init(vocabulary: vocabulary, options: options, mergeCount: pairs.count)
    for id in 0..<vocabulary.count {
      if let token = vocabulary.bytes(of: id), let only = Self.onlyScalar(token) {
        symbols.set(UInt64(only.value), UInt64(id))
      }
    }
    for (rank, pair) in pairs.enumerated() {
      let subject = "\(subject)[\(rank)]"
      let left = try vocabulary.required(pair.left, subject: subject)
      let right = try vocabulary.required(pair.right, subject: subject)
      let merged = try vocabulary.required(pair.left + pair.right, subject: subject)
      if options.fallsBackToBytes, byteIds.contains(left) || byteIds.contains(right) {
        throw InputError(
          subject, found: "a merge of the byte token '\(pair.left)' or '\(pair.right)'",
          expected: "merges of other tokens, as bytes stay apart")
      }
      // A merge with a scalar that is not a token can never apply.
      guard let joint = joint(Array(pair.left.utf8), Array(pair.right.utf8)) else { continue }
      merges.add(left, right, into: merged, rank: rank, joint: joint)
    }
  }

  /// Merges that follow from the tokens alone, as in SentencePiece. Every division of a token into two symbols is a
  /// merge. Its rank is given by the token's score; the highest score comes first.
  init(vocabulary: Vocabulary, scores: [(id: Int, score: Float)], options: Options) {
    self.init(vocabulary: vocabulary, options: options, mergeCount: scores.count)
    var byText: [[UInt8]: Int] = [:]
    for (id, _) in scores { byText[vocabulary.bytes(of: id) ?? []] = id }
    var nextSymbol = vocabulary.count
    for (id, _) in scores {
      for scalar in (vocabulary.token(of: id) ?? "").unicodeScalars where symbols[UInt64(scalar.value)] == nil {
        let bytes = Array(String(scalar).utf8)
        if byText[bytes] == nil {
          byText[bytes] = nextSymbol
          nextSymbol += 1
        }
        symbols.set(UInt64(scalar.value), UInt64(byText[bytes] ?? 0))
      }
    }
    let ranks = Dictionary(
      uniqueKeysWithValues: Set(scores.map(\.score)).sorted(by: >).enumerated().map { ($0.element, $0.offset) })
    for (id, score) in scores {
      let text = vocabulary.bytes(of: id) ?? []
      for cut in text.indices.dropFirst() where text[cut] & 0xC0 != 0x80 {
        let (left, right) = (Array(text[..<cut]), Array(text[cut...]))
        if let first = byText[left], let second = byText[right], let joint = joint(left, right) {
          merges.add(first, second, into: id, rank: ranks[score] ?? 0, joint: joint)
        }
      }
    }
  }

  private init(vocabulary: Vocabulary, options: Options, mergeCount: Int) {
    self.vocabulary = vocabulary
    self.options = options
    merges = PairMerges(capacity: mergeCount)
    byteIds = options.fallsBackToBytes ? ByteTokens.ids(in: vocabulary) : []
  }

  private static func onlyScalar(_ token: [UInt8]) -> Unicode.Scalar? {
    guard let first = token.first, UTF8Scalars.length(first) == token.count else { return nil }
    return UTF8Scalars.scalar(in: token, at: 0).scalar
  }

  /// The symbols of the last scalar of `left` and of the first of `right`.
  private func joint(_ left: [UInt8], _ right: [UInt8]) -> (Int32, Int32)? {
    guard !left.isEmpty, !right.isEmpty,
      let last = symbols[
        UInt64(UTF8Scalars.scalar(in: left, at: UTF8Scalars.start(before: left.count, in: left)).scalar.value)],
      let first = symbols[UInt64(UTF8Scalars.scalar(in: right, at: 0).scalar.value)]
    else { return nil }
    return (Int32(truncatingIfNeeded: last), Int32(truncatingIfNeeded: first))
  }

  func appendTokens(of pieces: Pieces, onto ids: inout [Int]) {
    var text: [PairMerges.Symbol] = []
    var scratch = PairMerges.Scratch()
    for piece in pieces.pieces {
      if let token = piece.token {
        ids.append(token)
      } else if options.ignoresMerges, let id = vocabulary.id(of: pieces.text, piece.range) {
        ids.append(id)
      } else {
        text.removeAll(keepingCapacity: true)
        var index = piece.range.lowerBound
        while index < piece.range.upperBound {
          let (scalar, length) = UTF8Scalars.scalar(in: pieces.text, at: index)
          if let symbol = symbols[UInt64(scalar.value)] {
            text.append(.init(id: Int32(truncatingIfNeeded: symbol), start: Int32(truncatingIfNeeded: index)))
          } else if options.unknownId != nil || isSpelt(pieces.text[index..<index + length]) {
            text.append(.init(id: -1, start: Int32(truncatingIfNeeded: index)))
          }
          // Without it, its neighbours are next to each other.
          index += length
        }
        merges.apply(to: &text, &scratch)
        append(text, pieces.text, to: piece.range.upperBound, onto: &ids)
      }
    }
  }

  /// Whether all of `bytes` have tokens that may be used.
  private func isSpelt(_ bytes: ArraySlice<UInt8>) -> Bool {
    options.fallsBackToBytes && bytes.allSatisfy { byteIds[Int($0)] >= 0 }
  }

  /// Appends the tokens of `symbols`, whose text ends at `end`.
  @inline(__always)
  private func append(_ symbols: [PairMerges.Symbol], _ text: [UInt8], to end: Int, onto ids: inout [Int]) {
    var followsUnknown = false
    for (index, symbol) in symbols.enumerated() {
      if symbol.id >= 0, symbol.id < vocabulary.count {
        ids.append(Int(symbol.id))
        followsUnknown = false
        continue
      }
      // A symbol without a number is a single scalar. A symbol above the tokens reaches to the start of the next
      // symbol.
      let start = Int(symbol.start)
      let next = index + 1 < symbols.count ? Int(symbols[index + 1].start) : end
      let bytes = text[start..<(symbol.id < 0 ? start + UTF8Scalars.length(text[start]) : next)]
      if isSpelt(bytes) {
        for byte in bytes { ids.append(byteIds[Int(byte)]) }
        followsUnknown = false
      } else if let unknownId = options.unknownId {
        if !(followsUnknown && options.fusesUnknown) { ids.append(unknownId) }
        followsUnknown = true
      }
    }
  }
}
