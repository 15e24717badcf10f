import CZeroth
import Zeroth

/// A causal language model read from a folder in the Hugging Face format (`config.json` and safetensors).
public final class CausalModel: PretrainedModel {
  /// The folder from which the model was read, with the layout of its blocks.
  public private(set) var folder: ModelFolder
  /// The structure of the model, as a table.
  public var description: DecoderDescription { decoder.description }
  /// The tokens that end a text: those of `config.json`, and those of `generation_config.json` where there is such a
  /// file.
  public let endTokens: Set<Int>
  /// The structure of the model in words.
  public var summary: [(about: String, words: String)] { description.summary }
  /// The number of rows of the vocabulary.
  public var vocabulary: Int { decoder.vocabulary }
  /// The longest sequence, in tokens.
  public var context: Int { decoder.context - frontTokens }
  /// The block whose rows give the logits.
  public var outputBlock: ParameterBlock? { layout.blocks[decoder.head] }
  /// The limit for the memory of the activations of a pass, in bytes.
  public var activationMemory = defaultActivationMemory
  /// The most floats that a pass needs for one token at one point.
  public var activationsPerRow: Int { decoder.activationsPerRow }

  let decoder: Decoder
  /// Whether a gradient recomputes the activations of the layers instead of keeping them. This needs less memory and
  /// more time.
  public var recomputesActivations: Bool {
    get { gradients.recomputes }
    set { gradients.recomputes = newValue }
  }

  let workspace = Workspace()
  private let gradients = GradientMemory()

  /// Reads the configuration and checks that the checkpoint holds exactly its tensors, in its shapes.
  ///
  /// Throws `InputError` for a model that belongs to none of `families`, for a missing or superfluous tensor, and for a
  /// tensor of another shape.
  public convenience init(directory: String, families: ModelFamilies = .standard) throws {
    try self.init(ModelFolder.Source(directory: directory, families))
  }

  /// The model that `configuration` describes, without weights. It is meant for tests and benchmarks, and allows any
  /// shape.
  public convenience init(configuration: ConfigurationFile, families: ModelFamilies = .standard) throws {
    try self.init(ModelFolder.Source(configuration, families))
  }

  /// Adds the tuning that `source` describes. Throws `InputError` for something that the model lacks, and where it is
  /// tuned already.
  public func attach(_ source: TuningSource) throws { try folder.attach(source) }

  init(_ source: ModelFolder.Source) throws {
    let (description, tensors) = try source.families.decoder(source.file)
    decoder = try Decoder(description, tensors, source)
    folder = try ModelFolder(source, decoder)
    endTokens = try Set(description.tokens.ends + source.generationEnds())
  }

  /// Evaluates the model at theta + offsets[v] `direction` for all v, in one pass that does not write the weights. The
  /// result has one array for each offset. Without a direction it evaluates theta alone.
  ///
  /// Throws `InputError` for a token outside the vocabulary or a sequence longer than the context.
  public func evaluate(
    _ batch: TokenBatch, _ readout: Readout, at theta: borrowing ParameterStore,
    along direction: (any Direction)? = nil, offsets: Few<Float> = [0]
  ) throws(InputError) -> [[Double]] {
    try evaluate(batch, readout, from: theta, at: Points(along: direction, at: offsets))
  }

  /// Evaluates the model at each of `points`, without writing the weights: one array for each point.
  public func evaluate(
    _ batch: TokenBatch, _ readout: Readout, from theta: borrowing ParameterStore, at points: Points
  ) throws(InputError) -> [[Double]] {
    var values: [Double] = []
    try evaluate(batch, readout, from: theta, at: points, into: &values)
    return values.cut(into: points.count)
  }

  /// As above. It writes the values into `values` in place of what they hold, point after point.
  package func evaluate(
    _ batch: TokenBatch, _ readout: Readout, from theta: borrowing ParameterStore, at points: Points,
    into values: inout [Double]
  ) throws(InputError) {
    precondition(theta.layout.storageCount == layout.storageCount, "parameters of another model")
    try batch.validate(vocabulary: vocabulary, context: context)
    try readout.validate(rows: batch.tokens.count, vocabulary: vocabulary)
    values.removeAll(keepingCapacity: true)
    guard !readout.rows.isEmpty else { return }
    // A batch that continues sequences in a cache is not cut here: it was cut when the cache was made.
    guard batch.tokens.count > activationRows, batch.cache == nil else {
      return append(batch, readout, theta, points, to: &values)
    }
    try batch.readOut(
      readout, inMicroBatchesOf: activationRows, points: points.count, into: &values
    ) { batch, readout, values throws(InputError) in append(batch, readout, theta, points, to: &values) }
  }

  /// Adds the gradient of sum_i a_i v_i by the trainable blocks at theta to `gradient`. The v_i are the values that
  /// `readout` gives for `batch`, and the a_i are what `adjoints` gives for them.
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

  /// Runs the layers for `batch` at theta, so that the cache of the batch holds their keys and values.
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
