import ArgumentParser
import Foundation
import Zeroth
import ZerothModels
import ZerothResources
import ZerothSupport

struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Write a model once more, in another precision, with all files that belong to it; or an adapter as llama.cpp has it."
  )

  @Option(help: .option("model", "path"), completion: .file())
  var model: String
  @Option(
    help:
      "A folder with a LoRA adapter of the model in PEFT's format, which is written in GGUF by itself. Default: none.",
    completion: .directory)
  var peft: String?
  @Option(
    help: "Folder that the model is written to, or the GGUF file of an adapter. Required.", completion: .file())
  var out: String
  @Option(help: .precision, completion: .list(SavedPrecision.allCases.map(\.rawValue)))
  var dtype = SavedPrecision.asRead.rawValue
  @OptionGroup var output: OutputOptions

  func run() throws {
    let precision = try SavedPrecision(option: dtype)
    let directory = try Embedded.modelDirectory(model)
    guard !directory.isSameFile(as: out) else {
      throw InputError("--out", found: "the folder of the model", expected: "another: it would be overwritten")
    }
    try WrittenPlace.check(out)
    let model = try loadModel(directory: directory, families: ZerothTool.toolbox.families)
    for note in model.folder.notes { FileHandle.standardError.write(Data("\(note)\n".utf8)) }
    if let peft { return try convert(peft, beside: model, precision) }
    guard !out.hasSuffix(".gguf") else {
      throw InputError(
        "--out", found: "'\(out.excerpt)'", expected: "a folder: adapters alone are written as GGUF, by --peft")
    }
    let theta = try model.loadFrozenParameters()
    try WrittenPlace.removingRemains(in: out) { try model.save(theta, to: out, as: precision) }
    let bytes = (try? FileManager.default.attributesOfItem(atPath: out + "/" + Checkpoint.fileName)[.size]) as? Int
    output.print(
      [
        "model": .string(directory), "out": .string(out), "dtype": .string(precision.rawValue),
        "parameters": .int(theta.layout.parameterCount), "bytes": bytes.map { .int($0) } ?? .null,
      ],
      text: "\(out): \(theta.layout.parameterCount) parameters, \(model.folder.writtenAs(precision))"
        + (bytes.map { ", \(Human.bytes($0))" } ?? ""))
  }

  private func convert(_ adapter: String, beside model: any PretrainedModel, _ precision: SavedPrecision) throws {
    guard precision == .asRead || precision == .float32 else {
      throw InputError("--dtype", found: "'\(dtype)' with --peft", expected: "float32, as adapters in GGUF are written")
    }
    guard out.hasSuffix(".gguf") else {
      throw InputError(
        "--out", found: "'\(out.excerpt)'", expected: "a file called NAME.gguf, which an adapter is written to")
    }
    try model.attach(PEFTAdapter(directory: adapter))
    let leftOut = try model.folder.saveGGUFAdapter(
      model.loadFrozenParameters(), to: out, families: ZerothTool.toolbox.families)
    for what in leftOut { StandardStreams.tell("left out, as llama.cpp has no place for it: \(what)\n") }
    output.print(
      [
        "peft": .string(adapter), "out": .string(out), "left_out": .array(leftOut.map { .string($0) }),
      ], text: "\(out): \(adapter)")
  }
}
