import Zeroth
import ZerothSupport

/// Writes safetensors files that appear under their name complete or not at all.
public enum SafetensorsWriter {
  /// One tensor to write.
  public struct Tensor: Hashable, Sendable {
    /// The name it gets in the file.
    public var name: String
    /// Its dimensions, the slowest first; empty for a scalar.
    public var shape: [Int]
    /// What its values are stored as: F32, or rounded to the nearest (ties to even) F16 or BF16.
    public var elementType: ElementType

    /// A tensor of `shape` that is stored as `elementType`.
    public init(name: String, shape: [Int], elementType: ElementType = .f32) {
      self.name = name
      self.shape = shape
      self.elementType = elementType
    }
  }

  /// Writes `tensors` to `path` in the order given, holding at most a megabyte of converted data in memory.
  ///
  /// `data` is called once per tensor, in order, with a function to which it hands the values in row-major order, in
  /// as many pieces as it likes. The bytes go to a temporary file beside `path`, which is flushed to the disk and
  /// then renamed; after an error, one of `data` included, `path` holds what it held before.
  ///
  /// Throws `InputError` for a list of tensors that no file can hold, for a tensor that gets more or fewer values
  /// than its shape has, and when the file cannot be written.
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

  /// Converts `values` piece by piece in `staging` and hands the bytes to `write`.
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
