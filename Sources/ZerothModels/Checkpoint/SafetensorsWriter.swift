import Zeroth
import ZerothSupport

/// Writes safetensors files. A file appears under its name complete or not at all.
public enum SafetensorsWriter {
  /// One tensor to write.
  public struct Tensor: Hashable, Sendable {
    /// The name in the file.
    public var name: String
    /// The dimensions, the slowest first; empty for a scalar.
    public var shape: [Int]
    /// The type in which the values are stored: F32, or F16 or BF16, to which values are rounded (to nearest, ties to
    /// even).
    public var elementType: ElementType

    /// A tensor of `shape` that is stored as `elementType`.
    public init(name: String, shape: [Int], elementType: ElementType = .f32) {
      self.name = name
      self.shape = shape
      self.elementType = elementType
    }
  }

  /// Writes `tensors` to `path` in the given order. It holds at most a megabyte of converted data in memory.
  ///
  /// `data` is called once for each tensor, in order. It is given a function, and passes the values of the tensor to it
  /// in row-major order, in any number of pieces. The bytes go to a temporary file beside `path`, which is flushed to
  /// the disk and then renamed. After an error, also one of `data`, the file at `path` is what it was before.
  ///
  /// Throws `InputError` for a list of tensors that no file can hold, for a tensor that gets more or fewer values than
  /// its shape has, and when the file cannot be written.
  public static func write(
    _ tensors: [Tensor], to path: String, metadata: [String: String] = ["format": "pt"],
    data: (_ tensor: Tensor, _ write: (UnsafeBufferPointer<Float>) throws -> Void) throws -> Void
  ) throws {
    let header = try header(of: tensors, metadata: metadata, path: path)
    let file = try AtomicFile(path: path)
    try withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { try file.write($0) }
    try file.write(header)
    let staging = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { staging.deallocate() }
    for tensor in tensors {
      let elements = tensor.elementType.size(ofShape: tensor.shape)?.elements ?? 0  // checked with the header
      var written = 0
      try data(tensor) { values in
        guard values.count <= elements - written else {
          throw wrongCount(tensor, path: path, found: "more than \(elements) values", elements)
        }
        try encode(values, as: tensor.elementType, through: staging) { try file.write($0) }
        written += values.count
      }
      guard written == elements else { throw wrongCount(tensor, path: path, found: "\(written) values", elements) }
    }
    try file.commit()
  }

  /// Converts `values` piece by piece in `staging`, and passes the bytes to `write`.
  private static func encode(
    _ values: UnsafeBufferPointer<Float>, as type: ElementType, through staging: UnsafeMutableRawBufferPointer,
    write: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard let address = staging.baseAddress else { return }
    let width = type.bitWidth / 8
    let capacity = staging.count / width
    var rest = values
    while !rest.isEmpty {
      let piece = UnsafeBufferPointer(rebasing: rest.prefix(capacity))
      ElementConversion.encode(piece, as: type, into: address)
      try write(UnsafeRawBufferPointer(start: address, count: piece.count * width))
      rest = UnsafeBufferPointer(rebasing: rest.dropFirst(piece.count))
    }
  }

  /// The JSON header, padded with spaces so that the data starts at a multiple of 8.
  private static func header(of tensors: [Tensor], metadata: [String: String], path: String) throws -> String {
    let strings = metadata.sorted { $0.key < $1.key }.map { JSON.quoted($0.key) + ":" + JSON.quoted($0.value) }
    var members = metadata.isEmpty ? [] : ["\"__metadata__\":{\(strings.joined(separator: ","))}"]
    var names: Set<String> = ["__metadata__"]
    var end = 0
    for tensor in tensors {
      let subject = "\(path): tensor '\(tensor.name.excerpt)'"
      guard names.insert(tensor.name).inserted else {
        throw InputError(subject, found: "a name that is taken", expected: "each name once, none of them __metadata__")
      }
      guard tensor.elementType.isFloatConvertible else {
        throw InputError(subject, found: "element type \(tensor.elementType.rawValue)", expected: "F32, F16 or BF16")
      }
      let begin = end
      guard let bytes = tensor.elementType.size(ofShape: tensor.shape)?.bytes, bytes <= Int.max / 2 - begin else {
        throw InputError(
          subject, found: "the shape \(tensor.shape)", expected: "dimensions of at least 0 that fit a file")
      }
      end += bytes
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      members.append(
        "\(JSON.quoted(tensor.name)):{\"dtype\":\"\(tensor.elementType.rawValue)\","
          + "\"shape\":[\(shape)],\"data_offsets\":[\(begin),\(end)]}")
    }
    let header = "{\(members.joined(separator: ","))}"
    guard header.utf8.count <= SafetensorsHeader.maximumLength - 8 else {
      throw InputError(
        path, found: "a header of \(header.utf8.count) bytes", expected: "at most \(SafetensorsHeader.maximumLength)")
    }
    return header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
  }

  private static func wrongCount(_ tensor: Tensor, path: String, found: String, _ elements: Int) -> InputError {
    InputError(
      "\(path): tensor '\(tensor.name.excerpt)'", found: found, expected: "\(elements) for the shape \(tensor.shape)")
  }
}
