import Foundation
import Zeroth
import ZerothSupport

extension Tuning {
  /// Writes the trained values at theta to the folder `destination`, in PEFT's format. The configuration is written
  /// first, and the weights last and in one piece. The elements are of `type`.
  ///
  /// Throws `InputError` when a file cannot be written.
  func save(
    _ theta: borrowing ParameterStore, to destination: String, as type: ElementType, of folder: ModelFolder
  ) throws {
    try AtomicFile.write(
      configuration(of: folder).indented + "\n", to: destination.appendingFile(PEFTConfiguration.name))
    let path = destination.appendingFile(PEFTAdapter.weightsName)
    let written = tensors.map { SafetensorsWriter.Tensor(name: $0.name, shape: $0.shape, elementType: type) }
    var rest = tensors.makeIterator()
    try SafetensorsWriter.write(written, to: path) { written, write in
      guard let tensor = rest.next() else { return }
      try values(of: tensor, at: theta).withUnsafeBufferPointer { values in
        try ModelFolder.requireRange(of: written, values, path)
        try write(values)
      }
    }
  }

  /// The values of `tensor` at theta, row by row.
  func values(of tensor: TunedTensor, at theta: borrowing ParameterStore) -> [Float] {
    var whole = [Float](repeating: 0, count: tensor.count)
    for piece in tensor.pieces {
      let block = theta.layout.blocks[piece.block]
      theta.withBlock(block) { values in
        for row in 0..<block.rows {
          for column in 0..<block.columns {
            whole[piece.place(row, column, in: tensor.shape)] = values[row * block.columns + column]
          }
        }
      }
    }
    return whole
  }

  /// The content of `adapter_config.json`.
  private func configuration(of folder: ModelFolder) -> JSON {
    let common: [JSON.Member] = [
      .init("base_model_name_or_path", folder.directory.map { .string($0) } ?? .null), .init("inference_mode", true),
      .init("revision", .null), .init("task_type", folder.isCausal ? .string("CAUSAL_LM") : .null),
    ]
    if let prefix, let first = prefix.layers.first {
      let width = entries[first.keys - firstEntry].columns
      return .object(
        common + [
          .init("peft_type", .string("PREFIX_TUNING")), .init("num_virtual_tokens", .int(prefix.tokens)),
          .init("num_layers", .int(prefix.layers.count)), .init("num_transformer_submodules", .int(1)),
          .init("num_attention_heads", .int(width / folder.headWidth)), .init("token_dim", .int(width)),
          .init("prefix_projection", false), .init("encoder_hidden_size", .int(width)),
        ])
    }
    guard let written else { return .object(common) }
    return .object(common + written.members(isTransposed: branches.keys.contains(where: folder.isTransposed)))
  }
}

extension LoRAConfiguration {
  /// The fields of PEFT's `LoraConfig`.
  fileprivate func members(isTransposed: Bool) -> [JSON.Member] {
    func names(_ names: [String]) -> JSON { names.isEmpty ? .null : .array(names.map { .string($0) }) }
    let modules: JSON =
      switch targets {
      case .names(let all): .array(all.map { .string($0) })
      case .pattern(let pattern): .string(pattern)
      case .allLinear, .blocks: .string("all-linear")
      }
    return [
      .init("peft_type", .string("LORA")), .init("r", .int(rank)), .init("lora_alpha", .double(alpha)),
      .init("use_rslora", .bool(isRankStabilized)), .init("target_modules", modules),
      .init("exclude_modules", names(excluded)),
      .init("layers_to_transform", layers.map { .array($0.map { .int($0) }) } ?? .null),
      .init("rank_pattern", .object(rankPattern.map { .init($0.pattern, .int($0.value)) })),
      .init("alpha_pattern", .object(alphaPattern.map { .init($0.pattern, .double($0.value)) })),
      .init("modules_to_save", names(modulesToSave)), .init("fan_in_fan_out", .bool(isTransposed)),
      .init("init_lora_weights", start == .gaussian ? .string("gaussian") : true),
      .init("bias", .string(bias.rawValue)),
      .init("lora_dropout", .double(0)), .init("use_dora", false),
    ]
  }
}
