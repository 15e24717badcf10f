import ZerothSupport

/// The special tokens that a model expects around one text.
struct SequenceTemplate: Sendable {
  var prefix: [Int] = []
  var suffix: [Int] = []

  init(prefix: [Int] = [], suffix: [Int] = []) {
    self.prefix = prefix
    self.suffix = suffix
  }

  /// The special tokens that `post_processor` puts around one text. Several processors are applied one after another.
  ///
  /// Throws ``InputError`` for an unknown type, for a template that does not contain exactly one text, and for ids
  /// without a token.
  init(_ part: JSONPart, _ vocabulary: Vocabulary) throws(InputError) {
    try extend(part)
    for id in prefix + suffix where vocabulary.bytes(of: id) == nil {
      throw InputError(part.subject, found: "id \(id)", expected: "an id of the vocabulary")
    }
  }

  private mutating func extend(_ part: JSONPart) throws(InputError) {
    let type = try part.type()
    switch type {
    case "ByteLevel": break
    case "Sequence":
      for part in try part.parts("processors") { try extend(part) }
    case "BertProcessing", "RobertaProcessing":
      prefix.insert(try Self.id(part, "cls"), at: 0)
      suffix.append(try Self.id(part, "sep"))
    case "TemplateProcessing":
      let template = try Self.template(part)
      prefix = template.prefix + prefix
      suffix += template.suffix
    default:
      throw part.unknownType(
        type, ["TemplateProcessing", "RobertaProcessing", "BertProcessing", "ByteLevel", "Sequence"])
    }
  }

  /// The id in a field such as `["[CLS]", 101]`.
  private static func id(_ part: JSONPart, _ key: String) throws(InputError) -> Int {
    guard let pair = try part.elements(key) else { throw part.missing(key, "[\"token\", id]") }
    guard pair.count == 2, pair[0].string != nil, let id = pair[1].integer else {
      throw InputError(
        part.subject(of: key), found: part.json[key]?.description.excerpt ?? "", expected: "[\"token\", id]")
    }
    return id
  }

  private static func template(_ part: JSONPart) throws(InputError) -> SequenceTemplate {
    var parts: [[Int]] = [[]]
    for piece in try part.parts("single") {
      if try piece.part("Sequence") != nil {
        parts.append([])
      } else if let token = try piece.part("SpecialToken") {
        parts[parts.count - 1] += try ids(of: try token.required("id"), part)
      } else {
        throw InputError(piece.subject, found: piece.json.description.excerpt, expected: "Sequence or SpecialToken")
      }
    }
    guard parts.count == 2 else {
      throw InputError(
        part.subject(of: "single"), found: "not one Sequence", expected: "the text, once, between special tokens")
    }
    return SequenceTemplate(prefix: parts[0], suffix: parts[1])
  }

  /// The ids of a special token that a template names.
  private static func ids(of name: String, _ part: JSONPart) throws(InputError) -> [Int] {
    let tokens = try part.part("special_tokens")
    guard let token = try tokens?.part(name) else {
      throw InputError(
        part.subject(of: "special_tokens"), found: "no '\(name.excerpt)'", expected: "every token that single names")
    }
    var ids: [Int] = []
    for id in try token.elements("ids") ?? [] {
      guard let id = id.integer else {
        throw InputError(token.subject(of: "ids"), found: id.summary, expected: "an integer")
      }
      ids.append(id)
    }
    return ids
  }
}
