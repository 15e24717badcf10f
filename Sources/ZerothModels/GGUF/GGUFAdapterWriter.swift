import Foundation
import Zeroth
import ZerothSupport

extension ModelFolder {
  /// Writes the LoRA adapter beside the model at theta as llama.cpp has adapters: a GGUF file with A and B of each matrix, in fp32.
  ///
  /// llama.cpp multiplies B A by alpha / r with one alpha for all; where scales differ, B holds the rest. Rows of Llama's queries and
  /// keys stand in its order. Throws `InputError` for a model that llama.cpp has another form of, for prefixes and modules that are
  /// saved whole, and when the file cannot be written.
  public func saveGGUFAdapter(
    _ theta: borrowing ParameterStore, to path: String, families: ModelFamilies = .standard
  ) throws {
    guard let plan = tuning?.plan, !plan.branches.isEmpty else {
      throw InputError(path, found: "no LoRA beside the model", expected: "an adapter of A and B")
    }
    guard let name = Self.ggufNames[modelType],
      let architecture = GGUFArchitecture.all.first(where: { $0.name == name })
    else {
      throw InputError(
        "model_type", found: "'\(modelType)'",
        expected: "one of \(Self.ggufNames.keys.sorted().joined(separator: ", ")), for an adapter in GGUF")
    }
    let names = GGUFNames(try families.decoder(file).1)
    var tensors: [GGUFAdapterTensor] = []
    var alpha: Float?
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
      var values = plan.values(of: tensor, at: theta)
      if isB, let branch = plan.branches.values.first(where: { $0.b == tensor.pieces[0].block }) {
        let own = branch.scale * Float(tensor.shape[1])
        let common = alpha ?? own
        alpha = common
        if own != common { for i in values.indices { values[i] *= own / common } }
        let part = stored.split(separator: ".").dropLast().last
        if architecture.interleavesHeads, part == "attn_q" || part == "attn_k" {
          let order = RowOrder.interleaved(width: headWidth)
          let columns = tensor.shape[1]
          let plain = values
          for row in 0..<tensor.shape[0] {
            for c in 0..<columns { values[order.place(of: row) * columns + c] = plain[row * columns + c] }
          }
        }
      }
      tensors.append(.init(name: stored + (isB ? ".lora_b" : ".lora_a"), shape: tensor.shape, values: values))
    }
    try GGUFAdapterTensor.write(
      tensors,
      metadata: [
        ("general.type", .text("adapter")), ("general.architecture", .text(name)), ("adapter.type", .text("lora")),
        ("adapter.lora.alpha", .number(alpha ?? 0)),
      ], to: path)
  }

  /// What llama.cpp calls the architecture of a `model_type`.
  private static let ggufNames = [
    "llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma3_text": "gemma3", "gpt2": "gpt2",
    "phi3": "phi3",
  ]
}

/// A matrix in fp32 of a GGUF file that is written.
private struct GGUFAdapterTensor {
  let name: String
  let shape: [Int]
  let values: [Float]

  enum Value {
    case text(String)
    case number(Float)
  }

  /// Writes a file of version 3, whose data begin at a multiple of 32 bytes, as each tensor's do.
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
