import Foundation
import Zeroth
import ZerothSupport

/// How weights are held while they are used.
public enum WeightStorage: String, CaseIterable, Sendable {
  /// All in fp32: four bytes for a parameter.
  case float32
  /// Matrices that the checkpoint stores in half precision stay so, in a private copy of the mapped file: two bytes for
  /// a parameter. What an update writes is rounded at random, without bias; low-rank updates are gathered in fp32 first.
  case asStored = "as-stored"
}

/// A model folder in the Hugging Face format (`config.json` and safetensors), with the blocks that its weights go to.
///
/// Without weights it is a configuration alone, for models of any shape with random parameters.
public struct ModelFolder: Sendable {
  /// The folder that the model was read from; nil for a configuration alone.
  public let directory: String?
  /// The configuration in `config.json`.
  public let configuration: ModelConfiguration
  /// The blocks of the parameters, named as in the checkpoint.
  public let layout: ParameterLayout

  private let file: ConfigurationFile
  private let checkpoint: Checkpoint?
  /// Blocks that a checkpoint may lack: they start as zeros.
  private let optional: Set<String>

  /// What a family of models needs to know before it can name its blocks.
  struct Source {
    let directory: String?
    let file: ConfigurationFile
    let configuration: ModelConfiguration
    let checkpoint: Checkpoint?

    /// Opens `directory`; the configuration first, since an unsupported model is the clearer error.
    init(directory: String) throws {
      self.directory = directory
      file = try ConfigurationFile(directory: directory)
      configuration = try ModelConfiguration(file)
      checkpoint = try Checkpoint(directory: directory)
    }

    /// A configuration without weights.
    init(_ file: ConfigurationFile) throws {
      directory = nil
      self.file = file
      configuration = try ModelConfiguration(file)
      checkpoint = nil
    }

    /// Whether there are weights, a tensor `name` among them.
    func contains(_ name: String) -> Bool { checkpoint?.contains(name) ?? false }
  }

  /// Lays out `entries` and checks that the checkpoint, if there is one, holds exactly their tensors, in their shapes.
  ///
  /// `optional` names blocks that it may lack, `isRedundant` tells tensors that it may hold beyond them. Throws
  /// `InputError` for a missing or superfluous tensor, or a shape that disagrees.
  init(
    _ source: Source, entries: [ParameterLayout.Entry], optional: Set<String> = [], isRedundant: (String) -> Bool
  ) throws {
    directory = source.directory
    configuration = source.configuration
    file = source.file
    checkpoint = source.checkpoint
    self.optional = optional
    layout = try ParameterLayout(entries)
    try checkTensors(isRedundant)
  }

  private func checkTensors(_ isRedundant: (String) -> Bool) throws {
    guard let checkpoint else { return }
    for block in layout.blocks where checkpoint.contains(block.name) || !optional.contains(block.name) {
      let subject = "\(checkpoint.directory): tensor '\(block.name)'"
      let expected = "\(Self.shape(of: block)), as config.json says"
      guard checkpoint.contains(block.name) else {
        throw InputError(subject, found: "no such tensor", expected: "one of \(expected)")
      }
      let shape = try checkpoint.info(block.name).shape
      guard shape == Self.shape(of: block) || shape == [block.rows, block.columns] else {
        throw InputError(subject, found: "shape \(shape)", expected: expected)
      }
    }
    for name in checkpoint.names where layout[name] == nil && !isRedundant(name) {
      throw InputError(
        "\(checkpoint.directory): tensor '\(name)'", found: "a tensor that the model has no place for",
        expected: "the tensors that config.json describes")
    }
  }

  private static func shape(of block: ParameterBlock) -> [Int] {
    block.columns == 1 ? [block.rows] : [block.rows, block.columns]
  }

  /// The weights of the checkpoint; only the blocks of `selection` are trainable.
  ///
  /// Throws `InputError` when there is no checkpoint, or the selection has no block.
  public func loadParameters(
    training selection: BlockSelection = .all, storage: WeightStorage = .float32
  ) throws -> ParameterStore {
    guard let checkpoint else {
      throw InputError(file.path, found: "a configuration without weights", expected: "a model folder")
    }
    let layout = try layout.training(only: selection)
    let halves = storage == .asStored ? try checkpoint.halves(of: layout.blocks) : nil
    var theta = halves.map { ParameterStore(layout, halves: $0) } ?? ParameterStore(layout)
    for block in layout.blocks where checkpoint.contains(block.name) && !(halves?.contains(block) ?? false) {
      try theta.withMutableBlock(block) { span in
        try span.withUnsafeMutableBufferPointer { try checkpoint.read(block.name, into: $0) }
      }
    }
    return theta
  }

  /// Weights drawn from `key`: normal with standard deviation 0.02, gains around 1.
  public func randomParameters(_ key: StreamKey) -> ParameterStore {
    var theta = ParameterStore(layout)
    theta.add(DenseDirection(key, layout: layout), scale: 0.02)
    for block in layout.blocks where block.role == .norm && ["weight", "gamma"].contains(where: block.name.hasSuffix) {
      theta.withMutableBlock(block) { span in
        for i in 0..<span.count { span[i] += 1 }
      }
    }
    return theta
  }

  /// Writes the weights as fp32 with `config.json` and the tokenizer's files, to a folder that is made if need be.
  /// The weights come last, in one piece: a folder with `model.safetensors` is complete. Tensors that the model has no
  /// block for are not written.
  public func save(_ theta: borrowing ParameterStore, to destination: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: destination, withIntermediateDirectories: true)
    } catch {
      throw InputError(destination, found: "a folder that cannot be made", expected: "a place to write the model to")
    }
    try file.writeAsFloat32(to: destination)
    if let directory { try copyTokenizerFiles(from: directory, to: destination) }
    let tensors = try layout.blocks.map { block in
      let isStored = checkpoint?.contains(block.name) ?? false
      return SafetensorsWriter.Tensor(
        name: block.name, shape: isStored ? try checkpoint?.info(block.name).shape ?? [] : Self.shape(of: block))
    }
    var blocks = layout.blocks.makeIterator()
    try SafetensorsWriter.write(tensors, to: destination.appendingFile(Checkpoint.fileName)) { _, write in
      guard let block = blocks.next() else { return }
      try theta.withBlock(block) { try $0.withUnsafeBufferPointer(write) }
    }
  }
}
