import ArgumentParser
import Foundation
import Zeroth
import ZerothModels
import ZerothResources
import ZerothSupport

struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a model once more, in another precision, with all files that belong to it.")

  @Option(help: .option("model", "path"), completion: .file())
  var model: String
  @Option(help: "Folder that the model is written to. Required.", completion: .directory)
  var out: String
  @Option(help: .precision, completion: .list(SavedPrecision.allCases.map(\.rawValue)))
  var dtype = SavedPrecision.asRead.rawValue
  @OptionGroup var output: OutputOptions

  func run() throws {
    let precision = try SavedPrecision(option: dtype)
    let directory = try Embedded.modelDirectory(model)
    guard Self.realPath(directory) != Self.realPath(out) else {
      throw InputError("--out", found: "the folder of the model", expected: "another: it would be overwritten")
    }
    let model = try loadModel(directory: directory, families: ZerothTool.toolbox.families)
    for note in model.folder.notes { FileHandle.standardError.write(Data("\(note)\n".utf8)) }
    let theta = try model.loadFrozenParameters()
    try model.save(theta, to: out, as: precision)
    let bytes = (try? FileManager.default.attributesOfItem(atPath: out + "/" + Checkpoint.fileName)[.size]) as? Int
    output.print(
      [
        "model": .string(directory), "out": .string(out), "dtype": .string(precision.rawValue),
        "parameters": .int(theta.layout.parameterCount), "bytes": bytes.map { .int($0) } ?? .null,
      ],
      text: "\(out): \(theta.layout.parameterCount) parameters, \(precision.rawValue)"
        + (bytes.map { ", \(Human.bytes($0))" } ?? ""))
  }

  private static func realPath(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
  }
}
