import ZerothSupport

/// Reads the fields of one protobuf message in their order.
///
/// It is written here because `tokenizer.model` needs only about a dozen fields of four messages, whereas the protobuf
/// package and its generated schema would add minutes to the build. Every length is checked before it is used.
/// Wire format: https://protobuf.dev/programming-guides/encoding/
struct ProtobufReader {
  enum Value {
    case varint(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  private var rest: ArraySlice<UInt8>
  private let subject: String

  /// - Parameter subject: the file and message from which `bytes` come, for messages of errors.
  init(_ bytes: ArraySlice<UInt8>, subject: String) {
    rest = bytes
    self.subject = subject
  }

  /// The next field's number and value; nil at the end of the message.
  mutating func next() throws(InputError) -> (number: Int, value: Value)? {
    guard !rest.isEmpty else { return nil }
    let tag = try varint()
    let number = Int(truncatingIfNeeded: tag >> 3)
    guard (1...0x1FFF_FFFF).contains(number) else { throw broken("field number \(tag >> 3)") }
    switch tag & 7 {
    case 0: return (number, .varint(try varint()))
    case 1: return (number, .fixed64(try littleEndian(8)))
    case 2:
      let length = try varint()
      guard length <= UInt64(rest.count) else {
        throw broken("field \(number) of \(length) bytes where \(rest.count) are left")
      }
      return (number, .bytes(take(Int(length))))
    case 5: return (number, .fixed32(UInt32(truncatingIfNeeded: try littleEndian(4))))
    case let wireType: throw broken("field \(number) of wire type \(wireType)")
    }
  }

  private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  private mutating func varint() throws(InputError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      guard let byte = rest.popFirst() else { throw broken("a varint cut off by the end") }
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    throw broken("a varint of more than ten bytes")
  }

  private mutating func littleEndian(_ count: Int) throws(InputError) -> UInt64 {
    guard rest.count >= count else { throw broken("a number of \(count) bytes where \(rest.count) are left") }
    return take(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private func broken(_ found: String) -> InputError {
    InputError(subject, found: found, expected: "a protobuf message")
  }
}
