import CZeroth
import Zeroth

/// A causal language model read from a folder in the Hugging Face format (`config.json` and safetensors): OPT or Llama.
public final class CausalModel: PretrainedModel {
  /// The folder that the model was read from, with the layout of its blocks.
  public let folder: ModelFolder
  /// Rows of the vocabulary.
  public var vocabulary: Int { architecture.vocabulary }
  /// The longest sequence, in tokens.
  public var context: Int { architecture.context }
  /// The block whose rows give the logits.
  public var outputBlock: ParameterBlock? { layout.blocks[architecture.head] }
  /// The memory that the activations of a pass are to stay within, in bytes.
  public var activationMemory = defaultActivationMemory
  /// Floats that a pass takes for a token at a point, at most.
  public var activationsPerRow: Int { architecture.activationsPerRow }

  private let architecture: any CausalArchitecture
  let workspace = Workspace()

  /// Reads the configuration and checks that the checkpoint holds exactly its tensors, in its shapes.
  ///
  /// Throws `InputError` for an unsupported architecture, a missing or superfluous tensor, or a shape that disagrees.
  public convenience init(directory: String) throws { try self.init(ModelFolder.Source(directory: directory)) }

  /// The model that `configuration` describes, without weights: for tests and benchmarks of any shape.
  public convenience init(configuration: ConfigurationFile) throws { try self.init(ModelFolder.Source(configuration)) }

  private init(_ source: ModelFolder.Source) throws {
    // Checkpoints of the bare decoder, such as opt-350m's first release, leave the prefix out.
    switch source.configuration {
    case .opt(let opt):
      architecture = OPT(opt, prefix: source.contains("decoder.embed_tokens.weight") ? "" : "model.")
    case .llama(let llama):
      architecture = Llama(llama, prefix: source.contains("embed_tokens.weight") ? "" : "model.")
    case .bert, .roberta:
      throw InputError(
        "\(source.file.path): model_type", found: "an encoder", expected: "a causal language model: opt or llama")
    }
    folder = try ModelFolder(source, entries: architecture.entries, isRedundant: architecture.isRedundant)
  }

  /// Reads out of the model at theta + offsets[v] `direction`, for all v in one pass that writes no weight:
  /// one array for each offset. Without a direction, theta alone.
  ///
  /// Throws `InputError` for a token outside the vocabulary or a sequence longer than the context.
  public func evaluate(
    _ batch: TokenBatch, _ readout: Readout, at theta: borrowing ParameterStore,
    along direction: (any Direction)? = nil, offsets: Few<Float> = [0]
  ) throws(InputError) -> [[Double]] {
    try evaluate(batch, readout, from: theta, at: Points(along: direction, at: offsets))
  }

  /// Reads out of the model at each of `points`, without writing a weight: one array for each.
  public func evaluate(
    _ batch: TokenBatch, _ readout: Readout, from theta: borrowing ParameterStore, at points: Points
  ) throws(InputError) -> [[Double]] {
    var values: [Double] = []
    try evaluate(batch, readout, from: theta, at: points, into: &values)
    return values.cut(into: points.count)
  }

  /// The same, the values of a point behind those of the one before, in place of what stands in `values`.
  package func evaluate(
    _ batch: TokenBatch, _ readout: Readout, from theta: borrowing ParameterStore, at points: Points,
    into values: inout [Double]
  ) throws(InputError) {
    precondition(theta.layout.storageCount == layout.storageCount, "parameters of another model")
    try batch.validate(vocabulary: vocabulary, context: context)
    try readout.validate(rows: batch.tokens.count, vocabulary: vocabulary)
    values.removeAll(keepingCapacity: true)
    guard !readout.rows.isEmpty else { return }
    // What continues sequences in a cache was cut when it was begun.
    guard batch.tokens.count > activationRows, batch.cache == nil else {
      return append(batch, readout, theta, points, to: &values)
    }
    try batch.readOut(
      readout, inMicroBatchesOf: activationRows, points: points.count, into: &values
    ) { batch, readout, values throws(InputError) in append(batch, readout, theta, points, to: &values) }
  }

  private func append(
    _ batch: TokenBatch, _ readout: Readout, _ theta: borrowing ParameterStore, _ points: Points,
    to values: inout [Double]
  ) {
    for group in PointGroups(points, rows: batch.tokens.count, limit: activationRows) {
      let weights = Weights(theta, at: points, group, workspace: workspace)
      workspace.scope {
        let output = architecture.output(batch, rows: readout.rows, weights)
        let head = weights.layout.blocks[architecture.head]
        switch readout {
        case .logits(_, let ids): weights.appendLogits(output, head, ids: ids, to: &values)
        case .logProbabilities(_, let targets):
          weights.appendLogProbabilities(output, head, targets: targets, to: &values)
        }
      }
    }
  }
}
