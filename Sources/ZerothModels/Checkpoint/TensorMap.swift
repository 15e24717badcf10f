import CZeroth
import Zeroth
import ZerothSupport

/// The table of the tensors of a checkpoint that hold the blocks of a model, and of the places of the blocks in them.
/// Both reading and writing use it.
struct TensorMap: Sendable {
  /// A tensor and the blocks that it holds, in the order of their rows.
  struct Tensor: Sendable {
    let name: String
    let shape: [Int]
    let blocks: [ParameterBlock]
    /// The number of rows of all its blocks together. These are the rows of the tensor, or its columns where it is
    /// stored transposed.
    let rows: Int
  }

  private let parts: [TensorPart]  // by the index of the block
  /// The tensors, in the order in which the layout has their first blocks.
  let tensors: [Tensor]

  /// The tensors of `blocks`, where `layout` is the layout of the blocks.
  ///
  /// Throws `InputError` for blocks that do not fill the tensor that they share. This can happen because the
  /// description of a family may come from outside this package.
  init(_ blocks: [ModelBlock], _ layout: ParameterLayout) throws(InputError) {
    parts = blocks.map(\.part)
    var order: [String] = []
    var members: [String: [ParameterBlock]] = [:]
    for (block, part) in zip(layout.blocks, parts) {
      if members[part.tensor] == nil { order.append(part.tensor) }
      members[part.tensor, default: []].append(block)
    }
    var tensors: [Tensor] = []
    for name in order { tensors.append(try Self.tensor(name, members[name] ?? [], parts)) }
    self.tensors = tensors
  }

  private static func tensor(
    _ name: String, _ blocks: [ParameterBlock], _ parts: [TensorPart]
  ) throws(InputError) -> Tensor {
    let blocks = blocks.sorted { parts[$0.index].rows.place(of: 0) < parts[$1.index].rows.place(of: 0) }
    let (first, part) = (blocks[0], parts[blocks[0].index])
    var end = 0
    var fill = true
    for (i, block) in blocks.enumerated() {
      let other = parts[block.index]
      fill = fill && block.columns == first.columns && other.isTransposed == part.isTransposed
      switch other.rows {
      case .all: fill = fill && blocks.count == 1
      case .from(let start): fill = fill && start == end
      case .turns(let place, let count, let run):
        fill =
          fill && place == i && count == blocks.count && run > 0 && block.rows == first.rows
          && block.rows.isMultiple(of: run)
      }
      end += block.rows  // layouts are too small for such sums to overflow
    }
    guard fill else {
      throw InputError(
        "tensor '\(name.excerpt)'", found: "blocks \(blocks.map(\.name).joined(separator: ", "))",
        expected: "blocks that fill the tensor, each row once")
    }
    let shape = first.columns == 1 ? [end] : part.isTransposed ? [first.columns, end] : [end, first.columns]
    return Tensor(name: name, shape: shape, blocks: blocks, rows: end)
  }

  /// The place of `block`.
  func part(of block: ParameterBlock) -> TensorPart { parts[block.index] }

  /// Reads the bits of `block`, which `checkpoint` stores in half precision, in the order of the block's elements.
  func readHalves(_ block: ParameterBlock, from checkpoint: Checkpoint, into target: UnsafeMutablePointer<UInt16>)
    throws
  {
    let part = parts[block.index]
    try checkpoint.withBytes(ofFloats: part.tensor) { bytes, info in
      guard let base = bytes.baseAddress else { return }
      part.gather(block, total: info.elementCount / block.columns, into: target) { place, count, target in
        UnsafeMutableRawPointer(target).copyMemory(from: base + 2 * place, byteCount: 2 * count)
      }
    }
  }

  /// The index in its tensor of the first element of `block`, if the elements follow each other there; else nil.
  func start(of block: ParameterBlock) -> Int? {
    let part = parts[block.index]
    return part.isContiguous ? part.rows.place(of: 0) * block.columns : nil
  }

  /// Passes the values of `tensor` at `theta` to `write` in row-major order, in one or several pieces. Where `branch`
  /// gives a LoRA branch for the index of a block, scale B A is added to the block.
  func write(
    _ tensor: Tensor, at theta: borrowing ParameterStore, adding branch: (Int) -> LoRABranch? = { _ in nil },
    _ write: (UnsafeBufferPointer<Float>) throws -> Void
  ) throws {
    func values(of block: ParameterBlock, _ body: (UnsafeBufferPointer<Float>) throws -> Void) rethrows {
      guard let branch = branch(block.index) else {
        return try theta.withBlock(block) { try $0.withUnsafeBufferPointer(body) }
      }
      try branch.merged(with: block, at: theta).withUnsafeBufferPointer(body)
    }
    if tensor.blocks.allSatisfy({ start(of: $0) != nil }) {
      for block in tensor.blocks { try values(of: block, write) }
      return
    }
    let whole = UnsafeMutableBufferPointer<Float>.allocate(capacity: tensor.shape.reduce(1, *))
    defer { whole.deallocate() }
    guard let base = whole.baseAddress else { return }
    for block in tensor.blocks {
      values(of: block) { parts[block.index].scatter(block, $0, total: tensor.rows, into: base) }
    }
    try write(UnsafeBufferPointer(whole))
  }
}

extension Checkpoint {
  /// Reads `block`, which is the part `part` of a tensor. F32, F16 and BF16 values are converted exactly.
  func read(_ block: ParameterBlock, _ part: TensorPart, into target: UnsafeMutableBufferPointer<Float>) throws {
    guard !part.isWhole else { return try read(part.tensor, into: target) }
    try withBytes(ofFloats: part.tensor) { bytes, info in
      guard let base = bytes.baseAddress, let start = target.baseAddress else { return }
      let size = info.elementType.bitWidth / 8
      part.gather(block, total: info.elementCount / block.columns, into: start) { place, count, target in
        ElementConversion.decode(
          base + place * size, as: info.elementType, into: UnsafeMutableBufferPointer(start: target, count: count))
      }
    }
  }
}

extension TensorPart {
  /// The number of columns of a transposed tensor that are moved at a time, chosen so that whole cache lines are
  /// written.
  private static let together = 16

  /// Fills `target` with the values of `block`, which is this part of a tensor. `total` is the number of rows of the
  /// tensor, or of its columns where it is transposed. `fetch` reads consecutive elements of the tensor.
  fileprivate func gather<T>(
    _ block: ParameterBlock, total: Int, into target: UnsafeMutablePointer<T>,
    _ fetch: (_ place: Int, _ count: Int, _ target: UnsafeMutablePointer<T>) -> Void
  ) {
    let run = rows.run(of: block.rows)
    guard isTransposed else {
      for row in stride(from: 0, to: block.rows, by: run) {
        fetch(rows.place(of: row) * block.columns, run * block.columns, target + row * block.columns)
      }
      return
    }
    let staging = UnsafeMutablePointer<T>.allocate(capacity: Self.together * block.rows)
    defer { staging.deallocate() }
    for first in stride(from: 0, to: block.columns, by: Self.together) {
      let count = min(Self.together, block.columns - first)
      for c in 0..<count {
        for row in stride(from: 0, to: block.rows, by: run) {
          fetch((first + c) * total + rows.place(of: row), run, staging + c * block.rows + row)
        }
      }
      for row in 0..<block.rows {
        let line = target + row * block.columns + first
        for c in 0..<count { line[c] = staging[c * block.rows + row] }
      }
    }
  }

  /// Writes the values of `block` to their places in a tensor. `total` is the number of rows of the tensor, or of its
  /// columns where it is transposed.
  fileprivate func scatter(
    _ block: ParameterBlock, _ values: UnsafeBufferPointer<Float>, total: Int, into tensor: UnsafeMutablePointer<Float>
  ) {
    guard let source = values.baseAddress else { return }
    for row in 0..<block.rows {
      let place = rows.place(of: row)
      let line = source + row * block.columns
      if isTransposed {
        for c in 0..<block.columns { tensor[c * total + place] = line[c] }
      } else {
        (tensor + place * block.columns).update(from: line, count: block.columns)
      }
    }
  }
}
