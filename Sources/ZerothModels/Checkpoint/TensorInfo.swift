/// The entry of one tensor in a checkpoint.
public struct TensorInfo: Hashable, Sendable {
  /// The name in the checkpoint, such as `model.decoder.embed_tokens.weight`.
  public let name: String
  /// The type of the elements in the file.
  public let elementType: ElementType
  /// The dimensions, the slowest first; empty for a scalar.
  public let shape: [Int]
  /// The range of the bytes in the file, counted from the start of the file. Its start need not be aligned.
  public let byteRange: Range<Int>

  /// The number of elements: the product of `shape`.
  public var elementCount: Int { shape.reduce(1, *) }  // cannot overflow: checked when the file was opened
}

extension ElementType {
  /// The number of elements and of bytes of a tensor of this type. Nil when one of them does not fit an `Int`, and when
  /// the bits do not fill whole bytes.
  func size(ofShape shape: [Int]) -> (elements: Int, bytes: Int)? {
    var elements = 1
    for dimension in shape {
      let (product, overflow) = elements.multipliedReportingOverflow(by: dimension)
      guard dimension >= 0, !overflow else { return nil }
      elements = product
    }
    let (bits, overflow) = elements.multipliedReportingOverflow(by: bitWidth)
    guard !overflow, bits.isMultiple(of: 8) else { return nil }
    return (elements, bits / 8)
  }
}
