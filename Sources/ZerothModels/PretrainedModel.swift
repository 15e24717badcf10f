import Zeroth

/// A model that was read from a folder: its blocks, and reading, drawing and writing their weights.
///
/// A model has the description and the memory for activations. The weights are a `ParameterStore` with its layout,
/// which is passed to each evaluation. Only one thread at a time may use a model.
public protocol PretrainedModel: AnyObject {
  /// The folder from which the model was read, with the layout of its blocks.
  var folder: ModelFolder { get }
  /// The number of rows of the vocabulary.
  var vocabulary: Int { get }
  /// The longest sequence, in tokens.
  var context: Int { get }
  /// The block whose rows give the logits. It is the token embedding where the output layer is tied to it. Nil where
  /// there are no logits.
  var outputBlock: ParameterBlock? { get }
  /// The limit for the memory of the activations of a pass, in bytes; ``defaultActivationMemory`` at first.
  ///
  /// A pass over more tokens than fit is made in micro-batches. Points that do not fit together are computed one after
  /// another. Both change values by rounding only. A single sequence is never cut, however much it takes.
  var activationMemory: Int { get set }
  /// The most floats that a pass needs for one token at one point.
  var activationsPerRow: Int { get }
  /// Whether gradients recompute the activations of the layers instead of keeping them (gradient checkpointing). This
  /// needs less memory, and the time of about one more forward pass. False at first.
  var recomputesActivations: Bool { get set }
  /// The structure of the model in words: each line has a subject and a text.
  var summary: [(about: String, words: String)] { get }
  /// Adds the tuning that `source` describes. The blocks of an adapter are added to `layout`, and parameters that are
  /// loaded afterwards have them. Only the blocks that the tuning trains can then be trained.
  ///
  /// Throws `InputError` for what the model lacks, for an adapter of another model, and where it is tuned already.
  func attach(_ source: TuningSource) throws
  /// Runs the layers of the model, without virtual tokens, on `batch`, which continues an empty cache. The cache then
  /// holds its keys and values.
  func computeKeys(of batch: TokenBatch, at theta: borrowing ParameterStore)
  /// Compares the outputs at `theta` with reference outputs. Where `tokenize` is given, the ids of texts are compared
  /// too.
  ///
  /// Throws `InputError` when `golden` is of another kind of model.
  func compare(
    with golden: Golden, at theta: borrowing ParameterStore, tokenize: ((String) -> [Int])?
  ) throws -> GoldenComparison
}

/// The limit for the memory of the activations of a pass unless a model is given another: 1 GiB.
public let defaultActivationMemory = 1 << 30

extension PretrainedModel {
  /// The most rows of activations (tokens times points) that are computed together.
  var activationRows: Int { max(1, activationMemory / (activationsPerRow * MemoryLayout<Float>.stride)) }

  /// The folder or the GGUF file from which the model was read; nil for a model that was made from a configuration
  /// alone.
  public var directory: String? { folder.directory }
  /// The blocks of the parameters, named as in the checkpoint.
  public var layout: ParameterLayout { folder.layout }

  /// Loads the weights of the checkpoint. Only the blocks of `selection` are trainable.
  ///
  /// Throws `InputError` when the model has no checkpoint, or the selection no block.
  public func loadParameters(
    training selection: BlockSelection = .all, storage: WeightStorage = .float32, deltaRank: DeltaRank = .automatic
  ) throws -> ParameterStore {
    var theta = try folder.loadParameters(training: selection, storage: storage, deltaRank: deltaRank)
    try startPrefix(&theta)
    return theta
  }

  /// Loads the weights for evaluation only: no block is trainable, and weights of a GGUF file stay in the file.
  ///
  /// Throws `InputError` when the model has no checkpoint.
  public func loadFrozenParameters() throws -> ParameterStore {
    var theta = try folder.loadFrozenParameters()
    try startPrefix(&theta)
    return theta
  }

  /// Throws `InputError` when a file of the checkpoint was written since the model was made. Weights that are used
  /// directly from the file (`WeightStorage.asStored`) may then have changed.
  public func requireUnchanged() throws(InputError) { try folder.requireUnchanged() }

  /// Throws `InputError` when `destination` is the folder from which the model was read, where nothing may be saved.
  public func requireOther(than destination: String) throws(InputError) {
    try folder.requireOther(than: destination)
  }

  /// Adds an adapter in PEFT's format beside the weights.
  ///
  /// Throws `InputError` for an adapter of another model, and where the model is tuned already.
  public func attach(_ adapter: PEFTAdapter) throws { try attach(.adapter(adapter)) }

  /// Random weights drawn from `key`: normal with standard deviation 0.02, and gains around 1.
  public func randomParameters(_ key: StreamKey) -> ParameterStore { folder.randomParameters(key) }

  /// Writes the weights, `config.json` and all other files of the model to a folder, which is made if it does not
  /// exist. For a model with an adapter beside it, writes the adapter alone, in PEFT's format. The weights are written
  /// last and in one piece, so a folder with `model.safetensors` is complete.
  ///
  /// Throws `InputError` when a file cannot be written, and for a weight beyond the range of `precision`.
  public func save(
    _ theta: borrowing ParameterStore, to destination: String, as precision: SavedPrecision = .asRead
  ) throws {
    try folder.save(theta, to: destination, as: precision)
  }
}

/// Reads the model in `directory`, a folder or a GGUF file. It is a `CausalModel` or an `EncoderModel`, depending on
/// the family in its configuration.
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
