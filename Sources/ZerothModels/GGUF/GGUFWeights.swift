import CZeroth
import Zeroth
import ZerothSupport

/// The tensors of a GGUF model under the names of its family. The changes that the converter made to them are undone.
struct GGUFWeights: ModelWeights {
  /// The place of a tensor of the family in the file, and how it is stored there.
  private struct Place: Sendable {
    let tensor: GGUFFile.Tensor
    let file: MappedFile
    /// Whether the checkpoints of the family store it transposed. GGUF never does.
    let isTransposed: Bool
    let order: RowOrder
    /// The number that the converter added to each value.
    let shift: Float
  }

  let path: String
  let names: [String]
  private let table: GGUFNames
  private let places: [String: Place]

  init(_ model: GGUFModel, _ names: DecoderTensors, _ architecture: GGUFArchitecture) throws {
    path = model.file.path
    table = GGUFNames(names)
    let width =
      architecture.interleavesHeads ? try GGUFFields(model: model, architecture: architecture.name).headWidth() : 0
    var places: [String: Place] = [:]
    var order: [String] = []
    for (name, (tensor, file)) in model.tensors.sorted(by: { $0.key < $1.key }) {
      guard !GGUFNames.ofConfiguration.contains(name) else { continue }
      guard let (known, isTransposed) = table.familyName(of: name) else {
        throw InputError(
          "\(file.path): tensor '\(name.excerpt)'", found: "a tensor that the model has no place for",
          expected: "the tensors of \(architecture.name)")
      }
      let part = name.split(separator: ".").dropLast().last
      let turns = architecture.interleavesHeads && (part == "attn_q" || part == "attn_k")
      if turns, !tensor.shape[0].isMultiple(of: width) || !width.isMultiple(of: 2) {
        throw InputError(
          "\(file.path): tensor '\(name.excerpt)'", found: "\(tensor.shape[0]) rows",
          expected: "a multiple of \(width), the width of a head")
      }
      let isNorm = part?.hasSuffix("norm") ?? false
      let place = Place(
        tensor: tensor, file: file, isTransposed: isTransposed && tensor.shape.count == 2,
        order: turns ? .interleaved(width: width) : .plain, shift: isNorm ? architecture.normShift : 0)
      if let other = places.updateValue(place, forKey: known) {
        throw InputError(
          "\(file.path): tensor '\(name.excerpt)'", found: "what tensor '\(other.tensor.name.excerpt)' is too",
          expected: "the tensors of \(architecture.name)")
      }
      order.append(known)
    }
    self.places = places
    self.names = order
  }

  private func place(of name: String) throws(InputError) -> Place {
    guard let place = places[name] else {
      throw InputError(
        "\(path): tensor '\(name.excerpt)'", found: "no such tensor", expected: "one of the \(names.count)")
    }
    return place
  }

  var configurationName: String { "the metadata" }
  var frozenStorage: WeightStorage { .asStored }
  var mappedFiles: [MappedFile] { places.values.map(\.file) }

  func writeModelFiles(to folder: String) throws {
    for (name, json) in try GGUFTokenizer.files(of: path) {
      try AtomicFile.write(json.indented + "\n", to: folder.appendingFile(name))
    }
  }

  func contains(_ name: String) -> Bool { places[name] != nil }

  func shape(of name: String) throws -> [Int] {
    let place = try place(of: name)
    return place.isTransposed ? place.tensor.shape.reversed() : place.tensor.shape
  }

  func storedName(of name: String) -> String { table.fileName(of: name) ?? name }

  func typeName(of name: String) throws -> String { try place(of: name).tensor.format.rawValue }

  func savedType(of name: String) throws -> ElementType {
    ElementType(rawValue: try place(of: name).tensor.format.rawValue) ?? .f32
  }

  func isSame(_ name: String, as other: String) throws -> Bool {
    let (one, two) = (try place(of: name), try place(of: other))
    return one.tensor.shape == two.tensor.shape && one.tensor.format == two.tensor.format
      && one.file.bytes[one.tensor.byteRange].elementsEqual(two.file.bytes[two.tensor.byteRange])
  }

  func read(_ block: ParameterBlock, _ part: TensorPart, into target: UnsafeMutableBufferPointer<Float>) throws {
    let place = try place(of: part.tensor)
    guard let start = target.baseAddress, let base = place.file.bytes.baseAddress else { return }
    let source = base + place.tensor.byteRange.lowerBound
    let n = block.columns
    let run = place.order == .plain ? part.rows.run(of: block.rows) : 1
    for row in stride(from: 0, to: block.rows, by: run) {
      zeroth_widen(
        place.tensor.format.kernel, place.order.place(of: part.rows.place(of: row)) * n, run * n, source,
        start + row * n)
    }
    if place.shift != 0 { for i in target.indices { target[i] -= place.shift } }
    place.file.release(place.tensor.byteRange)
  }

  /// Frozen matrices stay in the mapped file. A matrix that is trained is read into its own memory, in half precision
  /// where it is stored so, else in fp32. A quantised matrix cannot be trained.
  func stored(_ blocks: [ParameterBlock], _ map: TensorMap) throws -> StoredBlocks {
    try stored(blocks, map) { $0.isTrainable }
  }

  func base(_ blocks: [ParameterBlock], _ map: TensorMap) throws -> StoredBlocks {
    try stored(blocks, map) { _ in false }
  }

  private func stored(
    _ blocks: [ParameterBlock], _ map: TensorMap, isWritten: (ParameterBlock) -> Bool
  ) throws -> StoredBlocks {
    let memory = OwnedMemory()
    var stored: [Int: StoredBlocks.Place] = [:]
    for block in blocks where block.isMatrix {
      let part = map.part(of: block)
      let place = try place(of: part.tensor)
      let format = place.tensor.format
      guard let base = place.file.bytes.baseAddress, part.rows.run(of: block.rows) == block.rows else { continue }
      let first = part.rows.place(of: 0) * block.columns
      let address = base + place.tensor.byteRange.lowerBound + format.bytes(of: first)
      if isWritten(block) {
        if format.isQuantized {
          throw InputError(
            "\(path): block '\(block.name.excerpt)'",
            found: "quantised values (\(format.rawValue)), which stay as they are",
            expected:
              "model.storage = \"float32\", which widens the model to train it, \"frozen\", which keeps low-rank updates "
              + "beside it, or blocks that leave it out")
        }
        if format == .float32 { continue }
        let width = format.bytes(of: block.columns)
        guard let halves = memory.allocate(block.rows * width).baseAddress else { continue }
        for row in 0..<block.rows {
          (halves + row * width).copyMemory(from: address + place.order.place(of: row) * width, byteCount: width)
        }
        stored[block.index] = .init(writable: halves, format)
      } else if format != .float32 || UInt(bitPattern: address).isMultiple(of: 4) {
        stored[block.index] = .init(address, format, order: place.order)
        memory.files.append(place.file)
      }
    }
    return StoredBlocks(stored, owner: memory)
  }
}

/// The names of the parts of a decoder in GGUF, matched with the names in its family.
struct GGUFNames {
  /// The tensors from which a configuration is made.
  static let ofConfiguration: Set<String> = [
    "rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight",
  ]

  private let names: DecoderTensors
  private let outside: [String: String]
  private let inside: [String: ModulePlace]

  init(_ names: DecoderTensors) {
    self.names = names
    outside = [
      "token_embd": names.prefix + names.tokens, "position_embd": names.prefix + names.positions,
      "output_norm": names.prefix + names.finalNorm, "output": names.head,
    ]
    // A module that holds several layers has a name for all of them, or the name of the last.
    let isFused = names.query.part != nil
    var inside: [String: ModulePlace] = [
      "attn_norm": .init(names.attentionNorm), "attn_output": names.output,
      "attn_q_norm": .init(names.queryNorm), "attn_k_norm": .init(names.keyNorm),
      "ffn_norm": .init(names.feedForwardNorm), "ffn_up": names.up, "ffn_down": names.down,
    ]
    if names.attentionOutputNorm != names.feedForwardNorm {
      inside["post_attention_norm"] = .init(names.attentionOutputNorm)
      inside["post_ffw_norm"] = .init(names.feedForwardOutputNorm)
    }
    if isFused {
      inside["attn_qkv"] = names.query
    } else {
      inside["attn_q"] = names.query
      inside["attn_k"] = names.key
      inside["attn_v"] = names.value
    }
    if names.gate.module != names.up.module { inside["ffn_gate"] = names.gate }
    self.inside = inside
  }

  /// The family's name for the tensor `name`, and whether the family stores it transposed; nil for an unknown tensor.
  func familyName(of name: String) -> (name: String, isTransposed: Bool)? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count == 2, let known = outside[String(parts[0])] { return ("\(known).\(parts[1])", false) }
    guard parts.count == 4, parts[0] == "blk", let layer = Int(parts[1]), "\(layer)" == parts[1],
      let place = inside[String(parts[2])]
    else { return nil }
    return ("\(names.prefix)\(names.layers)\(layer).\(place.module).\(parts[3])", place.isTransposed)
  }

  /// The name in GGUF of the tensor that the family calls `name`; nil where it has none.
  func fileName(of name: String) -> String? {
    guard let dot = name.lastIndex(of: ".") else { return nil }
    let (module, end) = (name[..<dot], name[dot...])
    if let known = outside.first(where: { $0.value == module })?.key { return known + end }
    let start = names.prefix + names.layers
    guard module.hasPrefix(start) else { return nil }
    let rest = module.dropFirst(start.count)
    let layer = rest.prefix(while: \.isNumber)
    let part = rest.dropFirst(layer.count + 1)
    return inside.first { $0.value.module == part }.map { "blk.\(layer).\($0.key)\(end)" }
  }
}
