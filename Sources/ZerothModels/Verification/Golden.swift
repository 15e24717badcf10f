import Foundation
import Zeroth
import ZerothSupport

/// Reference outputs of a checkpoint, read from a `golden.json` that was written with the reference library.
///
/// `kind` is `causal`, `masked`, `encoder` or `classifier`. For made-up inputs the file has `input_ids` and
/// `attention_mask` (padded on the right), for pairs also `token_type_ids`. Their outputs are `loss`, the mean
/// next-token loss over the real tokens, and `picks` at some rows and positions: logits, or the last hidden states of
/// an encoder; for a classifier the position is 0. For texts it has `texts` with `ids`, and `nll` or `mean_pooled`.
/// `greedy` is a continuation: its `ids` are those of the prompt and of what follows, or those of the prompt alone
/// where `continuation` has the rest. `gradients` are those of the loss by the tensors
/// (``CausalModel/compareGradients(with:at:)``).
public struct Golden: Decodable, Sendable {
  /// The kind of model for which it was made.
  public enum Kind: String, Decodable, Sendable { case causal, masked, encoder, classifier }
  struct Pick: Decodable, Sendable {
    let row: Int
    let position: Int
    let values: [Double]
  }
  struct Text: Decodable, Sendable {
    let text: String
    let ids: [Int]
    let nll: Double?
    let meanPooled: [Double]?

    enum CodingKeys: String, CodingKey {
      case text, ids, nll
      case meanPooled = "mean_pooled"
    }
  }
  struct Greedy: Decodable, Sendable {
    let prompt: String
    let ids: [Int]
    let continuation: [Int]?

    /// The tokens of the prompt and those that follow.
    var all: [Int] { ids + (continuation ?? []) }
  }

  let kind: Kind
  let inputIDs: [[Int]]?
  let attentionMask: [[Int]]?
  let tokenTypeIDs: [[Int]]?
  let picks: [Pick]?
  let loss: Double?
  let texts: [Text]?
  let greedy: Greedy?
  var gradients: [String: TensorGradient]?

  /// Whether it has texts, for which a tokenizer is needed.
  public var hasTexts: Bool { texts != nil }

  enum CodingKeys: String, CodingKey {
    case kind, picks, loss, texts, greedy, gradients
    case inputIDs = "input_ids"
    case attentionMask = "attention_mask"
    case tokenTypeIDs = "token_type_ids"
  }

  /// Reads `path`. Throws `InputError` when the file is not a golden file.
  public init(path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw InputError(path, found: "no file that can be read", expected: "reference outputs")
    }
    do {
      self = try JSONDecoder().decode(Golden.self, from: data)
    } catch let error as DecodingError {
      throw Self.described(error, path)
    }
    try Self.require(picks != nil || texts != nil, in: path)
    guard inputIDs != nil || attentionMask != nil || tokenTypeIDs != nil || picks != nil else {
      try Self.require(texts?.isEmpty == false, in: path)
      return
    }
    guard let inputIDs, let attentionMask, inputIDs.map(\.count) == attentionMask.map(\.count) else {
      throw InputError("\(path): attention_mask", found: "another shape", expected: "that of input_ids")
    }
    if let mask = attentionMask.first(where: { !$0.drop { $0 == 1 }.allSatisfy { $0 == 0 } }) {
      throw InputError(
        "\(path): attention_mask", found: "\(mask)".excerpt, expected: "ones, and zeros behind them, in each row")
    }
    guard tokenTypeIDs.map({ $0.map(\.count) == inputIDs.map(\.count) }) ?? true else {
      throw InputError("\(path): token_type_ids", found: "another shape", expected: "that of input_ids")
    }
    for pick in picks ?? [] {
      guard attentionMask.indices.contains(pick.row), attentionMask[pick.row].indices.contains(pick.position),
        attentionMask[pick.row][pick.position] == 1
      else {
        throw InputError(
          "\(path): picks", found: "row \(pick.row), position \(pick.position)", expected: "a token of input_ids")
      }
    }
    try Self.require(picks?.isEmpty == false || texts?.isEmpty == false, in: path)
  }

  private static func require(_ hasReferences: Bool, in path: String) throws(InputError) {
    guard hasReferences else {
      throw InputError(path, found: "neither picks nor texts", expected: "something to compare with")
    }
  }

  /// `error` in the form of an `InputError`: the field, what was found there, and what was expected.
  static func described(_ error: DecodingError, _ path: String) -> InputError {
    func field(_ keys: [any CodingKey]) -> String {
      keys.isEmpty
        ? path : "\(path): " + keys.map { $0.intValue.map { "\($0)" } ?? $0.stringValue }.joined(separator: ".")
    }
    return switch error {
    case .keyNotFound(let key, let context):
      InputError(field(context.codingPath + [key]), found: "no such field", expected: "a field of reference outputs")
    case .valueNotFound(let type, let context):
      InputError(field(context.codingPath), found: "null", expected: words(for: type))
    case .typeMismatch(let type, let context):
      InputError(field(context.codingPath), found: "a value of another kind", expected: words(for: type))
    case .dataCorrupted(let context):
      InputError(
        field(context.codingPath), found: context.debugDescription.excerpt, expected: "reference outputs as JSON")
    @unknown default: InputError(path, found: "\(error)".excerpt, expected: "reference outputs as JSON")
    }
  }

  private static func words(for type: any Any.Type) -> String {
    switch type {
    case is Int.Type: "an integer"
    case is Double.Type: "a number"
    case is String.Type: "a text"
    default: "\(type)".hasPrefix("Array") ? "a list" : "an object"
    }
  }

  func require(_ kinds: [Kind], of model: String) throws(InputError) {
    guard kinds.contains(kind) else {
      throw InputError(
        "reference outputs: kind", found: "'\(kind)'",
        expected: kinds.map { "'\($0)'" }.joined(separator: " or ") + ", for \(model)")
    }
  }

  /// The made-up inputs without their padding, and the row of each of `picks` in them.
  var batch: (batch: TokenBatch, rows: [Int], sequences: [[Int]]) {
    var batch = TokenBatch()
    var starts: [Int] = []
    var sequences: [[Int]] = []
    for (i, (ids, mask)) in zip(inputIDs ?? [], attentionMask ?? []).enumerated() {
      let count = mask.reduce(0, +)
      sequences.append(Array(ids.prefix(count)))
      starts.append(
        batch.append(Array(ids.prefix(count)), types: tokenTypeIDs.map { Array($0[i].prefix(count)) }).rows.lowerBound)
    }
    return (batch, (picks ?? []).map { starts[$0.row] + $0.position }, sequences)
  }
}

/// The differences between a model and its reference.
public struct GoldenComparison: Sendable {
  /// One quantity that was compared.
  public struct Check: Sendable {
    /// What was compared.
    public let name: String
    /// The number of values.
    public let count: Int
    /// The largest absolute difference.
    public let largest: Double
    /// The largest difference that is allowed.
    public let tolerance: Double
    /// Whether the difference is allowed. NaN is never allowed.
    public var passes: Bool { largest <= tolerance }
  }
  /// What was compared.
  public let checks: [Check]
  /// Whether all differences are allowed.
  public var passes: Bool { checks.allSatisfy(\.passes) }
}

extension CausalModel {
  /// Compares the model at `theta` with `golden`: logits to 1e-4, the mean loss to 1e-5, and the nll of texts to 1e-4.
  /// Where `tokenize` is given, the ids of the texts and the greedy continuation have to be equal.
  public func compare(
    with golden: Golden, at theta: borrowing ParameterStore, tokenize: ((String) -> [Int])? = nil
  ) throws -> GoldenComparison {
    try golden.require([.causal], of: "a causal language model")
    var checks: [GoldenComparison.Check] = []
    let (batch, rows, sequences) = golden.batch
    if let picks = golden.picks {
      let logits = try evaluate(batch, .logits(rows: rows, ids: nil), at: theta)[0]
      checks.append(.init("logits", logits, picks.flatMap(\.values), 1e-4))
    }
    if let loss = golden.loss {
      checks.append(.init("loss", [try meanLoss(sequences, at: theta)], [loss], 1e-5))
    }
    let texts = golden.texts ?? []
    let known = texts.compactMap { text in text.nll.map { (text.ids, $0) } }
    if !known.isEmpty {
      let nll = try known.map { try meanLoss([$0.0], at: theta) }
      checks.append(.init("nll of texts", nll, known.map(\.1), 1e-4))
    }
    guard let tokenize else { return GoldenComparison(checks: checks) }
    if !texts.isEmpty { checks.append(golden.tokenIDs(tokenize)) }
    if let greedy = golden.greedy {
      let prompt = tokenize(greedy.prompt)
      let generated = try generateGreedily(prompt, count: max(0, greedy.all.count - prompt.count), at: theta)
      let tokens = prompt + (generated ?? [])
      let wrong = zip(tokens, greedy.all).filter { $0 != $1 }.count + abs(tokens.count - greedy.all.count)
      checks.append(
        .init(
          name: "greedy continuation (tokens that differ)", count: greedy.all.count, largest: Double(wrong),
          tolerance: 0))
    }
    return GoldenComparison(checks: checks)
  }

  /// The mean next-token loss over the tokens of `sequences`.
  public func meanLoss(_ sequences: [[Int]], at theta: borrowing ParameterStore) throws(InputError) -> Double {
    var batch = TokenBatch()
    var rows: [Int] = []
    var targets: [Int] = []
    for sequence in sequences {
      rows += batch.append(sequence).rows.dropLast()
      targets += sequence.dropFirst()
    }
    let logs = try evaluate(batch, .logProbabilities(rows: rows, targets: targets), at: theta)[0]
    return -logs.reduce(0, +) / Double(max(1, logs.count))
  }
}

extension EncoderModel {
  /// Compares the model at `theta` with `golden`: logits, hidden states and pooled texts to 1e-4. Where `tokenize` is
  /// given, the ids of the texts have to be equal.
  public func compare(
    with golden: Golden, at theta: borrowing ParameterStore, tokenize: ((String) -> [Int])? = nil
  ) throws -> GoldenComparison {
    try golden.require([.masked, .encoder, .classifier], of: "an encoder")
    var checks: [GoldenComparison.Check] = []
    if let picks = golden.picks {
      let (batch, rows, _) = golden.batch
      let (readout, name): (EncoderReadout, String) =
        switch golden.kind {
        case .masked: (.logits(rows: rows, ids: nil), "logits")
        case .classifier: (.labelScores, "class scores")
        case .encoder, .causal: (.hidden(rows: rows), "hidden states")
        }
      var values = try evaluate(batch, readout, at: theta)[0]
      if golden.kind == .classifier {
        let scores = values.cut(into: batch.segments.count)
        values = picks.flatMap { scores[$0.row] }
      }
      checks.append(.init(name, values, picks.flatMap(\.values), 1e-4))
    }
    let texts = golden.texts ?? []
    let known = texts.compactMap { text in text.meanPooled.map { (text.ids, $0) } }
    if !known.isEmpty {
      let pooled = try evaluate(TokenBatch(known.map(\.0)), .pooled, at: theta)[0]
      checks.append(.init("pooled texts", pooled, known.flatMap(\.1), 1e-4))
    }
    if let tokenize, !texts.isEmpty { checks.append(golden.tokenIDs(tokenize)) }
    return GoldenComparison(checks: checks)
  }
}

extension Golden {
  /// The number of texts for which `tokenize` gives other ids.
  func tokenIDs(_ tokenize: (String) -> [Int]) -> GoldenComparison.Check {
    let wrong = (texts ?? []).filter { tokenize($0.text) != $0.ids }.count
    return .init(
      name: "token ids (texts that differ)", count: texts?.count ?? 0, largest: Double(wrong), tolerance: 0)
  }
}

extension GoldenComparison.Check {
  init(_ name: String, _ values: [Double], _ expected: [Double], _ tolerance: Double) {
    let differences = zip(values, expected).map { abs($0 - $1) }
    let isFinite = values.count == expected.count && differences.allSatisfy(\.isFinite)
    self.init(
      name: name, count: differences.count, largest: isFinite ? differences.max() ?? 0 : .infinity,
      tolerance: tolerance)
  }
}
