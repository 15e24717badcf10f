import Zeroth
import ZerothSupport

/// A tensor of a model under the name that PEFT uses.
struct NamedTensor: Sendable {
  /// The name, with the prefix of transformers even where a checkpoint leaves it out.
  let name: String
  /// The name without its last part.
  let module: String
  let shape: [Int]
  let blocks: [ParameterBlock]
  let isTransposed: Bool
  /// The rows of the weight, which are the columns of the tensor where that is transposed.
  let rows: Int
}

/// The tuning that was added to a model.
struct AttachedTuning: Sendable {
  let source: TuningSource
  let plan: Tuning

  /// The adapter, where it holds what was trained beside a base that is never written; else nil.
  var factors: PEFTAdapter? {
    if case .adapter(let adapter) = source, adapter.isOfFactors { adapter } else { nil }
  }

  /// Sets the start of A and B of a fresh LoRA.
  func startFresh(_ theta: inout ParameterStore) {
    if case .fresh(.lora(let lora), let key) = source { plan.startLoRA(&theta, lora.start, key) }
  }
}

extension ModelFolder {
  /// The tensors of the model under the names that PEFT uses.
  var namedTensors: [NamedTensor] {
    map.tensors.map { tensor in
      let name = (tensor.blocks[0].role == .head ? "" : missingPrefix) + tensor.name
      return NamedTensor(
        name: name, module: name.split(separator: ".").dropLast().joined(separator: "."), shape: tensor.shape,
        blocks: tensor.blocks, isTransposed: map.part(of: tensor.blocks[0]).isTransposed, rows: tensor.rows)
    }
  }

  /// The modules that have a weight.
  var modules: [TunedModule] {
    namedTensors.filter { $0.name.hasSuffix(".weight") }.map {
      TunedModule(
        name: $0.module, blocks: $0.blocks, rows: $0.rows, columns: $0.blocks[0].columns, isTransposed: $0.isTransposed)
    }
  }

  /// The rows of the tensor that belong to `block`.
  func slice(of block: ParameterBlock) -> RowSlice { map.part(of: block).rows }

  /// Whether the block number `index` is stored transposed.
  func isTransposed(_ index: Int) -> Bool { map.part(of: layout.blocks[index]).isTransposed }

  /// Whether the checkpoint lacks `block`, because the block is made for a task.
  func isNew(_ block: ParameterBlock) -> Bool {
    optional.contains(block.name) && weights.map { !$0.contains(map.part(of: block).tensor) } ?? true
  }

  /// Adds the tuning that `source` describes. Its new blocks come behind those of the model, and only the blocks that
  /// it trains can be trained.
  ///
  /// Throws `InputError` for what the model lacks, for an adapter of another model, and where it is tuned already.
  mutating func attach(_ source: TuningSource) throws {
    let plan: Tuning
    switch source {
    case .fresh(.full, _): return
    case .fresh(.lora(let configuration), _):
      try configuration.validate("[tuning]")
      plan = try configuration.plan(of: self, "[tuning]")
    case .fresh(.bitfit, _): plan = .bitfit(of: self)
    case .fresh(.prefix(let tokens), _): plan = try .prefix(tokens, of: self, "[tuning] tokens")
    case .adapter(let adapter): plan = try adapter.plan(of: self)
    }
    guard tuning == nil else {
      throw InputError(
        directory ?? file.path, found: "a second adapter beside the model", expected: "one at a time")
    }
    let own = layout.blocks.map {
      ParameterLayout.Entry($0.name, rows: $0.rows, columns: $0.columns, role: $0.role, layer: $0.layer)
    }
    layout = try ParameterLayout(own + plan.entries)
    tuning = AttachedTuning(source: source, plan: plan)
  }

  /// `chosen`, where only the blocks that the tuning trains stay trainable.
  func tuned(_ chosen: ParameterLayout, _ selection: BlockSelection) throws(InputError) -> ParameterLayout {
    guard let plan = tuning?.plan else { return chosen }
    let tuned = chosen.training { chosen.blocks[$0.index].isTrainable && plan.trained.contains($0.index) }
    guard !tuned.trainable.isEmpty else {
      throw InputError(
        "blocks '\(selection)'", found: "only blocks that the tuning leaves frozen", expected: "some that it trains")
    }
    return tuned
  }

  /// The layout in which the blocks that the tuning trains are trainable; all blocks where there is no tuning.
  package var tunedLayout: ParameterLayout {
    layout.training { block in tuning?.plan.trained.contains(block.index) ?? true }
  }

  /// Sets the start of A and B of a fresh LoRA in weights that were made elsewhere.
  package func startFresh(_ theta: inout ParameterStore) { tuning?.startFresh(&theta) }

  /// The weights with the adapter that `save` wrote to `destination`, in place of the start of the tuning.
  ///
  /// Throws `InputError` when there is no such adapter.
  public func loadAdapter(in destination: String, storage: WeightStorage) throws -> ParameterStore {
    if storage == .frozen {
      var folder = self
      folder.tuning = nil
      var theta = try folder.loadParameters(storage: storage, deltaRank: .unlimited)
      try FactorFiles(folder).read(destination, into: &theta)
      return theta
    }
    var theta = try loadParameters(storage: storage)
    if let tuning { try PEFTAdapter(directory: destination).read(tuning.plan, of: self, into: &theta) }
    return theta
  }

  /// Fills the blocks of the tuning in theta, from the files of an adapter or with the start of a fresh run.
  ///
  /// The keys and values of a fresh prefix stay zeros here, because their start needs a pass of the model.
  func startTuning(_ theta: inout ParameterStore) throws {
    guard let tuning else { return }
    switch tuning.source {
    case .adapter(let adapter): try adapter.read(tuning.plan, of: self, into: &theta)
    case .fresh: tuning.startFresh(&theta)
    }
  }
}

extension Tuning {
  /// The tuning that trains the biases and norms of the model in `folder`. The whole model is saved.
  static func bitfit(of folder: ModelFolder) -> Tuning {
    var plan = Tuning(behind: folder.layout.blocks.count)
    plan.trained = Set(
      folder.layout.blocks.filter { $0.role == .bias || $0.role == .norm || folder.isNew($0) }.map(\.index))
    return plan
  }
}
