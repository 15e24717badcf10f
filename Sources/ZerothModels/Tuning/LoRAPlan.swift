import Zeroth
import ZerothSupport

extension LoRAConfiguration {
  /// The plan with A and B beside the targets in the model of `folder`; they come behind the model's own blocks. Errors
  /// name `subject`, which is the file of the configuration or the table of options.
  ///
  /// Throws `InputError` for targets and modules to save that the model lacks, and for targets that cannot have LoRA
  /// beside them.
  func plan(of folder: ModelFolder, _ subject: String) throws -> Tuning {
    func field(_ name: String) -> String {
      subject.hasSuffix(".json") ? "\(subject): \(name)" : "\(subject) \(name.replacing("_", with: "-"))"
    }
    var plan = Tuning(behind: folder.layout.blocks.count)
    var written = self
    var found: [(module: TunedModule, rank: Int, alpha: Double)] = []
    for module in folder.modules {
      let blocks = targeted(in: module)
      guard !blocks.isEmpty else { continue }
      guard module.isLinear else {
        throw InputError(
          field("target_modules"), found: "'\(module.name.excerpt)', an embedding, a norm or the output layer",
          expected: "linear layers within the model")
      }
      let (rank, alpha) = rankAndAlpha(of: module.name)
      let count = plan.add(module, blocks, isStacked: isByBlock, rank: rank, scale: scale(rank, alpha), of: folder)
      found.append(
        (module, count * rank, isRankStabilized ? alpha * Double(count).squareRoot() : alpha * Double(count)))
    }
    guard !found.isEmpty else {
      throw InputError(
        field("target_modules"), found: "'\(targets)'\(narrowing), no module of the model",
        expected: "some of its linear layers")
    }
    // PEFT allows a file to give ranks of modules that are not targets. In options this has no effect, so it is
    // probably a mistake, and an error here.
    if !subject.hasSuffix(".json") {
      for (name, patterns) in [
        ("rank_pattern", rankPattern.map(\.pattern)), ("alpha_pattern", alphaPattern.map(\.pattern)),
      ] {
        for pattern in patterns where !found.contains(where: { Self.isMatch($0.module.name, pattern) }) {
          throw InputError(
            field(name), found: "'\(pattern.excerpt)', which no target matches",
            expected: "a pattern for some of \(found.map(\.module.name).joined(separator: ", ").excerpt)")
        }
      }
    }
    for name in modulesToSave { try plan.save(name, of: folder, field("modules_to_save")) }
    if bias != .none { plan.trainBiases(bias, beside: Set(found.map(\.module.name)), of: folder) }
    for tensor in plan.replaceNew(in: folder) {
      if !written.modulesToSave.contains(tensor.module) { written.modulesToSave.append(tensor.module) }
    }
    switch targets {
    case .names, .pattern: break
    case .blocks, .allLinear: written.spell(found, among: folder.modules)
    }
    plan.written = written
    return plan
  }

  /// The other options that narrow the targets, in words.
  private var narrowing: String {
    (layers.map { " in layers \($0.map(String.init).joined(separator: ","))" } ?? "")
      + (excluded.isEmpty ? "" : " without \(excluded.joined(separator: ","))")
  }

  private var isByBlock: Bool { if case .blocks = targets { true } else { false } }

  /// Describes `found` in PEFT's terms: names of modules, with their ranks and alphas. `modules` are all modules that a
  /// pattern could match.
  private mutating func spell(
    _ found: [(module: TunedModule, rank: Int, alpha: Double)], among modules: [TunedModule]
  ) {
    let wanted = Set(found.map(\.module.name))
    let ends = found.reduce(into: [String]()) { ends, entry in
      let end = entry.module.name.split(separator: ".").last.map(String.init) ?? entry.module.name
      if !ends.contains(end) { ends.append(end) }
    }
    excluded = []
    targets = .names(ends)
    if Set(modules.filter { !targeted(in: $0).isEmpty }.map(\.name)) != wanted {
      targets = .names(found.map(\.module.name))
      layers = nil
    }
    (rank, alpha) = (found[0].rank, found[0].alpha)
    func exact(_ name: String) -> String { name.replacing(".", with: "\\.") }
    rankPattern = found.filter { $0.rank != rank }.map { .init(exact($0.module.name), $0.rank) }
    alphaPattern = found.filter { $0.alpha != alpha }.map { .init(exact($0.module.name), $0.alpha) }
  }
}

extension LoRAConfiguration.Targets: CustomStringConvertible {
  /// The targets in words.
  public var description: String {
    switch self {
    case .blocks(let selection): "\(selection)"
    case .names(let names): names.joined(separator: ",")
    case .pattern(let pattern): pattern
    case .allLinear: "all-linear"
    }
  }
}

extension Tuning {
  /// The text in front of the names that PEFT gives modules.
  static let peftPrefix = "base_model.model."

  /// Adds A and B beside `blocks` of `module`. Returns the number of matrices A in its tensor: one that all blocks
  /// share, or with `isStacked` one for each block, one below the other.
  mutating func add(
    _ module: TunedModule, _ blocks: [ParameterBlock], isStacked: Bool, rank: Int, scale: Float, of folder: ModelFolder
  ) -> Int {
    largestRank = max(largestRank, rank)
    let isStacked = isStacked && module.blocks.count > 1
    func name(_ block: ParameterBlock) -> String {
      block.name.hasSuffix(".weight") ? String(block.name.dropLast(7)) : block.name
    }
    var a: [TunedTensor.Piece] = []
    var b: [TunedTensor.Piece] = []
    for block in blocks {
      if a.isEmpty || isStacked {
        let index = add(
          "\(isStacked ? name(block) : module.name).lora_A.weight", rows: rank, columns: module.columns,
          role: block.role.suffixed("a"), layer: block.layer)
        a.append(.init(block: index, rows: isStacked ? .from(a.count * rank) : .all))
      }
      let index = add(
        "\(name(block)).lora_B.weight", rows: block.rows, columns: rank, role: block.role.suffixed("b"),
        layer: block.layer)
      b.append(.init(block: index, rows: folder.slice(of: block), column: (a.count - 1) * rank))
      branches[block.index] = LoRABranch(a: a[a.count - 1].block, b: index, scale: scale)
    }
    let name = Self.peftPrefix + module.name
    tensors.append(.init(name: name + ".lora_A.weight", shape: [a.count * rank, module.columns], pieces: a))
    tensors.append(.init(name: name + ".lora_B.weight", shape: [module.rows, a.count * rank], pieces: b))
    return a.count
  }

  /// Trains and saves those of the model's own modules whose names end with `name`.
  mutating func save(_ name: String, of folder: ModelFolder, _ field: String) throws {
    var found = false
    for tensor in folder.namedTensors where tensor.module.hasSuffix(name) {
      found = true
      guard !tensor.blocks.contains(where: { branches[$0.index] != nil || $0.role == .embedding }) else {
        throw InputError(
          field, found: "'\(name.excerpt)', an embedding or a target of LoRA", expected: "other modules")
      }
      replace(tensor, of: folder, isOptional: tensor.blocks.contains(where: folder.isNew))
    }
    guard found else {
      throw InputError(field, found: "'\(name.excerpt)'", expected: "a module of the model")
    }
  }

  /// Trains and saves biases of the model: all of them, or those of the `modules` that have LoRA beside them.
  ///
  /// PEFT wraps these modules, so the names of their biases are one level deeper. With `lora_only` it writes none of
  /// the biases, so an adapter may lack them.
  mutating func trainBiases(_ bias: LoRAConfiguration.Bias, beside modules: Set<String>, of folder: ModelFolder) {
    for tensor in folder.namedTensors where tensor.name.hasSuffix(".bias") {
      let isWrapped = modules.contains(tensor.module)
      guard isWrapped || bias == .all else { continue }
      replace(
        tensor, as: isWrapped ? tensor.module + ".base_layer.bias" : tensor.name, of: folder,
        isOptional: bias == .loraOnly)
    }
  }

  /// Trains and saves the tensors that the checkpoint lacks, and returns them.
  mutating func replaceNew(in folder: ModelFolder) -> [NamedTensor] {
    let new = folder.namedTensors.filter { $0.blocks.contains(where: folder.isNew) }
    for tensor in new { replace(tensor, of: folder, isOptional: true) }
    return new
  }

  /// Trains the blocks of `tensor`, each once. The tensor is saved under `name`, or else under its own name.
  mutating func replace(
    _ tensor: NamedTensor, as name: String? = nil, of folder: ModelFolder, isOptional: Bool = false
  ) {
    guard !tensor.blocks.contains(where: { trained.contains($0.index) }) else { return }
    for block in tensor.blocks { trained.insert(block.index) }
    trainsMatrices = trainsMatrices || tensor.blocks.contains(where: \.isMatrix)
    tensors.append(
      .init(
        name: Self.peftPrefix + (name ?? tensor.name), shape: tensor.shape,
        pieces: tensor.blocks.map {
          .init(block: $0.index, rows: folder.slice(of: $0), isTransposed: tensor.isTransposed)
        }, isOptional: isOptional))
  }
}

extension BlockRole {
  /// The role with `-` and `suffix` added.
  fileprivate func suffixed(_ suffix: String) -> BlockRole { BlockRole(rawValue: "\(rawValue)-\(suffix)") }
}
