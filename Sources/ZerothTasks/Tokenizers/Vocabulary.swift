import Zeroth

/// Tokens by id and ids by token.
///
/// Tokens are compared by their UTF-8 bytes: Swift compares strings by canonical equivalence, under which the distinct
/// tokens "é" and "e" + U+0301 would be one.
struct Vocabulary: Sendable {
  private let tokens: [[UInt8]]
  private let ids: [[UInt8]: Int]

  var count: Int { tokens.count }

  /// A vocabulary of `entries`, whose ids must be `0 ..< entries.count` in any order.
  ///
  /// - Parameter subject: the file and field that the entries come from, for the errors.
  /// - Throws: ``InputError`` for an id that is missing, given twice or negative, and for a token given twice.
  init(_ entries: [(token: String, id: Int)], subject: String) throws(InputError) {
    guard !entries.isEmpty else { throw InputError(subject, found: "no token", expected: "at least one") }
    var tokens = [[UInt8]?](repeating: nil, count: entries.count)
    var ids = [[UInt8]: Int](minimumCapacity: entries.count)
    for (token, id) in entries {
      guard tokens.indices.contains(id) else {
        throw InputError(
          subject, found: "id \(id) of '\(token)' among \(entries.count) tokens",
          expected: "the ids 0 to \(entries.count - 1), each once")
      }
      if let other = tokens[id] {
        throw InputError(
          subject, found: "id \(id) for both '\(String(decoding: other, as: UTF8.self))' and '\(token)'",
          expected: "one token for each id")
      }
      let bytes = Array(token.utf8)
      if let other = ids.updateValue(id, forKey: bytes) {
        throw InputError(subject, found: "'\(token)' with ids \(other) and \(id)", expected: "one id for each token")
      }
      tokens[id] = bytes
    }
    self.tokens = tokens.compactMap { $0 }
    self.ids = ids
  }

  func id(of token: String) -> Int? { ids[Array(token.utf8)] }

  func id(of bytes: [UInt8]) -> Int? { ids[bytes] }

  /// The UTF-8 bytes of a token; nil outside the vocabulary.
  func bytes(of id: Int) -> [UInt8]? { tokens.indices.contains(id) ? tokens[id] : nil }

  func token(of id: Int) -> String? { bytes(of: id).map { String(decoding: $0, as: UTF8.self) } }

  /// The id of a token that must be there.
  func required(_ token: String, subject: String) throws(InputError) -> Int {
    guard let id = id(of: token) else {
      throw InputError(
        subject, found: "'\(token)', which is not in the vocabulary", expected: "a token of the vocabulary")
    }
    return id
  }
}
