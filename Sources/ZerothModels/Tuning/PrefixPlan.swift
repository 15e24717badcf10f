import Zeroth
import ZerothSupport

extension Tuning {
  /// The name of the one tensor that PEFT saves for prefixes. Row t has the keys and values of virtual token t, layer
  /// by layer, the keys first.
  static let prefixTensor = "prompt_embeddings"

  /// The plan with the keys and values of `tokens` virtual tokens in each layer of the model in `folder`. Errors name
  /// `subject`.
  ///
  /// Throws `InputError` where the context has no room for them.
  static func prefix(_ tokens: Int, of folder: ModelFolder, _ subject: String) throws -> Tuning {
    guard tokens < folder.context else {
      throw InputError(
        subject, found: "\(tokens) virtual tokens", expected: "fewer than the model's context, \(folder.context)")
    }
    var plan = Tuning(behind: folder.layout.blocks.count)
    var layers: [(keys: Int, values: Int)] = []
    var pieces: [TunedTensor.Piece] = []
    var width = 0
    for block in folder.layout.blocks where block.role == .key && block.columns > 1 {
      let name = "prefix.\(layers.count)"
      func add(_ part: String) -> Int {
        let index = plan.add(
          "\(name).\(part)", rows: tokens, columns: block.rows, role: BlockRole(rawValue: "prefix-\(part)"),
          layer: block.layer)
        pieces.append(.init(block: index, column: width))
        width += block.rows
        return index
      }
      let keys = add("key")
      layers.append((keys, add("value")))
    }
    plan.prefix = Prefix(tokens: tokens, layers: layers)
    plan.tensors = [TunedTensor(name: prefixTensor, shape: [tokens, width], pieces: pieces)]
    _ = plan.replaceNew(in: folder)
    return plan
  }
}
