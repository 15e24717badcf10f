import Foundation
import Zeroth
import ZerothSupport

/// An adapter in PEFT's format: `adapter_config.json` and `adapter_model.safetensors` in a folder.
///
/// Supported for LoRA are r, alpha, rank-stabilised scales, ranks and alphas by pattern, target modules by name, by
/// regular expression or `all-linear`, layers, biases, and modules that are saved whole. Prefixes are supported too.
/// Everything else that changes the formula, such as DoRA, is refused with an error that names it.
public struct PEFTAdapter: Sendable {
  /// The name of the weights in their folder.
  static let weightsName = "adapter_model.safetensors"

  /// The folder.
  public let directory: String
  /// Whether the adapter is the keys and values of virtual tokens.
  public var isPrefix: Bool { if case .prefix = configuration { true } else { false } }
  /// Whether the adapter holds what was trained beside a base that is never written.
  public var isOfFactors: Bool { if case .factors = configuration { true } else { false } }
  let configuration: PEFTConfiguration
  private let path: String
  private let file: SafetensorsFile

  /// Opens the adapter in `directory`. Throws `InputError` for files that are missing, damaged, or of an unsupported
  /// kind.
  public init(directory: String) throws {
    self.directory = directory
    path = directory.appendingFile(PEFTConfiguration.name)
    try Self.refuseOtherFolder(directory)
    configuration = FactorFiles.isIn(directory) ? .factors : try PEFTConfiguration(path: path)
    file = try SafetensorsFile(path: directory.appendingFile(Self.weightsName))
  }

  /// Throws `InputError` for the folder of a run, whose adapter is in a subfolder, and for the folder of a whole model.
  private static func refuseOtherFolder(_ directory: String) throws(InputError) {
    func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: directory.appendingFile(name)) }
    if has(PEFTConfiguration.name) || FactorFiles.isIn(directory) { return }
    if has("model/" + PEFTConfiguration.name) {
      throw InputError(
        directory, found: "the folder of a run", expected: "its adapter, \(directory.appendingFile("model"))")
    }
    if has(ConfigurationFile.name) {
      throw InputError(directory, found: "a whole model", expected: "an adapter in PEFT's format; --model takes models")
    }
  }

  /// Whether `directory` contains the weights of an adapter.
  static func isIn(_ directory: String) -> Bool {
    FileManager.default.fileExists(atPath: directory.appendingFile(weightsName))
  }

  /// Whether the adapter contains the label head that a tuned encoder was given.
  public var hasLabelHead: Bool { contains(Tuning.peftPrefix + EncoderModel.labelHeadName) }

  /// Whether the file has the tensor `name`.
  func contains(_ name: String) -> Bool { file.tensors[name] != nil }

  /// The plan of what the adapter adds to the model of `folder`.
  ///
  /// Throws `InputError` for modules or tensors that the model or the file lacks, and for a shape that disagrees.
  func plan(of folder: ModelFolder) throws -> Tuning {
    let plan =
      switch configuration {
      case .lora(let lora): try lora.plan(of: folder, path)
      case .prefix(let tokens): try Tuning.prefix(tokens, of: folder, path)
      case .factors: Tuning.factors(of: folder)
      }
    if isOfFactors { return plan }
    for tensor in plan.tensors where contains(tensor.name) || !tensor.isOptional {
      let info = try file.floatInfo(tensor.name)
      guard info.shape == tensor.shape else {
        throw InputError(
          "\(file.path): tensor '\(tensor.name.excerpt)'", found: "shape \(info.shape)",
          expected: "\(tensor.shape), as the model and \(PEFTConfiguration.name) say")
      }
    }
    let known = Set(plan.tensors.map(\.name))
    if let superfluous = file.names.first(where: { !known.contains($0) }) {
      throw InputError(
        "\(file.path): tensor '\(superfluous.excerpt)'",
        found: "a tensor that the adapter's configuration has no place for",
        expected: "those of target_modules and modules_to_save")
    }
    return plan
  }

  /// Fills the blocks of `plan` in theta with the values in the file.
  func read(_ plan: Tuning, of folder: ModelFolder, into theta: inout ParameterStore) throws {
    if isOfFactors { return try FactorFiles(folder).read(directory, into: &theta) }
    for tensor in plan.tensors where contains(tensor.name) {
      let whole = try [Float](unsafeUninitializedCapacity: tensor.count) { buffer, count in
        try file.read(tensor.name, into: UnsafeMutableBufferPointer(rebasing: buffer[..<tensor.count]))
        count = tensor.count
      }
      for piece in tensor.pieces {
        let block = theta.layout.blocks[piece.block]
        var values: [Float] = []
        values.reserveCapacity(block.count)
        for row in 0..<block.rows {
          for column in 0..<block.columns { values.append(whole[piece.place(row, column, in: tensor.shape)]) }
        }
        theta.fill(block, with: values)
      }
    }
  }
}
