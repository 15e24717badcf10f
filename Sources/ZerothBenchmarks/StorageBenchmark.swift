import CZeroth
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothSupport
import ZerothTraining

/// The time of forward passes of a causal model whose matrices stay as they are stored, over the time with the same
/// matrices in fp32. The two take turns.
public final class StorageBenchmark {
  /// The work that is timed.
  public struct Setting: Sendable {
    /// The number of sequences in the mini-batch.
    public var batch: Int
    /// The number of tokens in each sequence.
    public var tokens: Int
    /// Whether only the logits of the last position of each sequence are read out. Otherwise the loss of every token
    /// is.
    public var readsLastPosition: Bool
    /// Whether fp32 is measured too. This takes memory for all weights in fp32.
    public var comparesFloats: Bool

    /// The work with all its parts.
    public init(batch: Int, tokens: Int, readsLastPosition: Bool, comparesFloats: Bool) {
      self.batch = batch
      self.tokens = tokens
      self.readsLastPosition = readsLastPosition
      self.comparesFloats = comparesFloats
    }
  }

  private let name: String
  private let model: CausalModel
  private let setting: Setting
  private let storage: String
  /// The seconds of a forward pass with stored matrices.
  public let stored: Spread
  /// The seconds of a forward pass in fp32; nil where it was not measured.
  public let floats: Spread?

  /// Measures the model at `path`, a folder or a GGUF file.
  public convenience init(path: String, _ setting: Setting, repeats: Int, families: ModelFamilies) throws {
    guard let model = try loadModel(directory: path, families: families) as? CausalModel else {
      throw InputError("--model", found: "an encoder", expected: "a causal model")
    }
    let types = model.folder.storedTypes.map { "\($0.tensors) \($0.type)" }.joined(separator: ", ")
    try self.init(
      path, model, storage: types, setting, repeats: repeats, stored: { try model.loadFrozenParameters() },
      floats: { try model.loadParameters() })
  }

  /// Measures a model of `shape` with random codes of the format `name`. A matrix that the groups of the format do not
  /// divide gets the format that llama.cpp chooses in that case.
  public convenience init(shape: BenchmarkShape, storage name: String, _ setting: Setting, repeats: Int) throws {
    let format = try RandomCodes.format(name)
    let model = try shape.model()
    try self.init(
      shape.name, model, storage: format.rawValue, setting, repeats: repeats,
      stored: { try RandomCodes.parameters(of: model.folder, format, training: { _ in false }) },
      floats: { model.randomParameters(StreamKey(seed: 1)) })
  }

  private init(
    _ name: String, _ model: CausalModel, storage: String, _ setting: Setting, repeats: Int,
    stored: () throws -> ParameterStore, floats: () throws -> ParameterStore
  ) throws {
    try require("--repeats", repeats, "1 to 100000") { (1...100_000).contains($0) }
    try require("--batch", setting.batch, "1 to 65536") { (1...65536).contains($0) }
    try require("--tokens", setting.tokens, "2 to \(model.context), the context of the model") {
      (2...model.context).contains($0)
    }
    self.name = name
    self.model = model
    self.storage = storage
    self.setting = setting
    let batch = TokenBatch(
      (0..<setting.batch).map { row in
        (0..<setting.tokens).map { (row * 104_729 + $0 * 7919 + 11) % model.vocabulary }
      })
    let ends = (1...setting.batch).map { $0 * setting.tokens - 1 }
    let rows = (0..<batch.tokens.count).filter { !ends.contains($0) }
    let readout: Readout =
      setting.readsLastPosition
      ? .logits(rows: ends, ids: nil) : .logProbabilities(rows: rows, targets: rows.map { batch.tokens[$0 + 1] })
    let quantized = Held(try stored())
    if setting.comparesFloats {
      let wide = Held(try floats())
      let times = try interleaved(
        repeats,
        [
          { _ = try model.evaluate(batch, readout, at: quantized.theta) },
          { _ = try model.evaluate(batch, readout, at: wide.theta) },
        ])
      self.stored = times[0]
      self.floats = times[1]
    } else {
      self.stored = try interleaved(repeats, [{ _ = try model.evaluate(batch, readout, at: quantized.theta) }])[0]
      self.floats = nil
    }
  }

  private var count: Double { Double(setting.batch * setting.tokens) }

  /// The seconds with stored matrices over the seconds in fp32.
  public var ratio: Double? { floats.map { stored.median / $0.median } }

  /// The result as JSON.
  public var json: JSON {
    .object(
      [
        .init("model", .string(name)), .init("storage", .string(storage)), .init("batch", .int(setting.batch)),
        .init("tokens", .int(setting.tokens)), .init("last_position", .bool(setting.readsLastPosition)),
        .init("threads", .int(Parallel.threads)), .init("tokens_per_second", .double(count / stored.median)),
        .init("stored_over_float32", ratio.map { .double($0) } ?? .null),
      ] + stored.members("stored_seconds") + (floats?.members("float32_seconds") ?? [])
        + [.init("peak_memory_bytes", PeakMemory.bytes.map { .int($0) } ?? .null)])
  }

  /// The result as a table.
  public var text: String {
    var table = Table([.left(""), .right("seconds"), .right("tokens/s")])
    table.rows.append(["as stored", stored.text(4), Human.fixed(count / stored.median, 1)])
    if let floats { table.rows.append(["fp32", floats.text(4), Human.fixed(count / floats.median, 1)]) }
    return
      "\(name) (\(storage)), \(setting.batch) x \(setting.tokens) tokens, \(Parallel.threads) threads\n\n\(table.text)\n"
      + (ratio.map { "as stored over fp32: \(Human.fixed($0, 3))\n" } ?? "")
      + (PeakMemory.bytes.map { "peak memory: \(Human.bytes($0))\n" } ?? "")
  }
}

/// Weights that several closures share.
final class Held {
  let theta: ParameterStore

  init(_ theta: consuming ParameterStore) { self.theta = theta }
}
