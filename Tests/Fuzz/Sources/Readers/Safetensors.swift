import Zeroth

@testable import ZerothModels

/// A safetensors file: its header, every tensor as bytes and as floats, and the matrices in half precision as they lie in
/// a private copy of the file.
let readSafetensors = Reader { input in
  _ = Scratch.file("model.safetensors", input)
  let file = try SafetensorsFile(path: Scratch.path + "/model.safetensors")
  let checkpoint = try Checkpoint(directory: Scratch.path)
  precondition(checkpoint.names == file.names, "the checkpoint has other tensors than its file")
  var matrices: [ParameterLayout.Entry] = []
  var stored: Set<String> = []
  for name in file.names {
    let info = try file.info(name)
    try file.withBytes(of: name) { bytes in
      _ = bytes.reduce(0 as UInt8, ^)
      precondition(bytes.count * 8 == info.elementCount * info.elementType.bitWidth, "bytes of another size")
    }
    if info.elementType.isFloatConvertible {
      let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: info.elementCount)
      defer { floats.deallocate() }
      try checkpoint.read(name, into: floats)
    }
    if info.shape.count == 2, info.elementCount > 0 {
      matrices.append(.init(name, rows: info.shape[0], columns: info.shape[1]))
      if info.elementType.halfFormat != nil { stored.insert(name) }
    }
  }
  guard !matrices.isEmpty else { return }
  let layout = try ParameterLayout(matrices)
  let blocks = matrices.map { ModelBlock(entry: $0, part: TensorPart(tensor: $0.name)) }
  let halves = try checkpoint.stored(layout.blocks, TensorMap(blocks, layout))
  let theta = ParameterStore(layout, stored: halves)
  for block in layout.blocks where halves.contains(block) {
    precondition(stored.contains(block.name), "a matrix of another type lies in half precision")
    _ = theta.values(of: block).reduce(0, +)
  }
}
