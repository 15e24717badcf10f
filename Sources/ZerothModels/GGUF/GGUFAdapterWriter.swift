import Foundation
import Zeroth
import ZerothSupport

extension ModelFolder {
  /// Writes the adapter beside the model at theta in the form that llama.cpp uses for LoRA: a GGUF file with A and B of
  /// each matrix, in fp32.
  ///
  /// llama.cpp multiplies B A by alpha / r with one alpha for all matrices. Where the scales differ, the rest of the
  /// factor is put into B. Rows of Llama's queries and keys stand in the order of llama.cpp. For factors beside a base,
  /// the result says in words which of them this form cannot hold, so that they are left out. Throws `InputError` for a
  /// model for which llama.cpp has another form, for prefixes, for modules that are saved whole, and when the file
  /// cannot be written.
  @discardableResult
  public func saveGGUFAdapter(
    _ theta: borrowing ParameterStore, to path: String, families: ModelFamilies = .standard
  ) throws -> [String] {
    guard let tuning, tuning.factors != nil || !tuning.plan.branches.isEmpty else {
      throw InputError(
        tuning?.source.subject ?? "adapter", found: "no LoRA beside the model", expected: "an adapter of A and B")
    }
    guard let name = Self.ggufNames[modelType],
      let architecture = GGUFArchitecture.all.first(where: { $0.name == name })
    else {
      throw InputError(
        "model_type", found: "'\(modelType)'",
        expected: "one of \(Self.ggufNames.keys.sorted().joined(separator: ", ")), for an adapter in GGUF")
    }
    let names = GGUFNames(try families.decoder(file).1)
    let (pairs, leftOut) =
      try tuning.factors == nil ? (loraPairs(tuning.plan, theta, names, path), []) : factorPairs(theta, names, path)
    let alpha = pairs.first.map { $0.scale * Float($0.rank) } ?? 0
    var tensors: [GGUFAdapterTensor] = []
    for pair in pairs {
      var b = pair.b
      let own = pair.scale * Float(pair.rank)
      if own != alpha { for i in b.values.indices { b.values[i] *= own / alpha } }
      let part = pair.name.split(separator: ".").dropLast().last
      if architecture.interleavesHeads, part == "attn_q" || part == "attn_k" {
        let order = RowOrder.interleaved(width: headWidth)
        let plain = b.values
        for row in 0..<b.rows {
          for c in 0..<pair.rank { b.values[order.place(of: row) * pair.rank + c] = plain[row * pair.rank + c] }
        }
      }
      tensors.append(
        .init(
          name: pair.name + ".lora_a", shape: [pair.a.rows, pair.a.values.count / pair.a.rows], values: pair.a.values))
      tensors.append(.init(name: pair.name + ".lora_b", shape: [b.rows, pair.rank], values: b.values))
    }
    try GGUFAdapterTensor.write(
      tensors,
      metadata: [
        ("general.type", .text("adapter")), ("general.architecture", .text(name)), ("adapter.type", .text("lora")),
        ("adapter.lora.alpha", .number(alpha)),
      ], to: path)
    return leftOut
  }

  /// A and B of a tensor: its name in llama.cpp, the two matrices, their rank, and the factor by which llama.cpp
  /// multiplies B A.
  private typealias Pair = (
    name: String, a: (rows: Int, values: [Float]), b: (rows: Int, values: [Float]), rank: Int, scale: Float
  )

  /// The pairs A and B of LoRA.
  private func loraPairs(
    _ plan: Tuning, _ theta: borrowing ParameterStore, _ names: GGUFNames, _ path: String
  ) throws(InputError) -> [Pair] {
    var pairs: [Pair] = []
    var a: (rows: Int, values: [Float]) = (0, [])
    for tensor in plan.tensors {
      let module = tensor.name.dropFirst(Tuning.peftPrefix.count).split(separator: ".").dropLast(2)
      let isB = tensor.name.hasSuffix(".lora_B.weight")
      guard isB || tensor.name.hasSuffix(".lora_A.weight"),
        let stored = names.fileName(of: module.joined(separator: ".") + ".weight")
      else {
        throw InputError(
          path, found: "'\(tensor.name.excerpt)' in the adapter", expected: "A and B of layers that GGUF has a name for"
        )
      }
      let values = plan.values(of: tensor, at: theta)
      guard isB else {
        a = (tensor.shape[0], values)
        continue
      }
      let branch = plan.branches.values.first { $0.b == tensor.pieces[0].block }
      pairs.append((stored, a, (tensor.shape[0], values), tensor.shape[1], branch?.scale ?? 1))
    }
    return pairs
  }

  /// The pairs A = V^T and B of factors beside a base, and what llama.cpp cannot hold.
  private func factorPairs(
    _ theta: borrowing ParameterStore, _ names: GGUFNames, _ path: String
  ) throws(InputError) -> ([Pair], [String]) {
    let stored = theta.stored()
    let files = FactorFiles(self)
    var pairs: [Pair] = []
    var leftOut: [String] = []
    for module in files.modules where module.tensor.blocks.contains(where: { stored.kept(of: $0) != nil }) {
      let tensor = module.tensor
      guard let name = names.fileName(of: module.name + ".weight"), !(module.isEmbedding && tiedHead != nil) else {
        let why = module.isEmbedding ? ": the embedding, which is the output layer too" : ""
        leftOut.append("the factors of \(module.name)\(why)")
        continue
      }
      let parts = Factors.parts(of: module, stored)
      let rank = parts.reduce(0) { $0 + $1.rank }
      let columns = tensor.blocks[0].columns
      let left = Factors.left(parts, rows: tensor.rows, rank: rank, stored, self)
      let right = Factors.right(parts, columns: columns, rank: rank, stored)
      if module.isEmbedding {
        // llama.cpp looks up rows of A here.
        pairs.append((name, (tensor.rows, left), (columns, right.transposed(columns)), rank, 1))
      } else {
        pairs.append((name, (rank, right), (tensor.rows, left), rank, 1))
      }
    }
    guard !pairs.isEmpty else {
      throw InputError(
        tuning?.source.subject ?? "adapter", found: "no factors that llama.cpp has a place for",
        expected: "those of linear layers")
    }
    let others = files.whole.filter { tensor in
      tensor.blocks.contains { !$0.isMatrix || stored.kept(of: $0) != nil }
    }
    if !others.isEmpty {
      leftOut.append("\(others.count) norms, biases and tables of positions, which stay as they are in the base")
    }
    return (pairs, leftOut)
  }

  /// The name that llama.cpp has for the architecture of a `model_type`.
  private static let ggufNames = [
    "llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma3_text": "gemma3", "gpt2": "gpt2",
    "phi3": "phi3",
  ]
}

/// A matrix in fp32 to be written to a GGUF file.
private struct GGUFAdapterTensor {
  let name: String
  let shape: [Int]
  let values: [Float]

  enum Value {
    case text(String)
    case number(Float)
  }

  /// Writes a file of version 3. The data, and the data of each tensor, begin at a multiple of 32 bytes.
  static func write(_ tensors: [Self], metadata: [(String, Value)], to path: String) throws {
    var bytes = Data("GGUF".utf8)
    func put<T: FixedWidthInteger>(_ value: T) {
      withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    func put(_ text: String) {
      put(UInt64(text.utf8.count))
      bytes.append(contentsOf: text.utf8)
    }
    func pad() { while bytes.count % 32 != 0 { bytes.append(0) } }
    put(UInt32(3))
    put(UInt64(tensors.count))
    put(UInt64(metadata.count))
    for (key, value) in metadata {
      put(key)
      switch value {
      case .text(let text):
        put(UInt32(8))
        put(text)
      case .number(let number):
        put(UInt32(6))
        put(number.bitPattern)
      }
    }
    var offset = 0
    for tensor in tensors {
      put(tensor.name)
      put(UInt32(tensor.shape.count))
      for side in tensor.shape.reversed() { put(UInt64(side)) }
      put(UInt32(0))  // F32
      put(UInt64(offset))
      offset += (4 * tensor.values.count + 31) / 32 * 32
    }
    for tensor in tensors {
      pad()
      for value in tensor.values { put(value.bitPattern) }
    }
    pad()
    let file = try AtomicFile(path: path)
    try bytes.withUnsafeBytes { try file.write($0) }
    try file.commit()
  }
}
