import Foundation
import Zeroth

/// Reference outputs of a checkpoint, from a `golden.json` that the reference library made.
///
/// For made inputs: `input_ids` and `attention_mask` (right padded), `picks` (the logits at some rows and positions)
/// and `loss` (mean next-token loss over the real tokens). For texts: `texts` with `ids` and `nll`, and `greedy`.
public struct Golden: Decodable, Sendable {
  struct Pick: Decodable, Sendable {
    let row: Int
    let position: Int
    let values: [Double]
  }
  struct Text: Decodable, Sendable {
    let text: String
    let ids: [Int]
    let nll: Double?
  }
  struct Greedy: Decodable, Sendable {
    let prompt: String
    let ids: [Int]
    let text: String
  }

  let kind: String
  let inputIDs: [[Int]]?
  let attentionMask: [[Int]]?
  let picks: [Pick]?
  let loss: Double?
  let texts: [Text]?
  let greedy: Greedy?

  /// Whether it has texts, for which a tokenizer is needed.
  public var hasTexts: Bool { texts != nil }

  enum CodingKeys: String, CodingKey {
    case kind, picks, loss, texts, greedy
    case inputIDs = "input_ids"
    case attentionMask = "attention_mask"
  }

  /// Reads `path`. Throws `InputError` when it is no golden file of a causal language model.
  public init(path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw InputError(path, found: "no file that can be read", expected: "reference outputs")
    }
    do {
      self = try JSONDecoder().decode(Golden.self, from: data)
    } catch {
      throw InputError(path, found: "\(error)".prefix(200).description, expected: "reference outputs as JSON")
    }
    guard kind == "causal" else {
      throw InputError("\(path): kind", found: "'\(kind)'", expected: "'causal', the kind of model read here")
    }
    guard picks != nil || texts != nil else {
      throw InputError(path, found: "neither picks nor texts", expected: "something to compare with")
    }
    if let picks {
      guard let inputIDs, let attentionMask, inputIDs.map(\.count) == attentionMask.map(\.count) else {
        throw InputError("\(path): attention_mask", found: "another shape", expected: "that of input_ids")
      }
      for pick in picks {
        guard attentionMask.indices.contains(pick.row), attentionMask[pick.row].indices.contains(pick.position),
          attentionMask[pick.row][pick.position] == 1
        else {
          throw InputError(
            "\(path): picks", found: "row \(pick.row), position \(pick.position)", expected: "a token of input_ids")
        }
      }
    }
  }
}

/// How far a model is from its reference.
public struct GoldenComparison: Sendable {
  /// One quantity that was compared.
  public struct Check: Sendable {
    /// What was compared.
    public let name: String
    /// How many values.
    public let count: Int
    /// The largest absolute difference.
    public let largest: Double
    /// What is allowed.
    public let tolerance: Double
    /// Whether the difference is allowed; a NaN never is.
    public var passes: Bool { largest <= tolerance }
  }
  /// What was compared.
  public let checks: [Check]
  /// Whether all differences are allowed.
  public var passes: Bool { checks.allSatisfy(\.passes) }
}

extension CausalModel {
  /// Compares the model at `theta` with `golden`: logits to 1e-4, the mean loss to 1e-5, the nll of texts to 1e-4,
  /// and, where `tokenize` is given, the ids of the texts and the greedy continuation exactly.
  public func compare(
    with golden: Golden, at theta: borrowing ParameterStore, tokenize: ((String) -> [Int])? = nil
  ) throws -> GoldenComparison {
    var checks: [GoldenComparison.Check] = []
    if let ids = golden.inputIDs, let mask = golden.attentionMask {
      let sequences = zip(ids, mask).map { ids, mask in Array(ids.prefix(mask.reduce(0, +))) }
      let batch = TokenBatch(sequences)
      let starts = sequences.indices.map { sequences[..<$0].reduce(0) { $0 + $1.count } }
      if let picks = golden.picks {
        let rows = picks.map { starts[$0.row] + $0.position }
        let logits = try evaluate(batch, .logits(rows: rows, ids: nil), at: theta)[0]
        let expected = picks.flatMap(\.values)
        checks.append(.init("logits", zip(logits, expected), expected.count == logits.count, 1e-4))
      }
      if let loss = golden.loss {
        checks.append(.init("loss", zip([try meanLoss(sequences, at: theta)], [loss]), true, 1e-5))
      }
    }
    let texts = golden.texts ?? []
    let known = texts.compactMap { text in text.nll.map { (text.ids, $0) } }
    if !known.isEmpty {
      let nll = try known.map { try meanLoss([$0.0], at: theta) }
      checks.append(.init("nll of texts", zip(nll, known.map(\.1)), true, 1e-4))
    }
    guard let tokenize else { return GoldenComparison(checks: checks) }
    if !texts.isEmpty {
      let wrong = texts.filter { tokenize($0.text) != $0.ids }.count
      checks.append(
        .init(name: "token ids (texts that differ)", count: texts.count, largest: Double(wrong), tolerance: 0))
    }
    if let greedy = golden.greedy {
      let prompt = tokenize(greedy.prompt)
      let generated = try generateGreedily(prompt, count: max(0, greedy.ids.count - prompt.count), at: theta)
      let tokens = prompt + generated
      let wrong = zip(tokens, greedy.ids).filter { $0 != $1 }.count + abs(tokens.count - greedy.ids.count)
      checks.append(
        .init(
          name: "greedy continuation (tokens that differ)", count: greedy.ids.count, largest: Double(wrong),
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

extension GoldenComparison.Check {
  init(_ name: String, _ pairs: Zip2Sequence<[Double], [Double]>, _ countsAgree: Bool, _ tolerance: Double) {
    let differences = pairs.map { abs($0 - $1) }
    let isFinite = countsAgree && differences.allSatisfy(\.isFinite)
    self.init(
      name: name, count: differences.count, largest: isFinite ? differences.max() ?? 0 : .infinity,
      tolerance: tolerance)
  }
}
