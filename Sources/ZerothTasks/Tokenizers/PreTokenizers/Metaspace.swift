import ZerothSupport

/// Writes spaces as a visible character, and cuts the text in front of this character.
struct Metaspace: PreTokenizer {
  /// When the character is put in front of a text that does not begin with it.
  enum Prepending: String, CaseIterable {
    case always, never
    /// Only at the beginning of the whole text.
    case first
  }

  private let replacement: [UInt8]
  private let prepending: Prepending
  private let splits: Bool

  init(_ part: JSONPart) throws(InputError) {
    replacement = Array(String(try part.scalar("replacement")).utf8)
    prepending = try Self.prepending(part)
    splits = try part.bool("split") ?? true
  }

  /// A part that does not come from a file.
  init(prepending: Prepending) {
    replacement = Array("\u{2581}".utf8)
    self.prepending = prepending
    splits = false
  }

  /// The field `prepend_scheme`, or what older files express by `add_prefix_space`.
  static func prepending(_ part: JSONPart) throws(InputError) -> Prepending {
    let name = try part.string("prepend_scheme")
    guard let scheme = Prepending(rawValue: name ?? "always") else {
      throw InputError(
        "\(part.subject).prepend_scheme", found: "'\((name ?? "").excerpt)'", expected: "always, first or never")
    }
    guard try part.bool("add_prefix_space") == false else { return scheme }
    guard name == nil || scheme == .never else {
      throw InputError(
        "\(part.subject).add_prefix_space", found: "false beside prepend_scheme '\(scheme.rawValue)'",
        expected: "the same in both")
    }
    return .never
  }

  var growth: Int { 1 + replacement.count }

  func cut(_ pieces: inout Pieces) {
    let replacement = replacement
    pieces.rewrite { text, range, startsText, rewritten in
      let start = rewritten.count
      for byte in text[range] {
        if byte == 0x20 { rewritten += replacement } else { rewritten.append(byte) }
      }
      guard prepending == .always || (prepending == .first && startsText) else { return }
      if !rewritten[start...].starts(with: replacement) { rewritten.insert(contentsOf: replacement, at: start) }
    }
    if splits { pieces.cut { SplitBehavior.mergedWithNext.cut($0, $1, at: .literal(replacement), into: &$2) } }
  }
}
