import Foundation
import Zeroth
import ZerothSupport

extension ModelFolder {
  /// Whether what is saved of a model tuned beside its weights is an adapter alone, in PEFT's format.
  public var savesAdapter: Bool { tuning.map { !$0.plan.tensors.isEmpty } ?? false }

  /// Whether what is saved of a tuned model, whose weights are held so, is an adapter alone.
  public func savesAdapter(_ storage: WeightStorage) -> Bool { savesAdapter || storage == .frozen }

  /// Whether `destination` has a model that was saved of this one, whose weights are held so.
  public func isSaved(in destination: String, _ storage: WeightStorage) -> Bool {
    savesAdapter(storage)
      ? PEFTAdapter.isIn(destination)
      : FileManager.default.fileExists(atPath: destination.appendingFile(Checkpoint.fileName))
  }

  /// Whether weights are written in `precision` without rounding: all in fp32, or, unless they are tuned, as they were read.
  public func isExact(_ precision: SavedPrecision, isTuned: Bool) -> Bool {
    if savesAdapter { return (precision.elementType ?? .f32) == .f32 }
    return precision == .float32 || precision == .asRead && !isTuned
      || map.tensors.allSatisfy { savedType(of: $0, precision) == .f32 }
  }

  /// The element types that the model's tensors are written as, each once, in the order of their names.
  public func writtenTypes(_ precision: SavedPrecision) -> [ElementType] {
    Set(map.tensors.map { savedType(of: $0, precision) }).sorted { $0.rawValue < $1.rawValue }
  }

  /// The element type that `tensor` is written as.
  private func savedType(of tensor: TensorMap.Tensor, _ precision: SavedPrecision) -> ElementType {
    precision.elementType ?? (try? weights?.savedType(of: tensor.name)) ?? .f32
  }

  /// Throws `InputError` where `tensor` is to be F16 and one of its finite values would become infinite.
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

  /// Writes the weights with `config.json` and every file that belongs to the model, to a folder that is made if need be; of a
  /// model with an adapter beside it, the adapter alone, as PEFT writes it.
  /// The weights come last, in one piece: a folder with `model.safetensors` is complete. Tensors that the model has no
  /// block for are not written.
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

  /// Writes the model with its adapter in its weights: W + s B A in the place of each W, as any model is saved.
  ///
  /// Throws `InputError` as `save` does, and for an adapter that is no change of weights.
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

  /// Writes all weights of the model; those of a block that `branch` says something of come with what that adds.
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
