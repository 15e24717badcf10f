import ArgumentParser
import Zeroth
import ZerothBenchmarks
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Say what a model is: its family and its parts, its blocks with roles and sizes, what training them takes.")

  @Option(help: .option("model", "path"), completion: .file())
  var model: String
  @Option(name: .customLong("blocks"), help: "Only these blocks, such as 'query,value' or 'layers:0-3'.")
  var selection = "all"
  @OptionGroup var output: OutputOptions

  func run() throws {
    let directory = try Embedded.modelDirectory(model)
    let model = try loadModel(directory: directory, families: ZerothTool.toolbox.families)
    let blocks = try BlockSelection(parsing: selection).resolve(in: model.layout)
    let count = blocks.reduce(0) { $0 + $1.count }
    let attention = try BlockSelection(parsing: DivergenceProjection.Preset.paper.blocks)
    let projected = blocks.filter(attention.contains).reduce(0) { $0 + $1.count }
    var table = Table([.left("block"), .left("role"), .right("layer"), .right("shape"), .right("parameters")])
    for block in blocks {
      table.rows.append([
        block.name, block.role.rawValue, block.layer.map { "\($0)" } ?? "-",
        block.columns == 1 ? "\(block.rows)" : "\(block.rows) x \(block.columns)", "\(block.count)",
      ])
    }
    let head = model.outputBlock
    let isTied = head?.role == .embedding
    let stored = model.folder.storedTypes.map { "\($0.tensors) tensors in \($0.type)" }
    let tokenizer = GGUFTokenizer.isIn(directory) ? ["in the file"] : tokenizerFiles(in: directory)
    let summary =
      [("family", model.folder.modelType)] + model.summary + [
        ("stored", stored.joined(separator: ", ")),
        ("tokenizer", tokenizer.isEmpty ? "no files: texts cannot be read" : tokenizer.joined(separator: ", ")),
      ]
    var parts = Table([.left("part"), .left("what it is")])
    for line in summary { parts.rows.append([line.0, line.1]) }
    output.print(
      [
        "model": .string(directory), "family": .string(model.folder.modelType),
        "summary": .array(summary.map { .array([.string($0.0), .string($0.1)]) }),
        "notes": .array(model.folder.notes.map { .string($0) }), "output": head.map { .string($0.name) } ?? .null,
        "tied": .bool(isTied),
        "parameters": .int(count), "weights_bytes": .int(4 * count),
        "momentum_bytes": .int(4 * count), "dizo_bytes": .int(4 * projected),
        "blocks": .array(
          blocks.map { block in
            [
              "name": .string(block.name), "role": .string(block.role.rawValue),
              "layer": block.layer.map { .int($0) } ?? .null,
              "shape": block.columns == 1 ? [.int(block.rows)] : [.int(block.rows), .int(block.columns)],
              "parameters": .int(block.count), "bytes": .int(4 * block.count),
            ]
          }),
      ],
      text: """
        \(parts.text)\(model.folder.notes.map { $0 + "\n" }.joined())
        \(table.text)
        \(head.map { "Logits are rows of \($0.name)\(isTied ? ", tied to the embedding: one block" : "")." } ?? "No logits.")
        \(blocks.count) blocks, \(count) parameters: \(Human.bytes(4 * count)) of weights in fp32, with MeZO, LOZO and \
        LOZO-M alike;
        DiZO stores \(Human.bytes(4 * projected)) more (its query and value blocks), full momentum \
        \(Human.bytes(4 * count)) more.
        """)
  }
}
