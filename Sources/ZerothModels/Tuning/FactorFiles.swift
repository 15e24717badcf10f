import Foundation
import Zeroth
import ZerothSupport

/// The files of what was trained beside a base that is never written. They are an adapter that `peft` can load, and a
/// second file. The second file has what PEFT's LoRA cannot hold, in the form in which it was trained.
///
/// | of the model | in PEFT's files | in `zeroth_factors.safetensors` |
/// |---|---|---|
/// | linear layers, output layers | LoRA: A = V^T, B, r the rank, alpha = r | - |
/// | token embeddings | LoRA of an embedding: A = B^T, B = V; a tied output layer has an A and a B of its own, V^T and B | - |
/// | tables of positions | whole, in `modules_to_save` | B and V^T |
/// | norms | whole, in `modules_to_save` | the same |
/// | biases | whole, as tensors of the base (`bias = "all"`) | the same |
/// | a new label head | whole, a tensor that `peft` does not know | the same |
struct FactorFiles {
  /// The file of what LoRA cannot hold. A folder with this file was written by this type.
  static let restName = "zeroth_factors.safetensors"
  /// The text in front of the name of a block in the metadata of the file. The value is the rank of the block's
  /// factors.
  static let rankKey = "rank "

  /// A module whose weights are held by LoRA, and the blocks of its tensor.
  struct Module {
    let name: String
    let tensor: NamedTensor
    let isEmbedding: Bool

    var a: String { Tuning.peftPrefix + name + (isEmbedding ? ".lora_embedding_A" : ".lora_A.weight") }
    var b: String { Tuning.peftPrefix + name + (isEmbedding ? ".lora_embedding_B" : ".lora_B.weight") }
  }

  let folder: ModelFolder
  let modules: [Module]
  /// The tensors that PEFT's files hold whole.
  let whole: [NamedTensor]

  init(_ folder: ModelFolder) {
    self.folder = folder
    let tensors = folder.namedTensors
    let linear: Set<BlockRole> = [.query, .key, .value, .output, .dense, .head]
    modules = tensors.compactMap { tensor in
      guard tensor.name.hasSuffix(".weight"), tensor.blocks.allSatisfy({ $0.isMatrix && !folder.isNew($0) }) else {
        return nil
      }
      if tensor.blocks.allSatisfy({ $0.role == .embedding }) {
        return Module(name: tensor.module, tensor: tensor, isEmbedding: true)
      }
      guard tensor.blocks.allSatisfy({ linear.contains($0.role) }) else { return nil }
      return Module(name: tensor.module, tensor: tensor, isEmbedding: false)
    }
    let known = Set(modules.map(\.tensor.name))
    whole = tensors.filter { !known.contains($0.name) }
  }

  /// Other names of `module` as an output layer: that of an output layer that is the token embedding, and the name that
  /// version 5 of transformers has for the output layer of every causal model, whatever the checkpoint calls it.
  func heads(of module: Module) -> [String] {
    let block = module.tensor.blocks[0]
    var heads: [String] = []
    if module.isEmbedding, let head = folder.tiedHead, block.rows == folder.vocabularyRows { heads = [head] }
    if folder.isCausal, !heads.isEmpty || block.role == .head, (heads.first ?? module.name) != "lm_head" {
      heads.append("lm_head")
    }
    return heads
  }

  /// Whether `directory` has such files.
  static func isIn(_ directory: String) -> Bool {
    FileManager.default.fileExists(atPath: directory.appendingFile(restName))
  }

  /// A tensor to be written, and the function that makes its values.
  private struct Written {
    let tensor: SafetensorsWriter.Tensor
    let values: () -> [Float]
  }

  /// Writes the trained part of theta to `destination`, in fp32: the configuration first, the weights of the adapter
  /// last.
  ///
  /// Throws `InputError` when a file cannot be written.
  func save(_ theta: borrowing ParameterStore, to destination: String) throws {
    let stored = theta.stored()
    let trained = theta.layout.blocks.map(\.isTrainable)
    func isTrained(_ tensor: NamedTensor) -> Bool { tensor.blocks.contains { trained[$0.index] } }
    var adapter: [Written] = []
    var rest: [Written] = []
    var metadata = ["format": "pt"]
    var ranks: [(module: String, rank: Int)] = []
    for module in modules where isTrained(module.tensor) {
      let parts = Factors.parts(of: module, stored)
      let rank = parts.last.map { $0.column + $0.rank } ?? 0
      for part in parts { metadata[Self.rankKey + part.block.name] = "\(part.rank)" }
      let tensor = module.tensor
      let columns = tensor.blocks[0].columns
      let left = { Factors.left(parts, rows: tensor.rows, rank: rank, stored, folder) }
      let right = { Factors.right(parts, columns: columns, rank: rank, stored) }
      func put(_ module: Module) {
        ranks.append((module.name, rank))
        if module.isEmbedding {
          adapter.append(.init(tensor: .init(name: module.a, shape: [rank, tensor.rows])) { left().transposed(rank) })
          adapter.append(.init(tensor: .init(name: module.b, shape: [columns, rank])) { right().transposed(columns) })
        } else {
          adapter.append(.init(tensor: .init(name: module.a, shape: [rank, columns]), values: right))
          adapter.append(.init(tensor: .init(name: module.b, shape: [tensor.rows, rank]), values: left))
        }
      }
      put(module)
      for head in heads(of: module) { put(Module(name: head, tensor: tensor, isEmbedding: false)) }
    }
    let wrapped = Set(ranks.map(\.module))
    var saved: [String] = []
    var hasBias = false
    for tensor in whole where isTrained(tensor) {
      var name = tensor.name
      if tensor.blocks[0].role == .bias {
        hasBias = true
        // PEFT puts a module that it wraps one level deeper.
        if wrapped.contains(tensor.module) { name = tensor.module + ".base_layer.bias" }
      } else if !tensor.blocks.contains(where: folder.isNew), !saved.contains(tensor.module) {
        saved.append(tensor.module)
      }
      let pieces = TunedTensor(
        name: name, shape: tensor.shape,
        pieces: tensor.blocks.map {
          .init(block: $0.index, rows: folder.slice(of: $0), isTransposed: tensor.isTransposed)
        })
      let plan = Tuning(behind: folder.layout.blocks.count)
      let values = Factors.values(of: pieces, plan, stored, folder.layout)
      adapter.append(.init(tensor: .init(name: Tuning.peftPrefix + name, shape: tensor.shape)) { values })
      for block in tensor.blocks where trained[block.index] {
        if block.isMatrix, !folder.isNew(block) {
          guard let (left, right, rank) = stored.factors(of: block) else { continue }
          rest.append(.init(tensor: .init(name: block.name + ".left", shape: [block.rows, rank])) { left })
          rest.append(.init(tensor: .init(name: block.name + ".right", shape: [rank, block.columns])) { right })
        } else {
          let values = Factors.values(of: block, stored)
          rest.append(.init(tensor: .init(name: block.name, shape: [block.rows, block.columns])) { values })
        }
      }
    }
    try AtomicFile.write(
      configuration(ranks, saved: saved, hasBias: hasBias).indented + "\n",
      to: destination.appendingFile(PEFTConfiguration.name))
    for (tensors, name) in [(rest, Self.restName), (adapter, PEFTAdapter.weightsName)] {
      var next = tensors.makeIterator()
      try SafetensorsWriter.write(tensors.map(\.tensor), to: destination.appendingFile(name), metadata: metadata) {
        _, write in
        guard let written = next.next() else { return }
        try written.values().withUnsafeBufferPointer { try write($0) }
      }
    }
  }

  /// The content of `adapter_config.json`. Every module is listed by its whole name.
  private func configuration(_ ranks: [(module: String, rank: Int)], saved: [String], hasBias: Bool) -> JSON {
    let usual =
      Dictionary(grouping: ranks, by: \.rank).max { ($0.value.count, $0.key) < ($1.value.count, $1.key) }?.key ?? 1
    let others = ranks.filter { $0.rank != usual }
    func pattern(_ value: (Int) -> JSON) -> JSON {
      .object(others.map { .init($0.module.replacing(".", with: "\\."), value($0.rank)) })
    }
    return .object([
      .init("base_model_name_or_path", folder.directory.map { .string($0) } ?? .null), .init("inference_mode", true),
      .init("revision", .null), .init("task_type", folder.isCausal ? .string("CAUSAL_LM") : .null),
      .init("peft_type", .string("LORA")), .init("r", .int(usual)), .init("lora_alpha", .double(Double(usual))),
      .init("use_rslora", false), .init("target_modules", .array(ranks.map { .string($0.module) })),
      .init("exclude_modules", .null), .init("layers_to_transform", .null), .init("rank_pattern", pattern { .int($0) }),
      .init("alpha_pattern", pattern { .double(Double($0)) }),
      .init("modules_to_save", saved.isEmpty ? .null : .array(saved.map { .string($0) })),
      .init("fan_in_fan_out", .bool(modules.contains(where: \.tensor.isTransposed))), .init("init_lora_weights", true),
      .init("bias", .string(hasBias ? "all" : "none")), .init("lora_dropout", .double(0)), .init("use_dora", false),
    ])
  }
}

extension [Float] {
  /// The transpose of this matrix, whose rows have `columns` elements.
  func transposed(_ columns: Int) -> [Float] {
    guard columns > 0 else { return [] }
    let rows = count / columns
    var result = self
    for r in 0..<rows { for c in 0..<columns { result[c * rows + r] = self[r * columns + c] } }
    return result
  }
}
