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
  public private(set) var layout: ParameterLayout
  /// The adapter that stands beside the weights, and what it tunes.
  private(set) var tuning: (adapter: PEFTAdapter, plan: Tuning)?
  /// What a user should know about how the folder was read, in words.
  public let notes: [String]

  /// The configuration: what `config.json` says.
  package let file: ConfigurationFile
  private let weights: (any ModelWeights)?
  private let map: TensorMap
  /// What random values of the blocks are drawn around.
  private let means: [Float]
  /// Blocks that a checkpoint may lack: they start as zeros.
  private let optional: Set<String>
  private let hasUntiedHead: Bool
  /// What transformers has in front of the names of modules where the checkpoint leaves it out.
  private let missingPrefix: String

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
    missingPrefix = architecture.missingPrefix
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
    training selection: BlockSelection = .all, storage: WeightStorage = .float32
  ) throws -> ParameterStore {
    let chosen = try layout.training(only: selection)
    guard let plan = tuning?.plan else { return try load(chosen, storage) }
    let tuned = chosen.training { chosen.blocks[$0.index].isTrainable && plan.trained.contains($0.index) }
    guard !tuned.trainable.isEmpty else {
      throw InputError(
        "blocks '\(selection)'", found: "only blocks that the adapter leaves frozen", expected: "some that it trains")
    }
    return try load(tuned, storage)
  }

  /// The weights for evaluations alone: no block is trainable, and those of a GGUF file stay in it, shared with whoever else
  /// reads it.
  ///
  /// Throws `InputError` when there is no checkpoint.
  public func loadFrozenParameters() throws -> ParameterStore {
    try load(layout.training { _ in false }, weights?.frozenStorage ?? .float32)
  }

  /// The tensors of the model as PEFT names them.
  var namedTensors: [(name: String, module: String, shape: [Int], blocks: [ParameterBlock], isTransposed: Bool)] {
    map.tensors.map { tensor in
      let name = (tensor.blocks[0].role == .head ? "" : missingPrefix) + tensor.name
      return (
        name, name.split(separator: ".").dropLast().joined(separator: "."), tensor.shape, tensor.blocks,
        map.part(of: tensor.blocks[0]).isTransposed
      )
    }
  }

  /// The modules with a weight.
  var modules: [TunedModule] {
    zip(namedTensors, map.tensors).compactMap { named, tensor in
      guard named.name.hasSuffix(".weight") else { return nil }
      return TunedModule(
        name: named.module, blocks: tensor.blocks, rows: tensor.rows, columns: tensor.blocks[0].columns,
        isTransposed: named.isTransposed)
    }
  }

  /// The rows of its tensor that are the block's.
  func slice(of block: ParameterBlock) -> RowSlice { map.part(of: block).rows }

  /// Puts `adapter` beside the weights: its blocks come behind the model's, and they are what is trained.
  ///
  /// Throws `InputError` for an adapter of another model, and where there is one already.
  mutating func attach(_ adapter: PEFTAdapter) throws {
    guard tuning == nil else {
      throw InputError(adapter.directory, found: "a second adapter", expected: "one")
    }
    let plan = try adapter.tuning(of: self)
    let own = layout.blocks.map {
      ParameterLayout.Entry($0.name, rows: $0.rows, columns: $0.columns, role: $0.role, layer: $0.layer)
    }
    layout = try ParameterLayout(own + plan.entries)
    tuning = (adapter, plan)
  }

  private func load(_ layout: ParameterLayout, _ storage: WeightStorage) throws -> ParameterStore {
    guard let weights else {
      throw InputError(file.path, found: "a configuration without weights", expected: "a model folder")
    }
    let own = Array(layout.blocks.prefix(means.count))
    let stored = storage == .asStored ? try weights.stored(own, map) : nil
    var theta = stored.map { ParameterStore(layout, stored: $0) } ?? ParameterStore(layout)
    for block in own
    where weights.contains(map.part(of: block).tensor) && !(stored?.contains(block) ?? false) {
      try theta.withMutableBlock(block) { span in
        try span.withUnsafeMutableBufferPointer { try weights.read(block, map.part(of: block), into: $0) }
      }
    }
    if let tuning { try tuning.adapter.read(tuning.plan, into: &theta) }
    return theta
  }

  /// Weights drawn from `key`: normal with standard deviation 0.02, gains around 1.
  public func randomParameters(_ key: StreamKey) -> ParameterStore {
    precondition(tuning == nil, "random parameters have no adapter beside them")
    var theta = ParameterStore(layout)
    theta.add(DenseDirection(key, layout: layout), scale: 0.02)
    for block in layout.blocks.prefix(means.count) where means[block.index] != 0 {
      theta.withMutableBlock(block) { span in
        for i in 0..<span.count { span[i] += means[block.index] }
      }
    }
    return theta
  }

  /// Whether weights are written in `precision` without rounding: all in fp32, or, unless they are tuned, as they were read.
  public func isExact(_ precision: SavedPrecision, isTuned: Bool) -> Bool {
    precision == .float32 || precision == .asRead && !isTuned
      || map.tensors.allSatisfy { savedType(of: $0, precision) == .f32 }
  }

  /// The element type that `tensor` is written as.
  private func savedType(of tensor: TensorMap.Tensor, _ precision: SavedPrecision) -> ElementType {
    precision.elementType ?? (try? weights?.savedType(of: tensor.name)) ?? .f32
  }

  /// Throws `InputError` where `tensor` is to be F16 and one of its finite values would become infinite.
  private static func requireRange(
    of tensor: SafetensorsWriter.Tensor, _ values: UnsafeBufferPointer<Float>, _ path: String
  ) throws(InputError) {
    guard tensor.elementType == .f16 else { return }
    for value in values where abs(value) >= 65520 && value.isFinite {
      throw InputError(
        "\(path): tensor '\(tensor.name.excerpt)'", found: "a value of \(value)",
        expected: "at most 65504, as F16 holds: save it as float32 or bfloat16")
    }
  }

  /// Writes the weights with `config.json` and every file that belongs to the model, to a folder that is made if need be.
  /// The weights come last, in one piece: a folder with `model.safetensors` is complete. Tensors that the model has no
  /// block for are not written.
  ///
  /// Throws `InputError` when a file cannot be written, and for a weight beyond the range of `precision`.
  public func save(
    _ theta: borrowing ParameterStore, to destination: String, as precision: SavedPrecision = .asRead
  ) throws {
    try requireOther(than: destination)
    if let tuning {
      throw InputError(
        destination, found: "a model with the adapter \(tuning.adapter.directory) beside it",
        expected: "one without: adapters are read, and not yet written or merged")
    }
    do {
      try FileManager.default.createDirectory(atPath: destination, withIntermediateDirectories: true)
    } catch {
      throw InputError(destination, found: "a folder that cannot be made", expected: "a place to write the model to")
    }
    try file.write(
      to: destination, dtype: precision.elementType == nil ? nil : precision.rawValue,
      changes: hasUntiedHead ? [("tie_word_embeddings", false)] : [])
    try weights?.writeModelFiles(to: destination)
    let tensors = map.tensors.map { tensor in
      SafetensorsWriter.Tensor(
        name: tensor.name, shape: (try? weights?.shape(of: tensor.name)) ?? tensor.shape,
        elementType: savedType(of: tensor, precision))
    }
    var rest = map.tensors.makeIterator()
    let path = destination.appendingFile(Checkpoint.fileName)
    try SafetensorsWriter.write(tensors, to: path) { written, write in
      guard let tensor = rest.next() else { return }
      try map.write(tensor, at: theta) { values in
        try Self.requireRange(of: written, values, path)
        try write(values)
      }
    }
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
