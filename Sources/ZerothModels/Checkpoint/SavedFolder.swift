import Foundation
import Zeroth
import ZerothSupport

extension ModelFolder {
  /// Whether saving writes only an adapter, in PEFT's format, because the model is tuned beside its weights.
  public var savesAdapter: Bool { tuning.map { !$0.plan.tensors.isEmpty } ?? false }

  /// As above, for a model whose weights are stored in the way `storage`.
  public func savesAdapter(_ storage: WeightStorage) -> Bool { savesAdapter || storage == .frozen }

  /// Whether `destination` holds a model that was saved from this one, whose weights are stored in the way `storage`.
  public func isSaved(in destination: String, _ storage: WeightStorage) -> Bool {
    savesAdapter(storage)
      ? PEFTAdapter.isIn(destination)
      : FileManager.default.fileExists(atPath: destination.appendingFile(Checkpoint.fileName))
  }

  /// Whether `precision` writes the weights without rounding: in fp32, or, if the weights are not tuned, in the
  /// precision in which they were read.
  public func isExact(_ precision: SavedPrecision, isTuned: Bool) -> Bool {
    if savesAdapter { return (precision.elementType ?? .f32) == .f32 }
    return precision == .float32 || precision == .asRead && !isTuned
      || map.tensors.allSatisfy { savedType(of: $0, precision) == .f32 }
  }

  /// The element types in which the model's tensors are written, each once, in the order of their names.
  public func writtenTypes(_ precision: SavedPrecision) -> [ElementType] {
    Set(map.tensors.map { savedType(of: $0, precision) }).sorted { $0.rawValue < $1.rawValue }
  }

  /// The element type in which `tensor` is written.
  private func savedType(of tensor: TensorMap.Tensor, _ precision: SavedPrecision) -> ElementType {
    precision.elementType ?? (try? weights?.savedType(of: tensor.name)) ?? .f32
  }

  /// Throws `InputError` where `tensor` is written as F16 and one of its finite values would become infinite.
  static func requireRange(
    of tensor: SafetensorsWriter.Tensor, _ values: UnsafeBufferPointer<Float>, _ path: String
  ) throws(InputError) {
    guard tensor.elementType == .f16 else { return }
    for value in values where abs(value) >= 65520 && value.isFinite {
      throw InputError(
        "\(path): tensor '\(tensor.name.excerpt)'", found: "a value of \(value)",
        expected: "at most 65504, as F16 holds: save it as float32 or bfloat16")
    }
  }

  /// Writes the weights, `config.json` and all other files of the model to a folder, which is made if it does not
  /// exist. For a model with an adapter beside it, writes the adapter alone, in PEFT's format. The weights are written
  /// last and in one piece, so a folder with `model.safetensors` is complete. Tensors for which the model has no block
  /// are not written.
  ///
  /// Throws `InputError` when a file cannot be written, and for a weight beyond the range of `precision`.
  public func save(
    _ theta: borrowing ParameterStore, to destination: String, as precision: SavedPrecision = .asRead
  ) throws {
    if theta.keepsFactors, !theta.layout.trainable.isEmpty {
      try makePlace(destination)
      return try FactorFiles(self).save(theta, to: destination)
    }
    guard let tuning, savesAdapter else { return try saveWhole(theta, to: destination, as: precision) { _ in nil } }
    try makePlace(destination)
    try tuning.plan.save(theta, to: destination, as: precision.elementType ?? .f32, of: self)
  }

  /// Writes the model with its adapter merged into its weights: each W is replaced by W + s B A.
  ///
  /// Throws `InputError` as `save` does, and for an adapter that is not a change of weights.
  public func saveMerged(
    _ theta: borrowing ParameterStore, to destination: String, as precision: SavedPrecision = .asRead
  ) throws {
    guard let plan = tuning?.plan, plan.prefix == nil else {
      throw InputError(
        tuning?.source.subject ?? "adapter",
        found: tuning == nil ? "a model without an adapter" : "keys and values of virtual tokens",
        expected: "LoRA, which is a change of weights")
    }
    try saveWhole(theta, to: destination, as: precision) { block in plan.branches[block] }
  }

  /// Writes all weights of the model. Where `branch` gives a LoRA branch for a block, the branch is added to the block.
  private func saveWhole(
    _ theta: borrowing ParameterStore, to destination: String, as precision: SavedPrecision,
    branch: (Int) -> LoRABranch?
  ) throws {
    try makePlace(destination)
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
      try map.write(tensor, at: theta, adding: branch) { values in
        try Self.requireRange(of: written, values, path)
        try write(values)
      }
    }
  }

  private func makePlace(_ destination: String) throws {
    try requireOther(than: destination)
    do {
      try FileManager.default.createDirectory(atPath: destination, withIntermediateDirectories: true)
    } catch {
      throw InputError(destination, found: "a folder that cannot be made", expected: "a place to write the model to")
    }
  }
}
