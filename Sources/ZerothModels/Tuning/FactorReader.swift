import CZeroth
import Zeroth
import ZerothSupport

extension FactorFiles {
  /// Applies what `save` wrote to `directory` to theta. Factors are put beside a base that is never written, or added
  /// to matrices in fp32. Vectors replace those of theta.
  ///
  /// Throws `InputError` for files of another model, for damaged files, and for matrices in half precision, because
  /// these would be rounded.
  func read(_ directory: String, into theta: inout ParameterStore) throws {
    let adapter = try SafetensorsFile(path: directory.appendingFile(PEFTAdapter.weightsName))
    let rest = try SafetensorsFile(path: directory.appendingFile(Self.restName))
    try requireKnown(adapter)
    for module in modules where adapter.tensors[module.a] != nil {
      let tensor = module.tensor
      let ranks = try tensor.blocks.map { block throws(InputError) in
        guard let rank = rest.metadata[Self.rankKey + block.name].flatMap({ Int($0) }), (1...65535).contains(rank)
        else {
          throw InputError(
            "\(rest.path): '\(Self.rankKey)\(block.name.excerpt)' of the metadata",
            found: rest.metadata[Self.rankKey + block.name] ?? "nothing", expected: "the rank of its factors")
        }
        return rank
      }
      let rank = ranks.reduce(0, +)
      let columns = tensor.blocks[0].columns
      var right = try values(module.a, of: adapter, shape: module.isEmbedding ? [rank, tensor.rows] : [rank, columns])
      var left = try values(module.b, of: adapter, shape: module.isEmbedding ? [columns, rank] : [tensor.rows, rank])
      if module.isEmbedding {
        (left, right) = (right.transposed(tensor.rows), left.transposed(rank))
      }
      var column = 0
      for (block, own) in zip(tensor.blocks, ranks) {
        let slice = folder.slice(of: block)
        var b: [Float] = []
        b.reserveCapacity(block.rows * own)
        for row in 0..<block.rows {
          let start = slice.place(of: row) * rank + column
          b += left[start..<(start + own)]
        }
        try add(b, Array(right[(column * columns)..<((column + own) * columns)]), rank: own, block, to: &theta)
        column += own
      }
    }
    for block in folder.layout.blocks {
      if rest.tensors[block.name] != nil {
        theta.fill(
          theta.layout.blocks[block.index], with: try values(block.name, of: rest, shape: [block.rows, block.columns]))
      }
      guard let info = rest.tensors[block.name + ".left"] else { continue }
      guard info.shape.count == 2, (1...65535).contains(info.shape[1]) else {
        throw InputError(
          "\(rest.path): tensor '\(info.name.excerpt)'", found: "shape \(info.shape)",
          expected: "[\(block.rows), a rank]")
      }
      let rank = info.shape[1]
      try add(
        values(block.name + ".left", of: rest, shape: [block.rows, rank]),
        values(block.name + ".right", of: rest, shape: [rank, block.columns]), rank: rank, block, to: &theta)
    }
  }

  /// Throws `InputError` for a LoRA tensor for which the model has no module: the adapter is of another model.
  private func requireKnown(_ adapter: SafetensorsFile) throws(InputError) {
    var known: Set<String> = []
    for module in modules {
      let others = heads(of: module).map { Module(name: $0, tensor: module.tensor, isEmbedding: false) }
      for module in [module] + others { known.formUnion([module.a, module.b]) }
    }
    if let other = adapter.names.first(where: { $0.contains(".lora_") && !known.contains($0) }) {
      throw InputError(
        "\(adapter.path): tensor '\(other.excerpt)'", found: "factors that the model has no module for",
        expected: "those of the model that they were trained on")
    }
  }

  private func values(_ name: String, of file: SafetensorsFile, shape: [Int]) throws -> [Float] {
    let info = try file.floatInfo(name)
    guard info.shape == shape else {
      throw InputError(
        "\(file.path): tensor '\(name.excerpt)'", found: "shape \(info.shape)",
        expected: "\(shape), as the model has it")
    }
    let count = shape.reduce(1, *)
    return try [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      try file.read(name, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      filled = count
    }
  }

  /// Adds B V^T to `block`.
  private func add(
    _ left: [Float], _ right: [Float], rank: Int, _ block: ParameterBlock, to theta: inout ParameterStore
  ) throws(InputError) {
    guard left.contains(where: { $0 != 0 }) else { return }
    let block = theta.layout.blocks[block.index]
    if theta.keepsFactors { return theta.keep(left, right, rank: rank, of: block) }
    guard theta.stored().format(of: block) == .float32 else {
      throw InputError(
        "model.storage", found: "'\(WeightStorage.asStored.rawValue)' with factors beside \(block.name.excerpt)",
        expected: "'\(WeightStorage.frozen.rawValue)', which keeps them, or '\(WeightStorage.float32.rawValue)'")
    }
    theta.withMutableBlock(block) { span in
      span.withUnsafeMutableBufferPointer { w in
        guard let w = w.baseAddress else { return }
        zeroth_low_rank_add(block.rows, block.columns, rank, 1, left, right, w, block.columns)
      }
    }
  }
}

extension Tuning {
  /// A tuning in which all blocks are trained and none is added, because a file of factors changes the weights
  /// themselves.
  static func factors(of folder: ModelFolder) -> Tuning {
    var plan = Tuning(behind: folder.layout.blocks.count)
    plan.trained = Set(folder.layout.blocks.map(\.index))
    plan.trainsMatrices = true
    return plan
  }
}
