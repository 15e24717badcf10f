import Zeroth

/// Sequences of tokens, one behind the other without padding.
///
/// A segment may continue another segment: its tokens then see those of the other, as if they followed it. So a prompt
/// is computed once for all of its candidates.
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
  /// The type of each token, for models that distinguish the two sentences of a pair.
  public private(set) var types: [Int] = []
  private(set) var segments: [Segment] = []
  /// The number of tokens of the longest sequence in the batch of which this one is a part; 0 where it is not a part.
  private var longestOfWhole = 0
  /// The cache with the keys and values that the segments continue; nil for none.
  private(set) var cache: KeyValueCache?
  /// For each segment the number of its sequence in `cache`. Where variants share the segments, these are the numbers
  /// for the first variant, then those for the next. Empty where the numbers are 0, 1 and so on.
  private var sequences: [Int] = []
  /// Whether each variant of a pass has its own tokens. The first segments are then those of the first variant, as many
  /// are those of the next, and so on. Otherwise all variants share the segments.
  private(set) var isApart = false

  /// An empty batch.
  public init() {}

  /// A batch of independent sequences.
  public init(_ sequences: [[Int]]) { for sequence in sequences { append(sequence) } }

  /// A batch whose segments continue the sequences of `cache`, one segment for each sequence, in order.
  init(_ sequences: [[Int]], continuing cache: KeyValueCache) {
    self.cache = cache
    for sequence in sequences { append(sequence) }
  }

  /// A batch of `sequences` that are new in `cache` and that all variants share. In the cache each variant has its own
  /// places, which `places` lists variant by variant.
  init(_ sequences: [[Int]], beginning places: [Int], of cache: KeyValueCache) {
    (self.cache, self.sequences) = (cache, places)
    for sequence in sequences { append(sequence) }
  }

  /// A batch with one more token for each of the sequences at `places` of `cache`. They are listed variant by variant,
  /// the same number for each variant.
  init(next tokens: [Int], at places: [Int], of cache: KeyValueCache) {
    (self.cache, sequences, isApart) = (cache, places, true)
    self.tokens = tokens
    positions = places.map(cache.count)
    types = tokens.map { _ in 0 }
    segments = tokens.indices.map { Segment(start: $0, count: 1, prefix: nil) }
  }

  /// The number in the cache of the sequence that segment `item` continues. `item` counts the segments of the first
  /// variant, then those of the next, and so on.
  func sequence(of item: Int) -> Int { sequences.isEmpty ? item : sequences[item] }

  /// The number of segments of all variants.
  func segmentCount(variants: Int) -> Int { isApart ? segments.count : variants * segments.count }

  /// The number of rows of activations that the tokens take with `variants` variants.
  func rowCount(variants: Int) -> Int { isApart ? tokens.count : variants * tokens.count }

  /// The number of tokens of the longest sequence of the batch, or of the whole batch of which it is a part.
  var longest: Int { max(longestOfWhole, (positions.max() ?? -1) + 1) }

  /// A batch that is a part of `whole`. It has no segments yet.
  init(partOf whole: TokenBatch) { longestOfWhole = whole.longest }

  /// Removes all segments. Their memory is kept for the segments that follow.
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

  /// Adds a segment. Where `prefix` is given, it continues segment number `prefix`, which may not continue another one.
  /// `types` are the types of its tokens, by default 0. Returns the number of the segment and the rows of its tokens.
  @discardableResult
  public mutating func append(
    _ sequence: [Int], types: [Int]? = nil, after prefix: Int? = nil
  ) -> (segment: Int, rows: Range<Int>) { append(sequence[...], types: types, after: prefix) }

  /// The same, for a part of an array.
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

  /// The number of tokens that segment `index` continues.
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
