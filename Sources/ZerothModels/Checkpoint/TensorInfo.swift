/// What a checkpoint says about one tensor.
public struct TensorInfo: Hashable, Sendable {
  /// The name under which the checkpoint holds it, such as `model.decoder.embed_tokens.weight`.
  public let name: String
  /// The type of its elements in the file.
  public let elementType: ElementType
  /// Its dimensions, the slowest first; empty for a scalar.
  public let shape: [Int]
  /// Where its bytes lie in the file, counted from the start of the file; the start need not be aligned.
  public let byteRange: Range<Int>

  /// The number of elements: the product of `shape`.
  public var elementCount: Int { shape.reduce(1, *) }  // cannot overflow: checked against the file when it was opened
}

extension ElementType {
  /// The elements and bytes of a tensor of this type, nil when either does not fit an `Int` or the bytes are not whole.
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
