import CZeroth
import Zeroth

/// A causal language model read from a folder in the Hugging Face format (`config.json` and safetensors).
public final class CausalModel: PretrainedModel {
  /// The folder that the model was read from, with the layout of its blocks.
  public private(set) var folder: ModelFolder
  /// What the model is made of.
  public var description: DecoderDescription { decoder.description }
  /// The tokens that end a text: those of `config.json` and of `generation_config.json`, where there is one.
  public let endTokens: Set<Int>
  /// What it is made of, in words.
  public var summary: [(about: String, words: String)] { description.summary }
  /// Rows of the vocabulary.
  public var vocabulary: Int { decoder.vocabulary }
  /// The longest sequence, in tokens.
  public var context: Int { decoder.context - frontTokens }
  /// The block whose rows give the logits.
  public var outputBlock: ParameterBlock? { layout.blocks[decoder.head] }
  /// The memory that the activations of a pass are to stay within, in bytes.
  public var activationMemory = defaultActivationMemory
  /// Floats that a pass takes for a token at a point, at most.
  public var activationsPerRow: Int { decoder.activationsPerRow }

  let decoder: Decoder
  /// Whether gradients compute the layers' activations anew instead of keeping them: less memory for more time.
  public var recomputesActivations: Bool {
    get { gradients.recomputes }
    set { gradients.recomputes = newValue }
  }

  let workspace = Workspace()
  private let gradients = GradientMemory()

  /// Reads the configuration and checks that the checkpoint holds exactly its tensors, in its shapes.
  ///
  /// Throws `InputError` for a model of none of `families`, a missing or superfluous tensor, or a shape that disagrees.
  public convenience init(directory: String, families: ModelFamilies = .standard) throws {
    try self.init(ModelFolder.Source(directory: directory, families))
  }

  /// The model that `configuration` describes, without weights: for tests and benchmarks of any shape.
  public convenience init(configuration: ConfigurationFile, families: ModelFamilies = .standard) throws {
    try self.init(ModelFolder.Source(configuration, families))
  }

  /// Tunes the model as `source` says; throws `InputError` for what it lacks, and where it is tuned already.
  public func attach(_ source: TuningSource) throws { try folder.attach(source) }

  init(_ source: ModelFolder.Source) throws {
    let (description, tensors) = try source.families.decoder(source.file)
    decoder = try Decoder(description, tensors, source)
    folder = try ModelFolder(source, decoder)
    endTokens = try Set(description.tokens.ends + source.generationEnds())
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

  /// Adds the gradient of sum_i a_i v_i by the trainable blocks at theta to `gradient`, where v are the values that `readout`
  /// reads out of `batch` and a what `adjoints` gives for them.
  ///
  /// Throws `InputError` as `evaluate` does, and what `adjoints` throws.
  package func addGradient(
    of readout: Readout, _ batch: TokenBatch, at theta: borrowing ParameterStore, to gradient: inout StoredVector,
    adjoints: ([Double]) throws(InputError) -> [Double]
  ) throws(InputError) {
    precondition(theta.layout.storageCount == layout.storageCount, "parameters of another model")
    try batch.validate(vocabulary: vocabulary, context: context)
    try readout.validate(rows: batch.tokens.count, vocabulary: vocabulary)
    guard !readout.rows.isEmpty else { return }
    let plan = folder.tuning?.plan
    let recorded = decoder.recordedPerRow(recomputing: recomputesActivations)
    try gradients.add(
      readout, of: batch, limit: max(1, activationMemory / (recorded * MemoryLayout<Float>.stride)), in: workspace,
      layout: layout, to: &gradient,
      evaluate: { () throws(InputError) in try evaluate(batch, readout, from: theta, at: .theta)[0] },
      adjoints: adjoints,
      record: { batch, readout, tape in
        var values: [Double] = []
        append(
          batch, readout, Weights(theta, at: .theta, 0..<1, tuning: plan, workspace: workspace, tape: tape), to: &values
        )
        return values
      })
  }

  /// Computes the layers of `batch` at theta for the keys and values that its cache keeps.
  public func computeKeys(of batch: TokenBatch, at theta: borrowing ParameterStore) {
    let point = Points(along: nil, at: [0])
    workspace.scope {
      _ = decoder.output(
        batch, rows: [batch.tokens.count - 1], Weights(theta, at: point, point.indices, workspace: workspace))
    }
  }

  private func append(
    _ batch: TokenBatch, _ readout: Readout, _ theta: borrowing ParameterStore, _ points: Points,
    to values: inout [Double]
  ) {
    let plan = folder.tuning?.plan
    for group in PointGroups(points, rows: batch.tokens.count, limit: activationRows, tuning: plan) {
      let weights = Weights(theta, at: points, group, tuning: plan, workspace: workspace)
      workspace.scope { append(batch, readout, weights, to: &values) }
    }
  }

  private func append(_ batch: TokenBatch, _ readout: Readout, _ weights: Weights, to values: inout [Double]) {
    let output = decoder.output(batch, rows: readout.rows, weights)
    let head = weights.layout.blocks[decoder.head]
    switch readout {
    case .logits(_, let ids): weights.appendLogits(output, head, ids: ids, cap: decoder.logitCap, to: &values)
    case .logProbabilities(_, let targets):
      weights.appendLogProbabilities(output, head, targets: targets, cap: decoder.logitCap, to: &values)
    }
  }
}
