import Foundation
import Zeroth
import ZerothSupport

/// A LoRA adapter in PEFT's format: `adapter_config.json` and `adapter_model.safetensors` in a folder.
///
/// Supported: r, alpha, rank-stabilised scales, ranks and alphas by pattern, target modules by name, by regular expression or
/// `all-linear`, layers, and modules that are saved whole. What changes the formula otherwise, such as DoRA, is refused by name.
public struct PEFTAdapter: Sendable {
  /// The folder.
  public let directory: String
  private let configuration: PEFTConfiguration
  private let file: SafetensorsFile

  /// Opens the adapter in `directory`. Throws `InputError` for files that are missing, damaged or of a kind that is not supported.
  public init(directory: String) throws {
    self.directory = directory
    configuration = try PEFTConfiguration(path: directory.appendingFile("adapter_config.json"))
    file = try SafetensorsFile(path: directory.appendingFile("adapter_model.safetensors"))
  }

  /// What the adapter adds to the model of `folder`.
  ///
  /// Throws `InputError` for modules or tensors that the model or the file lacks, and for a shape that disagrees.
  func tuning(of folder: ModelFolder) throws -> Tuning {
    var entries: [ParameterLayout.Entry] = []
    var branches: [Int: LoRABranch] = [:]
    var sources: [Tuning.Source] = []
    var used: Set<String> = []
    var largest = 0
    let modules = folder.modules
    for module in modules {
      guard try configuration.targets(module) else { continue }
      guard module.isLinear else {
        throw InputError(
          "\(configuration.path): target_modules", found: "'\(module.name)', an embedding, a norm or the output layer",
          expected: "linear layers within the model")
      }
      let (rank, scale) = try configuration.rankAndScale(of: module.name)
      largest = max(largest, rank)
      let a = try take(module.name + ".lora_A.weight", [rank, module.columns], &used)
      let b = try take(module.name + ".lora_B.weight", [module.rows, rank], &used)
      let first = folder.layout.blocks.count
      let aPlace = first + entries.count
      entries.append(
        .init(
          "\(module.name).lora_A.weight", rows: rank, columns: module.columns,
          role: BlockRole(rawValue: module.blocks[0].role.rawValue + "-a"), layer: module.blocks[0].layer))
      sources.append(.init(block: aPlace, tensor: a, rows: .all, isTransposed: false))
      for block in module.blocks {
        branches[block.index] = LoRABranch(a: aPlace, b: first + entries.count, scale: scale)
        sources.append(
          .init(block: first + entries.count, tensor: b, rows: folder.slice(of: block), isTransposed: false))
        let name = block.name.hasSuffix(".weight") ? String(block.name.dropLast(7)) : block.name
        entries.append(
          .init(
            "\(name).lora_B.weight", rows: block.rows, columns: rank,
            role: BlockRole(rawValue: block.role.rawValue + "-b"), layer: block.layer))
      }
    }
    guard !branches.isEmpty else {
      throw InputError(
        "\(configuration.path): target_modules", found: "no module of the model", expected: "some of its linear layers")
    }
    let saved = try replaced(in: folder, branches, &used, &sources)
    let superfluous = file.names.first { !used.contains($0) }
    if let superfluous {
      throw InputError(
        "\(file.path): tensor '\(superfluous.excerpt)'",
        found: "a tensor that the adapter's configuration has no place for",
        expected: "those of target_modules and modules_to_save")
    }
    let own = folder.layout.blocks.count
    return Tuning(
      entries: entries, branches: branches,
      trained: Set(own..<(own + entries.count)).union(saved.map(\.index)), sources: sources, largestRank: largest,
      trainsMatrices: saved.contains(where: \.isMatrix))
  }

  /// The model's own blocks that `modules_to_save` replaces.
  private func replaced(
    in folder: ModelFolder, _ branches: [Int: LoRABranch], _ used: inout Set<String>, _ sources: inout [Tuning.Source]
  ) throws -> [ParameterBlock] {
    var saved: [ParameterBlock] = []
    for name in configuration.modulesToSave {
      var found = false
      for tensor in folder.namedTensors where tensor.module.hasSuffix(name) {
        found = true
        guard !tensor.blocks.contains(where: { branches[$0.index] != nil || $0.role == .embedding }) else {
          throw InputError(
            "\(configuration.path): modules_to_save", found: "'\(name.excerpt)', an embedding or a target of LoRA",
            expected: "other modules")
        }
        let source = try take(tensor.name, tensor.shape, &used)
        for block in tensor.blocks {
          saved.append(block)
          sources.append(
            .init(
              block: block.index, tensor: source, rows: folder.slice(of: block), isTransposed: tensor.isTransposed))
        }
      }
      guard found else {
        throw InputError(
          "\(configuration.path): modules_to_save", found: "'\(name.excerpt)'", expected: "a module of the model")
      }
    }
    return saved
  }

  /// The name in the file of the tensor `name`, which has `shape`.
  private func take(_ name: String, _ shape: [Int], _ used: inout Set<String>) throws -> String {
    let full = "base_model.model." + name
    let info = try file.floatInfo(full)
    guard info.shape == shape else {
      throw InputError(
        "\(file.path): tensor '\(full.excerpt)'", found: "shape \(info.shape)",
        expected: "\(shape), as the model and adapter_config.json say")
    }
    used.insert(full)
    return full
  }

  /// Fills the blocks of `tuning` in theta with the values of the file.
  func read(_ tuning: Tuning, into theta: inout ParameterStore) throws {
    for source in tuning.sources {
      let block = theta.layout.blocks[source.block]
      let info = try file.floatInfo(source.tensor)
      let whole = try [Float](unsafeUninitializedCapacity: info.elementCount) { buffer, count in
        try file.read(source.tensor, into: UnsafeMutableBufferPointer(rebasing: buffer[..<info.elementCount]))
        count = info.elementCount
      }
      let total = info.elementCount / block.columns
      var values = [Float](repeating: 0, count: block.count)
      for row in 0..<block.rows {
        let place = source.rows.place(of: row)
        for c in 0..<block.columns {
          values[row * block.columns + c] =
            source.isTransposed ? whole[c * total + place] : whole[place * block.columns + c]
        }
      }
      theta.fill(block, with: values)
    }
  }
}
