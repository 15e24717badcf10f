import CZeroth

/// How the elements of a block are stored.
public enum ElementFormat: Sendable, Hashable {
  case float32, bfloat16, float16

  /// The same for C.
  package var kernel: zeroth_format {
    switch self {
    case .float32: zeroth_float32
    case .bfloat16: zeroth_bfloat16
    case .float16: zeroth_float16
    }
  }

  /// Bytes of an element.
  public var size: Int { self == .float32 ? 4 : 2 }
}

/// Blocks that are stored in half precision in memory of their own, such as a mapped file: two bytes for a parameter.
public struct HalfPrecisionBlocks: @unchecked Sendable {
  let places: [Int: (address: UnsafeMutableRawPointer, format: ElementFormat)]
  private let owner: AnyObject

  /// The blocks with these indices at these addresses, which stay valid while `owner` lives and are written through
  /// the store alone.
  public init(
    _ places: [Int: (address: UnsafeMutableRawPointer, format: ElementFormat)], owner: AnyObject & Sendable
  ) {
    self.places = places
    self.owner = owner
  }

  /// Whether `block` is one of them.
  public func contains(_ block: ParameterBlock) -> Bool { places[block.index] != nil }
}

/// Reads rows of a block of parameters that live elsewhere: target = rows x columns.
package typealias ParameterReader =
  @Sendable (ParameterBlock, _ rows: Range<Int>, _ target: UnsafeMutablePointer<Float>) -> Void

/// The blocks of a store as they are stored, for backends that read them while it is borrowed. Unsafe: valid until the
/// store is written or gone.
///
/// The value of a block is what is stored, plus the `pending` term.
public struct StoredParameters: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  let halves: HalfPrecisionBlocks?
  let updates: PendingUpdates?
  let reader: ParameterReader?

  /// How `block` is stored.
  public func format(of block: ParameterBlock) -> ElementFormat { halves?.places[block.index]?.format ?? .float32 }

  /// The first element of `block`, in its format.
  public func address(of block: ParameterBlock) -> UnsafeRawPointer {
    precondition(reader == nil, "parameters that are read through a function have no address")
    return UnsafeRawPointer(halves?.places[block.index]?.address ?? UnsafeMutableRawPointer(base + block.offset))
  }

  /// The address of a block that is stored in fp32; nil for another.
  public func floats(of block: ParameterBlock) -> UnsafePointer<Float>? {
    format(of: block) == .float32 && reader == nil ? UnsafePointer(base + block.offset) : nil
  }

  /// What belongs to `block` on top of what is stored.
  public func pending(of block: ParameterBlock) -> LowRankTerm? { updates?.term(of: block) }

  /// target = the rows `rows` of `block`, row by row, the pending term included.
  public func read(_ block: ParameterBlock, rows: Range<Int>, into target: UnsafeMutablePointer<Float>) {
    if let reader { return reader(block, rows, target) }
    let n = block.columns
    let format = format(of: block)
    let source = address(of: block) + rows.lowerBound * n * format.size
    zeroth_widen(format.kernel, rows.count * n, source, target)
    addPending(of: block, rows: rows, to: target)
  }

  /// target += the rows `rows` of what belongs to `block` on top of what is stored.
  func addPending(of block: ParameterBlock, rows: Range<Int>, to target: UnsafeMutablePointer<Float>) {
    guard let term = pending(of: block) else { return }
    zeroth_low_rank_add(
      rows.count, block.columns, term.rank, 1, term.left + rows.lowerBound * term.rank, term.right, target,
      block.columns)
  }
}
