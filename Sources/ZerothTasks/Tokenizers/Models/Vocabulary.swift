import ZerothSupport

/// Maps tokens to ids and ids to tokens.
///
/// Tokens are compared by their UTF-8 bytes. Swift compares strings by canonical equivalence, under which the distinct
/// tokens "é" and "e" + U+0301 would be equal. There may be gaps between ids, as in some checkpoints.
struct Vocabulary: Sendable {
  /// The bytes of all tokens, one behind the other.
  private var bytes: [UInt8] = []
  /// The range of each id's token in `bytes`; nil where no token has the id.
  private var places: [Range<Int32>?] = []
  /// The ids in a hash table with open addressing, by the hash of their tokens; -1 for a free slot.
  private var slots: [Int32] = Array(repeating: -1, count: 16)
  private var tokens = 0

  /// One more than the highest id.
  var count: Int { places.count }

  /// A vocabulary of `entries`.
  ///
  /// - Parameter subject: the file and field that the entries come from, for the errors.
  /// - Throws: ``InputError`` where there are no entries, for an id that occurs twice, is negative or is far above the
  ///   number of tokens, and for a token that occurs twice.
  init(_ entries: [(token: String, id: Int)], subject: String) throws(InputError) {
    guard !entries.isEmpty else { throw InputError(subject, found: "no token", expected: "at least one") }
    let most = 2 * entries.count + 65536
    for (token, id) in entries { try add(Array(token.utf8), id, below: most, subject: subject) }
  }

  /// Adds a token. Throws ``InputError`` in the same cases as the initializer.
  mutating func add(_ token: String, id: Int, subject: String) throws(InputError) {
    try add(Array(token.utf8), id, below: 2 * tokens + 65536, subject: subject)
  }

  private mutating func add(_ token: [UInt8], _ id: Int, below most: Int, subject: String) throws(InputError) {
    func spelled(_ token: some Sequence<UInt8>) -> String {
      "'\(String(decoding: Array(token), as: UTF8.self).excerpt)'"
    }
    guard (0..<most).contains(id) else {
      throw InputError(
        subject, found: "id \(id) of \(spelled(token))", expected: "an id of 0 to \(most - 1) among so few tokens")
    }
    while places.count <= id { places.append(nil) }
    if let other = places[id] {
      throw InputError(
        subject, found: "id \(id) for both \(spelled(slice(other))) and \(spelled(token))",
        expected: "one token for each id")
    }
    if let other = self.id(of: token) {
      throw InputError(
        subject, found: "\(spelled(token)) with ids \(other) and \(id)", expected: "one id for each token")
    }
    guard bytes.count + token.count <= Int(Int32.max) else {
      throw InputError(subject, found: "tokens of more than 2 GiB", expected: "fewer")
    }
    places[id] = Int32(bytes.count)..<Int32(bytes.count + token.count)
    bytes += token
    tokens += 1
    if 2 * tokens > slots.count { rehash(2 * slots.count) } else { place(Int32(id)) }
  }

  private func slice(_ place: Range<Int32>) -> ArraySlice<UInt8> {
    bytes[Int(place.lowerBound)..<Int(place.upperBound)]
  }

  // MARK: Look-ups

  func id(of token: String) -> Int? { id(of: Array(token.utf8)) }

  func id(of token: [UInt8]) -> Int? { id(of: token, token.indices) }

  /// The id of the token `text[range]`.
  func id(of text: [UInt8], _ range: Range<Int>) -> Int? {
    var slot = Self.hash(text, range) & (slots.count - 1)
    while slots[slot] >= 0 {
      if let place = places[Int(slots[slot])], place.count == range.count {
        let start = Int(place.lowerBound)
        var index = 0
        while index < range.count, bytes[start + index] == text[range.lowerBound + index] { index += 1 }
        if index == range.count { return Int(slots[slot]) }
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  /// The UTF-8 bytes of a token; nil for an id without one.
  func bytes(of id: Int) -> [UInt8]? { places.indices.contains(id) ? places[id].map { Array(slice($0)) } : nil }

  func token(of id: Int) -> String? { bytes(of: id).map { String(decoding: $0, as: UTF8.self) } }

  /// The id of a required token.
  func required(_ token: String, subject: String) throws(InputError) -> Int {
    guard let id = id(of: token) else {
      throw InputError(
        subject, found: "'\(token.excerpt)', which is not in the vocabulary", expected: "a token of the vocabulary")
    }
    return id
  }

  // MARK: Hashing

  private mutating func rehash(_ size: Int) {
    slots = Array(repeating: -1, count: size)
    for id in places.indices where places[id] != nil { place(Int32(id)) }
  }

  private mutating func place(_ id: Int32) {
    guard let range = places[Int(id)] else { return }
    var slot = Self.hash(bytes, Int(range.lowerBound)..<Int(range.upperBound)) & (slots.count - 1)
    while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = id
  }

  /// The FNV-1a hash, with its bits mixed once more.
  @inline(__always)
  private static func hash(_ text: [UInt8], _ range: Range<Int>) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for index in range { hash = (hash ^ UInt64(text[index])) &* 0x100_0000_01B3 }
    return Int(truncatingIfNeeded: ((hash ^ hash >> 32) &* 0x9E37_79B9_7F4A_7C15) >> 32)
  }
}
