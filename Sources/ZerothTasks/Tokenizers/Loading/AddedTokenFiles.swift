import Foundation
import ZerothSupport

/// Added tokens in files beside a tokenizer: `tokenizer_config.json` (`added_tokens_decoder`), which has all their
/// properties, and `added_tokens.json`, which has only their ids.
enum AddedTokenFiles {
  static func read(_ folder: TokenizerFolder) throws(InputError) -> [AddedToken] {
    var tokens: [AddedToken] = []
    var known: Set<[UInt8]> = []
    if let table = try folder.config?.part("added_tokens_decoder") {
      for member in table.json.members ?? [] {
        guard let id = Int(member.key), id >= 0 else {
          throw InputError(table.subject, found: "the key '\(member.key.excerpt)'", expected: "the id of a token")
        }
        let token = try AddedToken(
          try JSONPart(member.value, subject: table.subject(of: member.key)), id: id, source: table.subject)
        if known.insert(Array(token.content.utf8)).inserted { tokens.append(token) }
      }
    }
    if folder.has("added_tokens.json") {
      let file = try JSONPart(file: folder.file("added_tokens.json"))
      for member in file.json.members ?? [] {
        guard let id = member.value.integer else {
          throw InputError(
            file.subject(of: member.key.excerpt), found: member.value.summary, expected: "an integer, the token's id")
        }
        if known.insert(Array(member.key.utf8)).inserted {
          tokens.append(AddedToken(id: id, content: member.key, source: file.subject))
        }
      }
    }
    return tokens.sorted { $0.id < $1.id }
  }
}

extension Vocabulary {
  /// Adds `tokens`, and those of `others` that are not among them. Returns all of these.
  ///
  /// Throws ``InputError`` for a token that already has another id here, and for an id that already belongs to another
  /// token.
  mutating func adding(_ tokens: [AddedToken], others: [AddedToken]) throws(InputError) -> [AddedToken] {
    let known = Set(tokens.map { Array($0.content.utf8) })
    let all = tokens + others.filter { !known.contains(Array($0.content.utf8)) }
    for token in all where !token.content.isEmpty {
      guard let id = id(of: token.content) else {
        try add(token.content, id: token.id, subject: token.source)
        continue
      }
      guard id == token.id else {
        throw InputError(
          "\(token.source) '\(token.content.excerpt)'", found: "id \(token.id)",
          expected: "\(id), its id in the vocabulary")
      }
    }
    return all
  }
}
