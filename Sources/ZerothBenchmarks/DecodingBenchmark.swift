import CZeroth
import Zeroth
import ZerothModels
import ZerothSupport
import ZerothTraining

/// The time of greedy decoding of one sequence, compared with a lower limit.
///
/// Each token needs every matrix once, and a matrix that does not fit into a cache must come from memory. No program
/// can therefore be faster than a loop that only reads the bytes of the matrices with the same threads. This loop is
/// the limit. It is measured in turn with the decoding.
public final class DecodingBenchmark {
  private let name: String
  private let storage: String
  private let prompt, tokens: Int
  /// The number of bytes that must be read for one token.
  public let bytes: Int
  /// The seconds of one token, and the seconds to read its bytes.
  public let token, reading: Spread

  /// Measures the model at `path`, a folder or a GGUF file. The weights are as stored, or in fp32 if `isWidened`.
  /// `tokens` new tokens follow a prompt of `prompt` tokens.
  public init(
    path: String, isWidened: Bool, prompt: Int, tokens: Int, repeats: Int, families: ModelFamilies
  ) throws {
    guard let model = try loadModel(directory: path, families: families) as? CausalModel else {
      throw InputError("--model", found: "an encoder", expected: "a causal model")
    }
    try require("--repeats", repeats, "1 to 100000") { (1...100_000).contains($0) }
    try require("--prompt-tokens", prompt, "at least 1") { $0 >= 1 }
    try require("--tokens", tokens, "2 to \(model.context - prompt), what the context leaves") {
      $0 >= 2 && $0 <= model.context - prompt
    }
    name = path
    (self.prompt, self.tokens) = (prompt, tokens)
    storage =
      isWidened
      ? "fp32" : model.folder.storedTypes.map { "\($0.tensors) \($0.type)" }.joined(separator: ", ")
    let weights: Held
    if isWidened {
      weights = Held(try model.loadParameters())
    } else {
      weights = Held(try model.loadFrozenParameters())
    }
    let ids = (0..<prompt).map { ($0 * 7919 + 11) % model.vocabulary }
    // A token reads only one row of an embedding table, so the table is left out, unless it is the output layer too.
    let read = model.layout.blocks.filter { block in
      block.index == model.outputBlock?.index || (block.role != .embedding && block.role != .position)
    }
    let stored = weights.theta.stored()
    let pieces = read.flatMap { block in
      let bytes = stored.bytes(of: block)
      return stride(from: 0, to: bytes.count, by: 1 << 16).map { first in
        Piece(start: UInt(bitPattern: bytes.baseAddress) + UInt(first), count: min(1 << 16, bytes.count - first))
      }
    }
    bytes = pieces.reduce(0) { $0 + $1.count }
    let times = try interleavedTimes(
      repeats,
      [
        { _ = try model.generateGreedily(ids, count: tokens, at: weights.theta) },
        { _ = try model.generateGreedily(ids, count: 1, at: weights.theta) },
        {
          Parallel.forEach(pieces.count, with: pieces) { pieces, i, _ in
            let piece = pieces[i]
            guard let start = UnsafeRawPointer(bitPattern: piece.start) else { return }
            _ = zeroth_read_bytes(start, piece.count)
          }
        },
      ])
    // The pass over the prompt already gives the first token.
    token = Spread(zip(times[0], times[1]).map { ($0 - $1) / Double(tokens - 1) })
    reading = Spread(times[2])
  }

  private struct Piece: Sendable {
    let start: UInt
    let count: Int
  }

  /// The measured tokens per second over those of the limit.
  public var ratio: Double { reading.median / token.median }

  /// The result as JSON.
  public var json: JSON {
    .object(
      [
        .init("model", .string(name)), .init("storage", .string(storage)), .init("prompt_tokens", .int(prompt)),
        .init("tokens", .int(tokens)), .init("threads", .int(Parallel.threads)), .init("bytes", .int(bytes)),
        .init("tokens_per_second", .double(1 / token.median)),
        .init("limit_tokens_per_second", .double(1 / reading.median)),
        .init("bytes_per_second", .double(Double(bytes) / reading.median)), .init("over_limit", .double(ratio)),
      ] + token.members("token_seconds") + reading.members("reading_seconds"))
  }

  /// The result as a table.
  public var text: String {
    var table = Table([.left(""), .right("milliseconds"), .right("tokens/s")])
    table.rows.append(["a token", token.scaled(by: 1000).text(3), Human.fixed(1 / token.median, 1)])
    table.rows.append(["reading the weights", reading.scaled(by: 1000).text(3), Human.fixed(1 / reading.median, 1)])
    return """
      \(name) (\(storage)), \(tokens) tokens behind \(prompt), \(Parallel.threads) threads

      \(table.text)
      weights: \(Human.bytes(bytes)), read at \(Human.bytes(Int(Double(bytes) / reading.median))) a second
      decoding over the limit of reading the weights once: \(Human.fixed(ratio, 3))

      """
  }
}
