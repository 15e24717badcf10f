import Foundation
import Zeroth
import ZerothSupport

/// How weights are stored in memory while they are used.
public enum WeightStorage: String, CaseIterable, Sendable {
  /// All in fp32: four bytes for a parameter.
  case float32
  /// Matrices that the checkpoint stores in half precision stay in it, in a private copy of the mapped file: two bytes
  /// for a parameter. What an update writes is rounded at random, without bias. Low-rank updates are first summed in
  /// fp32. Quantised matrices stay in the file and cannot be trained.
  case asStored = "as-stored"
  /// Matrices stay in the mapped file as they are stored and are never written, even where they are trained. The sum of
  /// their low-rank updates is kept beside them. Vectors are in fp32 and are written.
  case frozen
}

/// The precision in which weights are written to a file.
public enum SavedPrecision: String, CaseIterable, Sendable {
  /// The precision that each tensor had in the checkpoint; fp32 for a tensor that the checkpoint did not have.
  case asRead = "as-read"
  /// IEEE 754 single precision.
  case float32
  /// The upper half of a single.
  case bfloat16
  /// IEEE 754 half precision.
  case float16

  /// The element type of all tensors; nil where each keeps the type of the checkpoint.
  var elementType: ElementType? {
    switch self {
    case .asRead: nil
    case .float32: .f32
    case .bfloat16: .bf16
    case .float16: .f16
    }
  }
}

/// A model folder in the Hugging Face format (`config.json` and safetensors), or a model in GGUF, together with the
/// blocks into which its weights are read.
///
/// A model folder may also be a configuration without weights. It then serves for models of any shape with random
/// parameters.
public struct ModelFolder: Sendable {
  /// The folder or the GGUF file from which the model was read; nil for a configuration without weights.
  public let directory: String?
  /// The family of the model: `model_type` in its configuration.
  public let modelType: String
  /// The blocks of the parameters, named as in the checkpoint. Where several blocks share a tensor, each has the name
  /// of its part behind that of the module.
  public internal(set) var layout: ParameterLayout
  /// The tuning: the blocks beside the weights, which are then the trained ones; nil for none.
  var tuning: AttachedTuning?
  /// Sentences that tell a user how the folder was read where that is not obvious.
  public let notes: [String]

  /// The configuration: the content of `config.json`.
  package let file: ConfigurationFile
  let weights: (any ModelWeights)?
  let map: TensorMap
  /// The mean of the random values of each block.
  private let means: [Float]
  /// Blocks that a checkpoint may lack. They then start as zeros.
  let optional: Set<String>
  let hasUntiedHead: Bool
  /// The module of the output layer where that is the token embedding, and below it the number of rows of the
  /// vocabulary.
  let tiedHead: String?
  let vocabularyRows: Int
  /// The prefix that transformers has in front of the names of modules where the checkpoint leaves it out.
  let missingPrefix: String
  /// The number of tokens of the longest sequence, and the width of a head of keys.
  let context, headWidth: Int
  /// Whether it is a causal language model.
  let isCausal: Bool

  /// What a family of models reads before it can name its blocks.
  struct Source {
    let directory: String?
    let file: ConfigurationFile
    let families: ModelFamilies
    let family: ModelFamily
    let weights: (any ModelWeights)?

    /// Opens `directory`, which is a folder or a GGUF file. The configuration is read first, because "unsupported
    /// model" is a clearer error than one about the weights.
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

    /// Whether there are weights, and among them a tensor `name`.
    func contains(_ name: String) -> Bool { weights?.contains(name) ?? false }

    /// Whether the tensors `name` and `other` both exist and have different values.
    func hold(_ name: String, otherThan other: String) throws -> Bool {
      guard let weights, contains(name), contains(other) else { return false }
      return try !weights.isSame(name, as: other)
    }
  }

  /// Lays out the blocks of `architecture` and `more`. Where there is a checkpoint, checks that it holds exactly their
  /// tensors, in their shapes.
  ///
  /// `optional` names blocks that the checkpoint may lack. Throws `InputError` for a missing or superfluous tensor, and
  /// for a tensor of another shape.
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

  /// The element types of the model's tensors, each with its number of tensors, the most frequent first. Empty without
  /// weights.
  public var storedTypes: [(type: String, tensors: Int)] {
    let types = map.tensors.compactMap { try? weights?.typeName(of: $0.name) }
    return Dictionary(grouping: types) { $0 }.map { ($0.key, $0.value.count) }
      .sorted { ($1.tensors, $0.type) < ($0.tensors, $1.type) }
  }

  /// Loads the weights of the checkpoint. Only the blocks of `selection` are trainable.
  ///
  /// Throws `InputError` when there is no checkpoint, and when the selection has no block.
  public func loadParameters(
    training selection: BlockSelection = .all, storage: WeightStorage = .float32, deltaRank: DeltaRank = .automatic
  ) throws -> ParameterStore {
    try load(layout(training: selection), storage, deltaRank)
  }

  /// The layout in which a block is trainable if the tuning trains it and `selection` selects it. Throws `InputError`
  /// where there is no such block.
  package func layout(training selection: BlockSelection) throws(InputError) -> ParameterLayout {
    try tuned(layout.training(only: selection), selection)
  }

  /// Loads the weights for evaluation only: no block is trainable. Weights of a GGUF file stay in the file, whose
  /// memory is shared with other readers.
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

  /// Random weights drawn from `key`: normal with standard deviation 0.02, and gains around 1.
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

  /// Whether the tensor `name` contains `block`.
  func isPart(_ block: ParameterBlock, ofTensor name: String) -> Bool { map.part(of: block).tensor == name }

  /// The values at `theta`, as the tensors of the checkpoint, row by row.
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
  /// Throws `InputError` when a file of the checkpoint was written since it was opened. Weights that are used directly
  /// from the file may then have changed.
  func requireUnchanged() throws(InputError) { try weights?.requireUnchanged() }

  /// Throws `InputError` when `destination` is the folder from which the model was read, because saving would overwrite
  /// the base model.
  func requireOther(than destination: String) throws(InputError) {
    guard let directory, directory.isSameFile(as: destination) else { return }
    throw InputError(
      destination, found: "the folder of the model that was read", expected: "another folder: its weights would be lost"
    )
  }
}
