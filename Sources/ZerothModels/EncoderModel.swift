import CZeroth
import Zeroth
import ZerothSupport

/// An encoder that was read from a folder in the Hugging Face format (`config.json` and safetensors): BERT or RoBERTa,
/// either alone, with the masked-LM head, or with a sequence classifier. Where it is asked for, it also has a label
/// head, which is made here.
///
/// The label head H is a matrix of classes x hidden. It scores a sequence by `labelScale` H e. Here e is the mean of
/// the last hidden states over all tokens, divided by the length of this vector. `startLabelHead` sets the rows of H to
/// embedded sentences of the labels; the scores are then cosines times `labelScale`. H is a block that is trained with
/// the others, and a tensor in saved models.
///
/// A checkpoint may also have a pooler that no classifier reads, and a next-sentence head. Nothing here reads them, so
/// they are not blocks, and saved models lack them.
public final class EncoderModel: PretrainedModel {
  /// The factor of the cosines of a label head that was just started.
  public static let labelScale = 20.0
  /// The name of the label head among the blocks and in checkpoints.
  public static let labelHeadName = "label_head.weight"

  /// The folder from which the model was read, with the layout of its blocks.
  public private(set) var folder: ModelFolder
  /// The structure of the model in words.
  public var summary: [(about: String, words: String)] {
    let head =
      classifierLabels.map { "a classifier of \($0.map(\.excerpt).joined(separator: ", "))" }
      ?? (hasMaskedHead ? "masked tokens" : "none")
    return architecture.encoder.summary(vocabulary: vocabulary, context: context)
      + [("head", classes > 0 ? "\(head), and a label head of \(classes) classes" : head)]
  }
  /// The number of rows of the vocabulary.
  public var vocabulary: Int { architecture.vocabulary }
  /// The longest sequence, in tokens.
  public var context: Int { architecture.context - frontTokens }
  /// Width of the hidden states.
  public let width: Int
  /// Whether it predicts masked tokens.
  public var hasMaskedHead: Bool { architecture.maskedHead != nil }
  /// The block whose rows give the logits of masked tokens, where there is a head for them.
  public var outputBlock: ParameterBlock? { architecture.maskedHead.map { layout.blocks[$0.decoder] } }
  /// The limit for the memory of the activations of a pass, in bytes.
  public var activationMemory = defaultActivationMemory
  /// The most floats that a pass needs for one token at one point.
  public var activationsPerRow: Int { architecture.encoder.activationsPerRow }
  /// Rows of the label head; 0 without one.
  public let classes: Int
  /// The names of the classes of the checkpoint's own sequence classifier, in the order of their scores; nil without
  /// one.
  public var classifierLabels: [String]? { architecture.classifier?.labels }
  /// The form of two texts in one sequence: the number of separators between them, and whether the tokens of the second
  /// text have a type of their own. It is the form that pairs had in the pre-training of the family.
  public var pairForm: (separators: Int, hasTypes: Bool) {
    (folder.modelType == "roberta" ? 2 : 1, architecture.encoder.typeCount > 1)
  }

  private let source: ModelFolder.Source
  private let architecture: any EncoderArchitecture
  private let labelHead: Int?
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
  /// `classes` asks for a label head with that many rows. It is zero until `startLabelHead`, unless the checkpoint has
  /// one. Where `classes` is nil, there is a label head if the checkpoint has one. There is a masked-LM head if the
  /// checkpoint or `architectures` in `config.json` has one. Throws `InputError` for an unsupported architecture, for a
  /// missing or superfluous tensor, and for a tensor of another shape.
  public convenience init(directory: String, classes: Int? = nil, families: ModelFamilies = .standard) throws {
    try self.init(ModelFolder.Source(directory: directory, families), classes: classes)
  }

  /// The model that `configuration` describes, without weights. It is meant for tests and benchmarks, and allows any
  /// shape.
  public convenience init(configuration: ConfigurationFile, classes: Int? = nil) throws {
    try self.init(ModelFolder.Source(configuration, .standard), classes: classes)
  }

  /// The same model with a label head of `classes` rows, which is zero until `startLabelHead`. The files are not opened
  /// again.
  public func withLabelHead(classes: Int) throws -> EncoderModel { try EncoderModel(source, classes: classes) }

  /// Adds the tuning that `source` describes. Throws `InputError` for something that the model lacks, and where it is
  /// tuned already.
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

  /// Evaluates the model at theta + offsets[v] `direction` for all v, in one pass that does not write the weights. The
  /// result has one array for each offset. Without a direction it evaluates theta alone.
  ///
  /// Throws `InputError` for a token outside the vocabulary, a sequence that is empty or longer than the context, or a
  /// head that the model does not have.
  public func evaluate(
    _ batch: TokenBatch, _ readout: EncoderReadout, at theta: borrowing ParameterStore,
    along direction: (any Direction)? = nil, offsets: Few<Float> = [0]
  ) throws(InputError) -> [[Double]] {
    try evaluate(batch, readout, from: theta, at: Points(along: direction, at: offsets))
  }

  /// Evaluates the model at each of `points`, without writing the weights: one array for each point.
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

  /// Runs the layers for `batch` at theta, so that the cache of the batch holds their keys and values.
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

  /// Adds the gradient of sum_i a_i v_i by the trainable blocks at theta to `gradient`. The v_i are the values that
  /// `readout` gives for `batch`, and the a_i are what `adjoints` gives for them.
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

  /// The values of each variant, one variant after another.
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

  /// Sets the rows of the label head, one for each class, to the embeddings of `sentences`, each divided by its length.
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
