import Zeroth

/// Sequences of tokens, packed one behind the other without padding.
///
/// A segment may continue another one: its tokens then see those of the other, as if they followed it. So a prompt is
/// computed once for all of its candidates.
public struct TokenBatch: Sendable {
  struct Segment: Sendable {
    let start: Int
    let count: Int
    /// The segment that this one continues.
    let prefix: Int?
  }

  /// All tokens, segment by segment.
  public private(set) var tokens: [Int] = []
  /// The position of each token in its sequence, from 0.
  public private(set) var positions: [Int] = []
  /// The type of each token, for models that tell the sentences of a pair apart.
  public private(set) var types: [Int] = []
  private(set) var segments: [Segment] = []
  /// Tokens of the longest sequence of the batch that this one is a part of; 0 if it is none.
  private var longestOfWhole = 0
  /// The keys and values of what segment after segment continues.
  private(set) var cache: KeyValueCache?
  /// The numbers of the sequences in `cache`, segment by segment, and of shared segments variant by variant; empty where they are
  /// 0, 1 and so on.
  private var sequences: [Int] = []
  /// Whether each variant of a pass has tokens of its own: the segments are then those of the first variant, as many of the next, and
  /// so on. Otherwise all variants share the segments.
  private(set) var isApart = false

  /// An empty batch.
  public init() {}

  /// A batch of independent sequences.
  public init(_ sequences: [[Int]]) { for sequence in sequences { append(sequence) } }

  /// A batch whose segments continue the sequences of `cache`, one each in their order.
  init(_ sequences: [[Int]], continuing cache: KeyValueCache) {
    self.cache = cache
    for sequence in sequences { append(sequence) }
  }

  /// A batch of `sequences` that are new to `cache`, which all variants share: of each variant they have places of their own there,
  /// variant by variant.
  init(_ sequences: [[Int]], beginning places: [Int], of cache: KeyValueCache) {
    (self.cache, self.sequences) = (cache, places)
    for sequence in sequences { append(sequence) }
  }

  /// A batch of one token more for each of the sequences at `places` of `cache`, variant by variant, as many each.
  init(next tokens: [Int], at places: [Int], of cache: KeyValueCache) {
    (self.cache, sequences, isApart) = (cache, places, true)
    self.tokens = tokens
    positions = places.map(cache.count)
    types = tokens.map { _ in 0 }
    segments = tokens.indices.map { Segment(start: $0, count: 1, prefix: nil) }
  }

  /// The number in the cache of the sequence that segment `item` continues; the segments of further variants are counted on.
  func sequence(of item: Int) -> Int { sequences.isEmpty ? item : sequences[item] }

  /// The segments of all variants.
  func segmentCount(variants: Int) -> Int { isApart ? segments.count : variants * segments.count }

  /// The rows of activations that the tokens take in so many variants.
  func rowCount(variants: Int) -> Int { isApart ? tokens.count : variants * tokens.count }

  /// Tokens of the longest sequence of the batch, or of the whole that it is a part of.
  var longest: Int { max(longestOfWhole, (positions.max() ?? -1) + 1) }

  /// A batch that is part of `whole`, without segments.
  init(partOf whole: TokenBatch) { longestOfWhole = whole.longest }

  /// Removes all segments; their memory stays for those that follow.
  public mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    positions.removeAll(keepingCapacity: true)
    types.removeAll(keepingCapacity: true)
    segments.removeAll(keepingCapacity: true)
    cache = nil
    sequences.removeAll()
    isApart = false
    longestOfWhole = 0
  }

  /// Adds a segment, which continues segment number `prefix` if one is given (that one continues none), with tokens of
  /// `types`, 0 where none are given. Returns its number and the rows of its tokens.
  @discardableResult
  public mutating func append(
    _ sequence: [Int], types: [Int]? = nil, after prefix: Int? = nil
  ) -> (segment: Int, rows: Range<Int>) { append(sequence[...], types: types, after: prefix) }

  /// The same for a part of an array.
  @discardableResult
  public mutating func append(
    _ sequence: ArraySlice<Int>, types: [Int]? = nil, after prefix: Int? = nil
  ) -> (segment: Int, rows: Range<Int>) {
    let start = tokens.count
    precondition(prefix.map { segments[$0].prefix == nil } ?? true, "a segment continues one that starts a sequence")
    precondition(types.map { $0.count == sequence.count } ?? true, "a type for each token")
    let first = cache?.count(of: self.sequence(of: segments.count)) ?? prefix.map { segments[$0].count } ?? 0
    tokens += sequence
    positions += first..<(first + sequence.count)
    if let types { self.types += types } else { self.types += repeatElement(0, count: sequence.count) }
    segments.append(Segment(start: start, count: sequence.count, prefix: prefix))
    return (segments.count - 1, start..<tokens.count)
  }

  /// How many tokens segment `index` continues.
  func prefixCount(of index: Int) -> Int {
    cache?.count(of: sequence(of: index)) ?? segments[index].prefix.map { segments[$0].count } ?? 0
  }

  /// Throws `InputError` for a token outside the vocabulary or a sequence longer than the model's.
  func validate(vocabulary: Int, context: Int) throws(InputError) {
    if let token = tokens.first(where: { !(0..<vocabulary).contains($0) }) {
      throw InputError("token", found: "\(token)", expected: "an id below the vocabulary's \(vocabulary)")
    }
    if let position = positions.max(), position >= context {
      throw InputError("sequence", found: "\(position + 1) tokens", expected: "at most the model's \(context)")
    }
  }
}
