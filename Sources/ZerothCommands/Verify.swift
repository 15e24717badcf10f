import ArgumentParser
import Foundation
import Zeroth
import ZerothBenchmarks
import ZerothModels
import ZerothPluginHost
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare this build's outputs with reference outputs; status 1 above tolerance.")

  @Option(help: .option("model", "path"), completion: .file())
  var model: String
  @Option(
    help:
      "The reference outputs. Default: golden.json in the model's folder, NAME.golden.json beside NAME.gguf, or that in the folder of --peft.",
    completion: .file(extensions: ["json"]))
  var golden: String?
  @Flag(
    help:
      "Compares the gradients of the loss too, which stand in the reference outputs or in gradients.json beside them.")
  var gradients = false
  @Option(help: .peft, completion: .directory)
  var peft: String?
  @OptionGroup var output: OutputOptions

  func run() throws {
    let directory = try Embedded.modelDirectory(model)
    let beside =
      GGUFTokenizer.isIn(directory)
      ? (directory.hasSuffix(".gguf") ? String(directory.dropLast(5)) : directory) + ".golden.json"
      : directory + "/golden.json"
    let path = golden ?? peft.map { $0 + "/golden.json" } ?? beside
    var golden = try Golden(path: path)
    let model = try loadModel(directory: directory, families: ZerothTool.toolbox.families)
    if let peft { try model.attach(PEFTAdapter(directory: peft)) }
    let theta = try model.loadFrozenParameters()
    // Generated inputs need no tokenizer, and none stands beside them. Texts need one.
    let tokenizer = golden.hasTexts ? try loadTokenizer(directory: directory, for: model) : nil
    let comparison = try model.compare(
      with: golden, at: theta, tokenize: tokenizer.map { tokenizer in { tokenizer.encode($0) } })
    var checks = comparison.checks
    if gradients {
      guard let model = model as? CausalModel else {
        throw InputError("--gradients", found: "a model that is not causal", expected: "a causal language model")
      }
      if !golden.hasGradients {
        try golden.readGradients(
          path: URL(fileURLWithPath: path).deletingLastPathComponent().appending(path: "gradients.json").path())
      }
      checks += try model.compareGradients(with: golden, at: model.loadParameters()).checks
    }
    let passes = checks.allSatisfy(\.passes)
    var table = Table([.left("compared"), .right("values"), .right("largest difference"), .right("allowed"), .left("")])
    for check in checks {
      table.rows.append([
        check.name, "\(check.count)", "\(Float(check.largest))", "\(Float(check.tolerance))",
        check.passes ? "ok" : "FAILS",
      ])
    }
    output.print(
      [
        "passes": .bool(passes),
        "checks": .array(
          checks.map { check in
            [
              "name": .string(check.name), "count": .int(check.count), "largest_difference": .double(check.largest),
              "tolerance": .double(check.tolerance), "passes": .bool(check.passes),
            ]
          }),
      ], text: table.text)
    if !passes { throw ExitCode(1) }
  }
}
