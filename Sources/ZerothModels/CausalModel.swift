import CZeroth
import Foundation
import Zeroth

/// A causal language model read from a folder in the Hugging Face format (`config.json` and safetensors).
///
/// The model holds the description and the memory for activations; the weights are a `ParameterStore` of its layout,
/// passed to each evaluation. Not for use by several threads at once.
public final class CausalModel {
  /// The folder that the model was read from; nil for one that was made from a configuration alone.
  public let directory: String?
  /// The configuration in `config.json`.
  public let configuration: ModelConfiguration
  /// The blocks of the parameters, named as in the checkpoint.
  public let layout: ParameterLayout
  /// Rows of the vocabulary.
  public var vocabulary: Int { architecture.vocabulary }
  /// The longest sequence, in tokens.
  public var context: Int { architecture.context }

  private let architecture: any CausalArchitecture
  private let checkpoint: Checkpoint?
  private let file: ConfigurationFile
  private let workspace = Workspace()

  /// Reads the configuration and checks that the checkpoint holds exactly its tensors, in its shapes.
  ///
  /// Throws `InputError` for an unsupported architecture, a missing or superfluous tensor, or a shape that disagrees.
  public convenience init(directory: String) throws {
    let file = try ConfigurationFile(directory: directory)
    _ = try ModelConfiguration(file)  // before the weights: an unsupported model is the clearer error
    try self.init(file, directory: directory, checkpoint: Checkpoint(directory: directory))
    try checkTensors(directory)
  }

  /// The model that `configuration` describes, without weights: for tests and benchmarks of any shape.
  public convenience init(configuration: ConfigurationFile) throws {
    try self.init(configuration, directory: nil, checkpoint: nil)
  }

  private init(_ file: ConfigurationFile, directory: String?, checkpoint: Checkpoint?) throws {
    self.file = file
    self.directory = directory
    self.checkpoint = checkpoint
    configuration = try ModelConfiguration(file)
    // Checkpoints of the bare decoder, such as opt-350m's first release, leave the prefix out.
    switch configuration {
    case .opt(let opt):
      let bare = checkpoint?.contains("decoder.embed_tokens.weight") ?? false
      architecture = OPT(opt, prefix: bare ? "" : "model.")
    case .llama(let llama):
      let bare = checkpoint?.contains("embed_tokens.weight") ?? false
      architecture = Llama(llama, prefix: bare ? "" : "model.")
    }
    layout = try ParameterLayout(architecture.entries)
  }

  private func checkTensors(_ directory: String) throws {
    guard let checkpoint else { return }
    for block in layout.blocks {
      guard checkpoint.contains(block.name) else {
        throw InputError(
          "\(directory): tensor '\(block.name)'", found: "no such tensor",
          expected: "one of \(shape(of: block)), as config.json says")
      }
      let info = try checkpoint.info(block.name)
      guard info.shape == shape(of: block) || info.shape == [block.rows, block.columns] else {
        throw InputError(
          "\(directory): tensor '\(block.name)'", found: "shape \(info.shape)",
          expected: "\(shape(of: block)), as config.json says")
      }
    }
    for name in checkpoint.names where layout[name] == nil && !architecture.isRedundant(name) {
      throw InputError(
        "\(directory): tensor '\(name)'", found: "a tensor that the model has no place for",
        expected: "the tensors that config.json describes")
    }
  }

  private func shape(of block: ParameterBlock) -> [Int] {
    block.columns == 1 ? [block.rows] : [block.rows, block.columns]
  }

  /// The weights of the checkpoint, converted to fp32; only the blocks of `selection` are trainable.
  ///
  /// Throws `InputError` when the model has no checkpoint, or the selection no block.
  public func loadParameters(training selection: BlockSelection = .all) throws -> ParameterStore {
    guard let checkpoint else {
      throw InputError(file.path, found: "a configuration without weights", expected: "a model folder")
    }
    var theta = ParameterStore(try layout.training(only: selection))
    for block in layout.blocks {
      try theta.withMutableBlock(block) { span in
        try span.withUnsafeMutableBufferPointer { try checkpoint.read(block.name, into: $0) }
      }
    }
    return theta
  }

  /// Weights drawn from `key`: normal with standard deviation 0.02, gains around 1.
  public func randomParameters(_ key: StreamKey) -> ParameterStore {
    var theta = ParameterStore(layout)
    theta.add(DenseDirection(key, layout: layout), scale: 0.02)
    for block in layout.blocks where block.role == .norm && block.name.hasSuffix("weight") {
      theta.withMutableBlock(block) { span in
        for i in 0..<span.count { span[i] += 1 }
      }
    }
    return theta
  }

  /// Writes the weights as fp32 with `config.json` and the tokenizer's files, to a folder that is made if need be.
  /// The weights come last, in one piece: a folder with `model.safetensors` is complete.
  public func save(_ theta: borrowing ParameterStore, to destination: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: destination, withIntermediateDirectories: true)
    } catch {
      throw InputError(destination, found: "a folder that cannot be made", expected: "a place to write the model to")
    }
    try file.writeAsFloat32(to: destination)
    if let directory { try copyTokenizerFiles(from: directory, to: destination) }
    let tensors = try layout.blocks.map { block in
      SafetensorsWriter.Tensor(name: block.name, shape: try checkpoint?.info(block.name).shape ?? shape(of: block))
    }
    var blocks = layout.blocks.makeIterator()
    try SafetensorsWriter.write(tensors, to: destination + "/" + Checkpoint.fileName) { _, write in
      guard let block = blocks.next() else { return }
      try theta.withBlock(block) { try $0.withUnsafeBufferPointer(write) }
    }
  }

  /// Reads out of the model at theta + offsets[v] `direction`, for all v in one pass that writes no weight:
  /// one array for each offset. Without a direction, theta alone.
  ///
  /// Throws `InputError` for a token outside the vocabulary or a sequence longer than the context.
  public func evaluate(
    _ batch: TokenBatch, _ readout: Readout, at theta: borrowing ParameterStore,
    along direction: (any Direction)? = nil,
    offsets: [Float] = [0]
  ) throws(InputError) -> [[Double]] {
    precondition(theta.layout.storageCount == layout.storageCount, "parameters of another model")
    try batch.validate(vocabulary: vocabulary, context: context)
    guard !readout.rows.isEmpty else { return offsets.map { _ in [] } }
    let weights = Weights(theta, along: direction, at: offsets, workspace: workspace)
    return workspace.scope {
      let output = architecture.output(batch, rows: readout.rows, weights)
      let head = weights.layout.blocks[architecture.head]
      switch readout {
      case .logits(_, let ids): return weights.logits(output, head, ids: ids)
      case .logProbabilities(_, let targets): return weights.logProbabilities(output, head, targets: targets)
      }
    }
  }

  /// Continues `prompt` by the most likely token, up to `count` times; `stop` ends it after the tokens so far.
  public func generateGreedily(
    _ prompt: [Int], count: Int, at theta: borrowing ParameterStore, stop: (_ generated: [Int]) -> Bool = { _ in false }
  ) throws(InputError) -> [Int] {
    var tokens = prompt
    while tokens.count < prompt.count + count, tokens.count < context {
      let logits = try evaluate(TokenBatch([tokens]), .logits(rows: [tokens.count - 1], ids: nil), at: theta)[0]
      guard let best = logits.indices.max(by: { logits[$0] < logits[$1] }) else { break }
      tokens.append(best)
      if stop(Array(tokens[prompt.count...])) { break }
    }
    return Array(tokens[prompt.count...])
  }
}
