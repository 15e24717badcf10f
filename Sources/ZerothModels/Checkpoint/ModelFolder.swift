import Foundation
import Zeroth
import ZerothSupport

/// How weights are held while they are used.
public enum WeightStorage: String, CaseIterable, Sendable {
  /// All in fp32: four bytes for a parameter.
  case float32
  /// Matrices that the checkpoint stores in half precision stay so, in a private copy of the mapped file: two bytes for
  /// a parameter. What an update writes is rounded at random, without bias; low-rank updates are gathered in fp32 first.
  /// Quantised ones stay in the file, and cannot be trained.
  case asStored = "as-stored"
  /// Matrices as they are stored, mapped and never written, also those that are trained: what low-rank updates add up to is kept
  /// beside them. Vectors are in fp32, and written.
  case frozen
}

/// What weights are written as.
public enum SavedPrecision: String, CaseIterable, Sendable {
  /// Each tensor as the checkpoint had it; what it did not have in fp32.
  case asRead = "as-read"
  /// IEEE 754 single precision.
  case float32
  /// The upper half of a single.
  case bfloat16
  /// IEEE 754 half precision.
  case float16

  /// The type of all tensors; nil where it is that of the checkpoint.
  var elementType: ElementType? {
    switch self {
    case .asRead: nil
    case .float32: .f32
    case .bfloat16: .bf16
    case .float16: .f16
    }
  }
}

/// A model folder in the Hugging Face format (`config.json` and safetensors), or a model in GGUF, with the blocks that its
/// weights go to.
///
/// Without weights it is a configuration alone, for models of any shape with random parameters.
public struct ModelFolder: Sendable {
  /// The folder, or the GGUF file, that the model was read from; nil for a configuration alone.
  public let directory: String?
  /// The family of the model: `model_type` in its configuration.
  public let modelType: String
  /// The blocks of the parameters, named as in the checkpoint; a block that shares its tensor with others has its part's name
  /// behind that of the module.
  public internal(set) var layout: ParameterLayout
  /// What stands beside the weights, and what is trained then.
  var tuning: AttachedTuning?
  /// What a user should know about how the folder was read, in words.
  public let notes: [String]

  /// The configuration: what `config.json` says.
  package let file: ConfigurationFile
  let weights: (any ModelWeights)?
  let map: TensorMap
  /// What random values of the blocks are drawn around.
  private let means: [Float]
  /// Blocks that a checkpoint may lack: they start as zeros.
  let optional: Set<String>
  let hasUntiedHead: Bool
  /// The module of an output layer that is the token embedding, and the rows of that.
  let tiedHead: String?
  let vocabularyRows: Int
  /// What transformers has in front of the names of modules where the checkpoint leaves it out.
  let missingPrefix: String
  /// Tokens of the longest sequence, and the width of a head of keys.
  let context, headWidth: Int
  /// Whether it is a causal language model.
  let isCausal: Bool

  /// What a family of models needs to know before it can name its blocks.
  struct Source {
    let directory: String?
    let file: ConfigurationFile
    let families: ModelFamilies
    let family: ModelFamily
    let weights: (any ModelWeights)?

    /// Opens `directory`, a folder or a GGUF file; the configuration first, since an unsupported model is the clearer error.
    init(directory: String, _ families: ModelFamilies) throws {
      self.directory = directory
      self.families = families
      if GGUFFile.isOne(directory) {
        let model = try GGUFModel(path: directory)
        file = try model.configuration()
        family = try families.family(of: file)
        weights = try model.weights(families.decoder(file).1)
        return
      }
      try ForeignWeights.requireFolder(directory)
      file = try ConfigurationFile(directory: directory)
      try ForeignWeights.refuseQuantized(file)
      family = try families.family(of: file)
      let checkpoint = try Checkpoint(directory: directory)
      try ForeignWeights.refuseQuantized(checkpoint)
      weights = checkpoint
    }

    /// A configuration without weights.
    init(_ file: ConfigurationFile, _ families: ModelFamilies) throws {
      directory = nil
      self.file = file
      self.families = families
      family = try families.family(of: file)
      weights = nil
    }

    /// Whether there are weights, a tensor `name` among them.
    func contains(_ name: String) -> Bool { weights?.contains(name) ?? false }

    /// Whether there are tensors `name` and `other`, with different values.
    func hold(_ name: String, otherThan other: String) throws -> Bool {
      guard let weights, contains(name), contains(other) else { return false }
      return try !weights.isSame(name, as: other)
    }
  }

  /// Lays out the blocks of `architecture` and `more`, and checks that the checkpoint, if there is one, holds exactly their
  /// tensors, in their shapes.
  ///
  /// `optional` names blocks that it may lack. Throws `InputError` for a missing or superfluous tensor, or a shape that
  /// disagrees.
  init(
    _ source: Source, _ architecture: any Architecture, and more: [ModelBlock] = [], optional: Set<String> = []
  ) throws {
    let blocks = architecture.blocks + more
    directory = source.directory
    modelType = source.family.modelType
    file = source.file
    weights = source.weights
    self.optional = optional
    layout = try ParameterLayout(blocks.map(\.entry))
    map = try TensorMap(blocks, layout)
    means = blocks.map(\.mean)
    hasUntiedHead = architecture.untiedHead != nil
    tiedHead = architecture.tiedHead
    vocabularyRows = architecture.vocabulary
    missingPrefix = architecture.missingPrefix
    context = architecture.context
    headWidth = architecture.headWidth
    isCausal = source.family.isCausal
    notes =
      architecture.untiedHead.map { head in
        [
          "\(source.directory ?? source.file.path): config.json says that the output layer is the token embedding, but "
            + "'\(head)' differs from it: the model has an output layer of its own, and is saved with "
            + "tie_word_embeddings false"
        ]
      } ?? []
    try checkTensors { tensor in architecture.isRedundant(tensor) }
  }

  private func checkTensors(_ isRedundant: (String) -> Bool) throws {
    guard let weights else { return }
    for tensor in map.tensors where weights.contains(tensor.name) || !optional.contains(tensor.name) {
      let subject = "\(weights.path): tensor '\(weights.storedName(of: tensor.name).excerpt)'"
      let expected = "\(tensor.shape), as \(weights.configurationName) says"
      guard weights.contains(tensor.name) else {
        throw InputError(subject, found: "no such tensor", expected: "one of \(expected)")
      }
      let shape = try weights.shape(of: tensor.name)
      guard shape == tensor.shape || tensor.shape.count == 1 && shape == tensor.shape + [1] else {
        throw InputError(subject, found: "shape \(shape)", expected: expected)
      }
    }
    let known = Set(map.tensors.map(\.name))
    for name in weights.names where !known.contains(name) && !isRedundant(name) {
      throw InputError(
        "\(weights.path): tensor '\(weights.storedName(of: name).excerpt)'",
        found: "a tensor that the model has no place for",
        expected: "the tensors that \(weights.configurationName) describes")
    }
  }

  /// The types of the elements of the tensors that are the model's, each with its number of tensors, the most frequent first;
  /// empty without weights.
  public var storedTypes: [(type: String, tensors: Int)] {
    let types = map.tensors.compactMap { try? weights?.typeName(of: $0.name) }
    return Dictionary(grouping: types) { $0 }.map { ($0.key, $0.value.count) }
      .sorted { ($1.tensors, $0.type) < ($0.tensors, $1.type) }
  }

  /// The weights of the checkpoint; only the blocks of `selection` are trainable.
  ///
  /// Throws `InputError` when there is no checkpoint, or the selection has no block.
  public func loadParameters(
    training selection: BlockSelection = .all, storage: WeightStorage = .float32, deltaRank: DeltaRank = .automatic
  ) throws -> ParameterStore {
    try load(layout(training: selection), storage, deltaRank)
  }

  /// The blocks, of which those of `selection` are trainable that the tuning trains. Throws `InputError` where these are none.
  package func layout(training selection: BlockSelection) throws(InputError) -> ParameterLayout {
    try tuned(layout.training(only: selection), selection)
  }

  /// The weights for evaluations alone: no block is trainable, and those of a GGUF file stay in it, shared with whoever else
  /// reads it.
  ///
  /// Throws `InputError` when there is no checkpoint.
  public func loadFrozenParameters() throws -> ParameterStore {
    try load(
      layout.training { _ in false }, tuning?.factors == nil ? weights?.frozenStorage ?? .float32 : .frozen, .unlimited)
  }

  private func load(
    _ layout: ParameterLayout, _ storage: WeightStorage, _ deltaRank: DeltaRank
  ) throws -> ParameterStore {
    guard let weights else {
      throw InputError(file.path, found: "a configuration without weights", expected: "a model folder")
    }
    let own = Array(layout.blocks.prefix(means.count))
    let stored: StoredBlocks? =
      switch storage {
      case .float32: nil
      case .asStored: try weights.stored(own, map)
      case .frozen: try weights.base(own, map)
      }
    var theta =
      storage == .frozen
      ? stored.map { ParameterStore(layout, base: $0, limit: deltaRank) } ?? ParameterStore(layout)
      : stored.map { ParameterStore(layout, stored: $0) } ?? ParameterStore(layout)
    for block in own
    where weights.contains(map.part(of: block).tensor) && !(stored?.contains(block) ?? false) {
      try theta.withMutableBlock(block) { span in
        try span.withUnsafeMutableBufferPointer { try weights.read(block, map.part(of: block), into: $0) }
      }
    }
    try startTuning(&theta)
    return theta
  }

  /// Weights drawn from `key`: normal with standard deviation 0.02, gains around 1.
  public func randomParameters(_ key: StreamKey) -> ParameterStore {
    let all = layout.training { _ in true }
    let noise = DenseDirection(key, layout: all)
    var theta = ParameterStore(tunedLayout)
    for block in all.blocks {
      theta.withMutableBlock(theta.layout.blocks[block.index]) { span in
        noise.add(to: &span, of: block, rows: 0..<block.rows, scale: 0.02)
      }
    }
    for block in layout.blocks.prefix(means.count) where means[block.index] != 0 {
      theta.withMutableBlock(block) { span in
        for i in 0..<span.count { span[i] += means[block.index] }
      }
    }
    startFresh(&theta)
    return theta
  }

  /// Whether `block` stands in the tensor `name`.
  func isPart(_ block: ParameterBlock, ofTensor name: String) -> Bool { map.part(of: block).tensor == name }

  /// The values at `theta` by the tensors of the checkpoint, row by row.
  func tensors(of theta: borrowing ParameterStore) throws -> [(name: String, values: [Float])] {
    var tensors: [(String, [Float])] = []
    for tensor in map.tensors {
      var values: [Float] = []
      try map.write(tensor, at: theta) { values += $0 }
      tensors.append((tensor.name, values))
    }
    return tensors
  }
}

extension ModelFolder {
  /// Throws `InputError` when a file of the checkpoint was written since it was opened: weights that are used where the file
  /// holds them may be others by now.
  func requireUnchanged() throws(InputError) { try weights?.requireUnchanged() }

  /// Throws `InputError` when `destination` is the folder that the model was read from: saving would overwrite the base.
  func requireOther(than destination: String) throws(InputError) {
    guard let directory, let base = realpath(directory, nil) else { return }
    defer { free(base) }
    guard let place = realpath(destination, nil) else { return }
    defer { free(place) }
    guard strcmp(base, place) == 0 else { return }
    throw InputError(
      destination, found: "the folder of the model that was read", expected: "another folder: its weights would be lost"
    )
  }
}
