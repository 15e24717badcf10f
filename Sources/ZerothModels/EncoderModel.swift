import CZeroth
import Zeroth
import ZerothSupport

/// An encoder read from a folder in the Hugging Face format (`config.json` and safetensors): BERT or RoBERTa, alone, with
/// the masked-LM head or with a sequence classifier, and if asked for with a label head of our own.
///
/// The label head H, classes x hidden, scores a sequence by `labelScale` H e, where e is the mean of the last hidden states
/// over all tokens, divided by its length. With embedded label sentences for rows (`startLabelHead`) the scores are
/// cosines times `labelScale`. It is one more block, trained along with the others, and in saved models one more tensor.
/// A checkpoint's pooler, unless a classifier reads it, and its next-sentence head are no blocks: nothing here reads them, and
/// saved models lack them.
public final class EncoderModel: PretrainedModel {
  /// What the cosines of a label head that has just started are multiplied by.
  public static let labelScale = 20.0
  /// The name of the label head among the blocks and in checkpoints.
  public static let labelHeadName = "label_head.weight"

  /// The folder that the model was read from, with the layout of its blocks.
  public private(set) var folder: ModelFolder
  /// What it is made of, in words.
  public var summary: [(about: String, words: String)] {
    let head =
      classifierLabels.map { "a classifier of \($0.map(\.excerpt).joined(separator: ", "))" }
      ?? (hasMaskedHead ? "masked tokens" : "none")
    return architecture.encoder.summary(vocabulary: vocabulary, context: context)
      + [("head", classes > 0 ? "\(head), and a label head of \(classes) classes" : head)]
  }
  /// Rows of the vocabulary.
  public var vocabulary: Int { architecture.vocabulary }
  /// The longest sequence, in tokens.
  public var context: Int { architecture.context - frontTokens }
  /// Width of the hidden states.
  public let width: Int
  /// Whether it predicts masked tokens.
  public var hasMaskedHead: Bool { architecture.maskedHead != nil }
  /// The block whose rows give the logits of masked tokens, where there is a head for them.
  public var outputBlock: ParameterBlock? { architecture.maskedHead.map { layout.blocks[$0.decoder] } }
  /// The memory that the activations of a pass are to stay within, in bytes.
  public var activationMemory = defaultActivationMemory
  /// Floats that a pass takes for a token at a point, at most.
  public var activationsPerRow: Int { architecture.encoder.activationsPerRow }
  /// Rows of the label head; 0 without one.
  public let classes: Int
  /// What the checkpoint's own sequence classifier calls its classes, in the order of their scores; nil without one.
  public var classifierLabels: [String]? { architecture.classifier?.labels }
  /// How many separators stand between two texts of a sequence, and whether the second's tokens have a type of their own: as
  /// the pre-training of the family had pairs.
  public var pairForm: (separators: Int, hasTypes: Bool) {
    (folder.modelType == "roberta" ? 2 : 1, architecture.encoder.typeCount > 1)
  }

  private let source: ModelFolder.Source
  private let architecture: any EncoderArchitecture
  private let labelHead: Int?
  /// Whether gradients compute the layers' activations anew instead of keeping them: less memory for more time.
  public var recomputesActivations: Bool {
    get { gradients.recomputes }
    set { gradients.recomputes = newValue }
  }

  let workspace = Workspace()
  private let gradients = GradientMemory()

  /// Reads the configuration and checks that the checkpoint holds exactly its tensors, in its shapes.
  ///
  /// `classes` asks for a label head of so many rows, which is zero until `startLabelHead` unless the checkpoint has
  /// one; without a number there is one if the checkpoint has it. The masked-LM head is there if the checkpoint or
  /// `architectures` in `config.json` has one. Throws `InputError` for an unsupported architecture, a missing or superfluous
  /// tensor, or a shape that disagrees.
  public convenience init(directory: String, classes: Int? = nil, families: ModelFamilies = .standard) throws {
    try self.init(ModelFolder.Source(directory: directory, families), classes: classes)
  }

  /// The model that `configuration` describes, without weights: for tests and benchmarks of any shape.
  public convenience init(configuration: ConfigurationFile, classes: Int? = nil) throws {
    try self.init(ModelFolder.Source(configuration, .standard), classes: classes)
  }

  /// The same model with a label head of `classes` rows, which is zero until `startLabelHead`; its files are not opened
  /// again.
  public func withLabelHead(classes: Int) throws -> EncoderModel { try EncoderModel(source, classes: classes) }

  /// Tunes the model as `source` says; throws `InputError` for what it lacks, and where it is tuned already.
  public func attach(_ source: TuningSource) throws { try folder.attach(source) }

  init(_ source: ModelFolder.Source, classes: Int?) throws {
    self.source = source
    guard case .encoder(let make) = source.family.kind else {
      throw InputError(
        "\(source.file.path): model_type", found: "\(source.family.modelType), a causal language model",
        expected: "an encoder")
    }
    architecture = try make(ConfigurationFields(subject: source.file.path, json: source.file.json), source)
    width = architecture.encoder.width
    let stored = source.contains(Self.labelHeadName) ? try source.weights?.shape(of: Self.labelHeadName).first : nil
    self.classes = classes ?? stored ?? 0
    if let classes, classes < 2 {
      throw InputError("label head", found: "\(classes) classes", expected: "at least 2")
    }
    labelHead = self.classes > 0 ? architecture.blocks.count : nil
    let head = ModelBlock(
      entry: .init(Self.labelHeadName, rows: self.classes, columns: width, role: .head),
      part: TensorPart(tensor: Self.labelHeadName))
    folder = try ModelFolder(
      source, architecture, and: labelHead == nil ? [] : [head], optional: [Self.labelHeadName])
  }

  /// Reads out of the model at theta + offsets[v] `direction`, for all v in one pass that writes no weight:
  /// one array for each offset. Without a direction, theta alone.
  ///
  /// Throws `InputError` for a token outside the vocabulary, a sequence that is empty or longer than the context, or a
  /// head that the model does not have.
  public func evaluate(
    _ batch: TokenBatch, _ readout: EncoderReadout, at theta: borrowing ParameterStore,
    along direction: (any Direction)? = nil, offsets: Few<Float> = [0]
  ) throws(InputError) -> [[Double]] {
    try evaluate(batch, readout, from: theta, at: Points(along: direction, at: offsets))
  }

  /// Reads out of the model at each of `points`, without writing a weight: one array for each.
  public func evaluate(
    _ batch: TokenBatch, _ readout: EncoderReadout, from theta: borrowing ParameterStore, at points: Points
  ) throws(InputError) -> [[Double]] {
    precondition(theta.layout.storageCount == layout.storageCount, "parameters of another model")
    try validate(batch, readout)
    guard batch.tokens.count > activationRows else { return values(batch, readout, theta, points) }
    var all: [Double] = []
    try batch.readOut(
      readout, inMicroBatchesOf: activationRows, points: points.count, into: &all
    ) { batch, readout, found throws(InputError) in
      for values in values(batch, readout, theta, points) { found += values }
    }
    return all.cut(into: points.count)
  }

  /// Computes the layers of `batch` at theta for the keys and values that its cache keeps.
  public func computeKeys(of batch: TokenBatch, at theta: borrowing ParameterStore) {
    let point = Points(along: nil, at: [0])
    workspace.scope {
      _ = architecture.encoder.output(
        batch, at: architecture.positions(of: batch), rows: nil,
        Weights(theta, at: point, point.indices, workspace: workspace))
    }
  }

  private func values(
    _ batch: TokenBatch, _ readout: EncoderReadout, _ theta: borrowing ParameterStore, _ points: Points
  ) -> [[Double]] {
    var results: [[Double]] = []
    let plan = folder.tuning?.plan
    for group in PointGroups(points, rows: batch.tokens.count, limit: activationRows, tuning: plan) {
      let weights = Weights(theta, at: points, group, tuning: plan, workspace: workspace)
      results += workspace.scope { readOut(batch, readout, weights) }.cut(into: weights.variants)
    }
    return results
  }

  /// Adds the gradient of sum_i a_i v_i by the trainable blocks at theta to `gradient`, where v are the values that `readout`
  /// reads out of `batch` and a what `adjoints` gives for them.
  ///
  /// Throws `InputError` as `evaluate` does, and what `adjoints` throws.
  package func addGradient(
    of readout: EncoderReadout, _ batch: TokenBatch, at theta: borrowing ParameterStore,
    to gradient: inout StoredVector,
    adjoints: ([Double]) throws(InputError) -> [Double]
  ) throws(InputError) {
    precondition(theta.layout.storageCount == layout.storageCount, "parameters of another model")
    try validate(batch, readout)
    let plan = folder.tuning?.plan
    let recorded = architecture.encoder.recordedPerRow(recomputing: recomputesActivations)
    try gradients.add(
      readout, of: batch, limit: max(1, activationMemory / (recorded * MemoryLayout<Float>.stride)), in: workspace,
      layout: layout, to: &gradient,
      evaluate: { () throws(InputError) in try evaluate(batch, readout, from: theta, at: .theta)[0] },
      adjoints: adjoints,
      record: { batch, readout, tape in
        readOut(batch, readout, Weights(theta, at: .theta, 0..<1, tuning: plan, workspace: workspace, tape: tape))
      })
  }

  /// The values of each variant, one behind the other.
  private func readOut(_ batch: TokenBatch, _ readout: EncoderReadout, _ weights: Weights) -> [Double] {
    let blocks = weights.layout.blocks
    let positions = architecture.positions(of: batch)
    func hidden(_ rows: [Int]?) -> Matrix { architecture.encoder.output(batch, at: positions, rows: rows, weights) }
    switch readout {
    case .logits(let rows, let ids):
      guard !rows.isEmpty, let head = architecture.maskedHead else { return [] }
      return weights.logits(
        head.output(hidden(rows), weights), blocks[head.decoder], bias: blocks[head.bias], ids: ids)
    case .hidden(let rows):
      return rows.isEmpty ? [] : weights.values(hidden(rows))
    case .pooled:
      return weights.values(weights.mean(hidden(nil), over: batch.segments))
    case .labelScores:
      if labelHead == nil, let classifier = architecture.classifier {
        return weights.values(classifier.logits(hidden(batch.segments.map(\.start)), weights))
      }
      guard let labelHead else { return [] }
      let pooled = weights.mean(hidden(nil), over: batch.segments)
      weights.normalizeRows(pooled)
      return weights.logits(pooled, blocks[labelHead], scale: Float(Self.labelScale))
    }
  }

  private func validate(_ batch: TokenBatch, _ readout: EncoderReadout) throws(InputError) {
    try batch.validate(vocabulary: vocabulary, context: context)
    guard !batch.segments.isEmpty, batch.segments.allSatisfy({ $0.count > 0 }) else {
      throw InputError("sequence", found: "no tokens", expected: "at least one")
    }
    let types = architecture.encoder.typeCount
    if let type = batch.types.first(where: { !(0..<types).contains($0) }) {
      throw InputError("token type", found: "\(type)", expected: "a type below the model's \(types)")
    }
    if case .logits(_, let ids?) = readout, let id = ids.first(where: { !(0..<vocabulary).contains($0) }) {
      throw InputError("token", found: "\(id)", expected: "an id below the vocabulary's \(vocabulary)")
    }
    switch readout {
    case .logits(let rows, _), .hidden(let rows):
      guard rows.allSatisfy(batch.tokens.indices.contains) else {
        throw InputError("rows", found: "\(rows)", expected: "rows of the \(batch.tokens.count) tokens")
      }
    case .pooled, .labelScores: break
    }
    switch readout {
    case .logits where !hasMaskedHead:
      throw InputError(directory ?? "the model", found: "no masked-LM head", expected: "one, to predict masked tokens")
    case .labelScores where labelHead == nil && architecture.classifier == nil:
      throw InputError(directory ?? "the model", found: "no label head", expected: "one, made with a number of classes")
    default: break
    }
  }

  /// Sets the rows of the label head to the embeddings of `sentences`, each divided by its length, one for each class.
  public func startLabelHead(of theta: inout ParameterStore, from sentences: [[Int]]) throws(InputError) {
    guard let labelHead, sentences.count == classes else {
      throw InputError("label head", found: "\(sentences.count) label sentences", expected: "\(classes), one a class")
    }
    let pooled = try evaluate(TokenBatch(sentences), .pooled, at: theta)[0]
    var rows: [Float] = []
    for c in 0..<classes {
      let row = pooled[(c * width)..<((c + 1) * width)]
      let length = max(row.reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-12)
      rows += row.map { Float($0 / length) }
    }
    theta.fill(theta.layout.blocks[labelHead], with: rows)
  }
}
