import Zeroth

/// What every model has that is read from a folder: its blocks, and their weights read, drawn and written.
///
/// A model holds the description and the memory for activations; the weights are a `ParameterStore` of its layout,
/// passed to each evaluation. Not for use by several threads at once.
public protocol PretrainedModel: AnyObject {
  /// The folder that it was read from, with the layout of its blocks.
  var folder: ModelFolder { get }
  /// Rows of the vocabulary.
  var vocabulary: Int { get }
  /// The longest sequence, in tokens.
  var context: Int { get }
  /// The block whose rows give the logits: the token embedding where they are tied; nil where there are no logits.
  var outputBlock: ParameterBlock? { get }
  /// The memory that the activations of a pass are to stay within, in bytes: ``defaultActivationMemory`` at first.
  ///
  /// A pass over more tokens than fit is made in micro-batches, and points that do not fit together are computed one after
  /// another. Both change values by rounding alone. A single sequence is never cut, whatever it takes.
  var activationMemory: Int { get set }
  /// Floats that a pass takes for a token at a point, at most.
  var activationsPerRow: Int { get }
  /// Whether gradients compute the layers' activations anew instead of keeping them (gradient checkpointing): less memory for
  /// about a forward pass more. Off at first.
  var recomputesActivations: Bool { get set }
  /// What it is made of, in words: what each line is about, and what it says.
  var summary: [(about: String, words: String)] { get }
  /// Tunes the model as `source` says: `layout` grows by the blocks of an adapter, parameters that are loaded from then on have
  /// them, and of these what the tuning trains can be trained.
  ///
  /// Throws `InputError` for what the model lacks, for an adapter of another model, and where it is tuned already.
  func attach(_ source: TuningSource) throws
  /// Computes the layers of the model without virtual tokens on `batch`, which continues an empty cache, for its keys and values.
  func computeKeys(of batch: TokenBatch, at theta: borrowing ParameterStore)
  /// Compares the outputs at `theta` with reference outputs; the ids of texts too where `tokenize` is given.
  ///
  /// Throws `InputError` when `golden` is of another kind of model.
  func compare(
    with golden: Golden, at theta: borrowing ParameterStore, tokenize: ((String) -> [Int])?
  ) throws -> GoldenComparison
}

/// What the activations of a pass stay within unless a model is told otherwise: 1 GiB.
public let defaultActivationMemory = 1 << 30

extension PretrainedModel {
  /// How many rows of activations, tokens times points, are computed together at most.
  var activationRows: Int { max(1, activationMemory / (activationsPerRow * MemoryLayout<Float>.stride)) }

  /// The folder, or the GGUF file, that the model was read from; nil for one that was made from a configuration alone.
  public var directory: String? { folder.directory }
  /// The blocks of the parameters, named as in the checkpoint.
  public var layout: ParameterLayout { folder.layout }

  /// The weights of the checkpoint; only the blocks of `selection` are trainable.
  ///
  /// Throws `InputError` when the model has no checkpoint, or the selection no block.
  public func loadParameters(
    training selection: BlockSelection = .all, storage: WeightStorage = .float32, deltaRank: DeltaRank = .automatic
  ) throws -> ParameterStore {
    var theta = try folder.loadParameters(training: selection, storage: storage, deltaRank: deltaRank)
    try startPrefix(&theta)
    return theta
  }

  /// The weights for evaluations alone: no block is trainable, and those of a GGUF file stay in it.
  ///
  /// Throws `InputError` when the model has no checkpoint.
  public func loadFrozenParameters() throws -> ParameterStore {
    var theta = try folder.loadFrozenParameters()
    try startPrefix(&theta)
    return theta
  }

  /// Throws `InputError` when a file of the checkpoint was written since the model was made: weights that are used where the
  /// file holds them (`WeightStorage.asStored`) may be others by now.
  public func requireUnchanged() throws(InputError) { try folder.requireUnchanged() }

  /// Throws `InputError` when `destination` is the folder that the model was read from, where nothing may be saved.
  public func requireOther(than destination: String) throws(InputError) {
    try folder.requireOther(than: destination)
  }

  /// Puts an adapter in PEFT's format beside the weights.
  ///
  /// Throws `InputError` for an adapter of another model, and where the model is tuned already.
  public func attach(_ adapter: PEFTAdapter) throws { try attach(.adapter(adapter)) }

  /// Weights drawn from `key`: normal with standard deviation 0.02, gains around 1.
  public func randomParameters(_ key: StreamKey) -> ParameterStore { folder.randomParameters(key) }

  /// Writes the weights with `config.json` and every file that belongs to the model, to a folder that is made if need be; of a
  /// model with an adapter beside it, the adapter alone, as PEFT writes it.
  /// The weights come last, in one piece: a folder with `model.safetensors` is complete.
  ///
  /// Throws `InputError` when a file cannot be written, and for a weight beyond the range of `precision`.
  public func save(
    _ theta: borrowing ParameterStore, to destination: String, as precision: SavedPrecision = .asRead
  ) throws {
    try folder.save(theta, to: destination, as: precision)
  }
}

/// Reads the model in `directory`, a folder or a GGUF file: a `CausalModel` or an `EncoderModel`, as the family says that its
/// configuration is of.
///
/// Throws `InputError` for a folder that none of `families` can use.
public func loadModel(directory: String, families: ModelFamilies = .standard) throws -> any PretrainedModel {
  try makeModel(ModelFolder.Source(directory: directory, families))
}

/// The model that `configuration` describes, without weights: a `CausalModel` or an `EncoderModel`.
///
/// Throws `InputError` for a configuration that none of `families` can use.
public func makeModel(
  configuration: ConfigurationFile, families: ModelFamilies = .standard
) throws -> any PretrainedModel {
  try makeModel(ModelFolder.Source(configuration, families))
}

private func makeModel(_ source: ModelFolder.Source) throws -> any PretrainedModel {
  source.family.isCausal ? try CausalModel(source) : try EncoderModel(source, classes: nil)
}
