import Zeroth
import ZerothSupport

/// One safetensors file, mapped into memory for reading.
///
/// The whole header is checked when the file is opened, so every tensor in `tensors` can then be read. Reading touches
/// only the pages of the requested tensor.
public final class SafetensorsFile: Sendable {
  /// The path that the file was opened by.
  public let path: String
  /// The names of all tensors in the order of their data.
  public let names: [String]
  /// Every tensor by its name.
  public let tensors: [String: TensorInfo]
  /// The strings that the header holds under `__metadata__`.
  public let metadata: [String: String]

  let file: MappedFile

  /// Opens and checks the file at `path`.
  ///
  /// Throws `InputError`, naming the file and the tensor, for a file that cannot be read, a header that is not what the
  /// format demands, and tensors that overlap or do not fill the data.
  public init(path: String) throws {
    self.path = path
    file = try MappedFile(path: path)
    let header = try SafetensorsHeader(of: file)
    names = header.tensors.map(\.name)
    tensors = Dictionary(header.tensors.map { ($0.name, $0) }) { first, _ in first }  // the parser refuses duplicates
    metadata = header.metadata
  }

  /// What the header says about the tensor `name`; throws `InputError` when there is none.
  public func info(_ name: String) throws -> TensorInfo {
    guard let info = tensors[name] else {
      throw InputError(subject(name), found: "no such tensor", expected: "one of the \(names.count) in the file")
    }
    return info
  }

  /// Calls `body` with the bytes of the tensor `name`: little-endian, at any alignment, valid during the call.
  /// They do not count as memory of this process after it.
  public func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    let range = try info(name).byteRange
    defer { file.release(range) }
    return try withExtendedLifetime(file) { try body(UnsafeRawBufferPointer(rebasing: file.bytes[range])) }
  }

  /// Reads the tensor `name` in row-major order; F32, F16 and BF16 values are converted exactly.
  ///
  /// Throws `InputError` for an unknown name, another element type, or a destination of another size.
  public func read(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws {
    let info = try floatInfo(name)
    guard info.elementCount == destination.count else {
      throw InputError(
        subject(name), found: "\(info.elementCount) elements, shape \(info.shape)", expected: "\(destination.count)")
    }
    try withBytes(of: name) { bytes in
      guard let start = bytes.baseAddress else { return }
      ElementConversion.decode(start, as: info.elementType, into: destination)
    }
  }

  /// What the header says about the tensor `name`, whose elements have to be F32, F16 or BF16.
  func floatInfo(_ name: String) throws -> TensorInfo {
    let info = try info(name)
    guard info.elementType.isFloatConvertible else {
      throw InputError(
        subject(name), found: "elements of type \(info.elementType.rawValue)", expected: "F32, F16 or BF16")
    }
    return info
  }

  /// A private copy of the file. Its pages take memory when they are written.
  ///
  /// Throws `InputError` when the size of the file has changed since it was opened.
  func privateCopy() throws -> MappedFile {
    let copy = try MappedFile(path: path, isPrivateCopy: true)
    guard copy.bytes.count == file.bytes.count else {
      throw InputError(
        path, found: "\(copy.bytes.count) bytes", expected: "the \(file.bytes.count) that were there when it was opened"
      )
    }
    return copy
  }

  private func subject(_ name: String) -> String { "\(path): tensor '\(name.excerpt)'" }
}
