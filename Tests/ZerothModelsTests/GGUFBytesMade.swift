import Foundation
import Zeroth

/// The bytes of a GGUF file, put together without the code under test.
struct MadeGGUF {
  enum Value {
    case integer(UInt32)
    case number(Float)
    case bool(Bool)
    case text(String)
    case texts([String])
    case integers([Int32])
    case numbers([Float])
  }

  struct Tensor {
    var name: String
    /// The fastest first.
    var dimensions: [UInt64]
    var type: UInt32 = 0
    var data: [UInt8]
  }

  var version: UInt32 = 3
  var keys: [(String, Value)] = []
  var tensors: [Tensor] = []
  var alignment = 32
  /// In place of the true numbers.
  var keyCount: UInt64?
  var tensorCount: UInt64?
  var offsets: [Int: UInt64] = [:]

  subscript(key: String) -> Value? {
    get { keys.first { $0.0 == key }?.1 }
    set {
      keys.removeAll { $0.0 == key }
      if let newValue { keys.append((key, newValue)) }
    }
  }

  /// Adds an fp32 tensor of `shape`, the slowest first.
  mutating func add(_ name: String, _ shape: [Int], _ values: [Float]) {
    tensors.append(
      Tensor(
        name: name, dimensions: shape.reversed().map { UInt64($0) },
        data: littleEndianBytes(values.map(\.bitPattern))))
  }

  var bytes: [UInt8] {
    var out = [UInt8]("GGUF".utf8) + littleEndianBytes([version])
    out += littleEndianBytes([tensorCount ?? UInt64(tensors.count), keyCount ?? UInt64(keys.count)])
    for (key, value) in keys { out += Self.text(key) + Self.bytes(value) }
    var data: [UInt8] = []
    for (i, tensor) in tensors.enumerated() {
      out += Self.text(tensor.name) + littleEndianBytes([UInt32(tensor.dimensions.count)])
      out += littleEndianBytes(tensor.dimensions) + littleEndianBytes([tensor.type])
      out += littleEndianBytes([offsets[i] ?? UInt64(data.count)])
      data += tensor.data
      while !data.count.isMultiple(of: alignment) { data.append(0) }
    }
    while !out.count.isMultiple(of: alignment) { out.append(0) }
    return out + data
  }

  private static func text(_ text: String) -> [UInt8] {
    littleEndianBytes([UInt64(text.utf8.count)]) + [UInt8](text.utf8)
  }

  private static func bytes(_ value: Value) -> [UInt8] {
    func array(_ type: UInt32, _ count: Int, _ bytes: [UInt8]) -> [UInt8] {
      littleEndianBytes([9, type]) + littleEndianBytes([UInt64(count)]) + bytes
    }
    switch value {
    case .integer(let value): return littleEndianBytes([4, value])
    case .number(let value): return littleEndianBytes([6, value.bitPattern])
    case .bool(let value): return littleEndianBytes([UInt32(7)]) + [value ? 1 : 0]
    case .text(let value): return littleEndianBytes([UInt32(8)]) + text(value)
    case .texts(let values): return array(8, values.count, values.flatMap { text($0) })
    case .integers(let values): return array(5, values.count, littleEndianBytes(values))
    case .numbers(let values): return array(6, values.count, littleEndianBytes(values.map(\.bitPattern)))
    }
  }

  /// A Llama of one layer with a vocabulary of 5, of which all is right.
  static var llama: MadeGGUF {
    var made = MadeGGUF()
    made.keys = [
      ("general.architecture", .text("llama")), ("llama.block_count", .integer(1)),
      ("llama.context_length", .integer(16)), ("llama.embedding_length", .integer(8)),
      ("llama.feed_forward_length", .integer(6)), ("llama.attention.head_count", .integer(2)),
      ("llama.attention.head_count_kv", .integer(1)), ("llama.attention.layer_norm_rms_epsilon", .number(1e-5)),
      ("tokenizer.ggml.model", .text("llama")),
      ("tokenizer.ggml.tokens", .texts(["<unk>", "<s>", "\u{2581}", "a", "b"])),
      ("tokenizer.ggml.scores", .numbers([0, 0, -1, -2, -3])),
      ("tokenizer.ggml.token_type", .integers([2, 3, 1, 1, 1])), ("tokenizer.ggml.bos_token_id", .integer(1)),
    ]
    let shapes: [(String, [Int])] = [
      ("token_embd.weight", [5, 8]), ("output_norm.weight", [8]), ("blk.0.attn_norm.weight", [8]),
      ("blk.0.attn_q.weight", [8, 8]), ("blk.0.attn_k.weight", [4, 8]), ("blk.0.attn_v.weight", [4, 8]),
      ("blk.0.attn_output.weight", [8, 8]), ("blk.0.ffn_norm.weight", [8]), ("blk.0.ffn_gate.weight", [6, 8]),
      ("blk.0.ffn_up.weight", [6, 8]), ("blk.0.ffn_down.weight", [8, 6]),
    ]
    for (i, (name, shape)) in shapes.enumerated() {
      made.add(name, shape, (0..<shape.reduce(1, *)).map { Float(i) + Float($0) / 64 })
    }
    return made
  }
}
