import ArgumentParser
import Foundation
import Zeroth
import ZerothModels
import ZerothResources
import ZerothSupport

struct Merge: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a model with a LoRA adapter in its weights, W + s B A in the place of each W.")

  @Option(help: .option("model", "path"), completion: .file())
  var model: String
  @Option(help: "A folder with a LoRA adapter in PEFT's format. Required.", completion: .directory)
  var peft: String
  @Option(help: "Folder that the model is written to. Required.", completion: .directory)
  var out: String
  @Option(help: .precision, completion: .list(SavedPrecision.allCases.map(\.rawValue)))
  var dtype = SavedPrecision.asRead.rawValue
  @OptionGroup var output: OutputOptions

  func run() throws {
    let precision = try SavedPrecision(option: dtype)
    try WrittenPlace.check(out)
    let model = try loadModel(directory: Embedded.modelDirectory(model), families: ZerothTool.toolbox.families)
    try model.attach(PEFTAdapter(directory: peft))
    for note in model.folder.notes { StandardStreams.tell("\(note)\n") }
    let theta = try model.loadFrozenParameters()
    try WrittenPlace.removingRemains(in: out) { try model.folder.saveMerged(theta, to: out, as: precision) }
    output.print(
      ["model": .string(self.model), "peft": .string(peft), "out": .string(out), "dtype": .string(precision.rawValue)],
      text: "\(out): \(self.model) with \(peft) in its weights, \(model.folder.writtenAs(precision))")
  }
}

extension ArgumentHelp {
  /// The help of `--dtype`.
  static let precision = ArgumentHelp(
    """
    What the weights are written as: \(SavedPrecision.allCases.map(\.rawValue).joined(separator: ", ")); rounded to the \
    nearest. Default: as-read, each tensor as it is, and a quantised one in fp32.
    """)
}

extension ModelFolder {
  /// The types in which the model's tensors are written, in words. A quantised tensor is widened to F32.
  func writtenAs(_ precision: SavedPrecision) -> String {
    writtenTypes(precision).map(\.rawValue).joined(separator: " and ")
  }
}

extension SavedPrecision {
  /// The precision that `--dtype` names. Throws an `InputError` for any other word.
  init(option text: String) throws(InputError) {
    guard let precision = SavedPrecision(rawValue: text) else {
      throw InputError(
        "--dtype", found: "'\(text.excerpt)'",
        expected: "one of \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    self = precision
  }
}
