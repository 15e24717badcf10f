import Zeroth
import ZerothSupport

/// One GGUF file, mapped into memory for reading. It has metadata under keys, and tensors, most of them quantised.
///
///     'GGUF', version, number of tensors, number of keys
///     for each key:     key, type, value
///     for each tensor:  name, number of dimensions, dimensions (the fastest first), element type, place in the data
///     the data, from the next multiple of general.alignment on
///
/// The whole header is checked when the file is opened, so every tensor can then be read.
/// The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
struct GGUFFile: Sendable {
  /// A tensor of the file.
  struct Tensor: Sendable {
    let name: String
    /// The format of its elements. Every row consists of whole groups.
    let format: ElementFormat
    /// The dimensions, the slowest first.
    let shape: [Int]
    /// The range of its bytes in the file.
    let byteRange: Range<Int>
  }

  let file: MappedFile
  /// The values of the metadata by their keys.
  private(set) var metadata: [String: GGUFValue] = [:]
  /// The tensors, in the order of the header.
  private(set) var tensors: [Tensor] = []

  var path: String { file.path }

  /// Whether the file at `path` begins like a GGUF file.
  static func isOne(_ path: String) -> Bool { (try? MappedFile(path: path).starts(with: "GGUF")) ?? false }

  init(path: String) throws(InputError) {
    file = try MappedFile(path: path)
    var bytes = GGUFBytes(file)
    let magic: UInt32 = try bytes.number("magic")
    guard magic == 0x4655_4747 else {
      throw InputError(file.path, found: "another start", expected: "'GGUF', as GGUF files start")
    }
    let version: UInt32 = try bytes.number("version")
    guard version == 2 || version == 3 else {
      let isSwapped = (1...3).contains(version.byteSwapped)
      throw InputError(
        "\(file.path): version", found: isSwapped ? "\(version.byteSwapped), big-endian" : "\(version)",
        expected: "2 or 3, little-endian")
    }
    // The smallest size of a tensor and of a key: two lengths or types, and what they describe.
    let tensorCount = try bytes.count("number of tensors", least: 8 + 4 + 8 + 4 + 8)
    let keyCount = try bytes.count("number of keys", least: 8 + 4 + 1)
    for i in 0..<keyCount {
      let key = try bytes.text("key \(i)")
      let value = try GGUFValue(&bytes, field: key.excerpt, path: file.path)
      guard metadata.updateValue(value, forKey: key) == nil else {
        throw InputError("\(file.path): \(key.excerpt)", found: "the key twice", expected: "each key once")
      }
    }
    let alignment = try integer("general.alignment", default: 32, 1...65536)
    guard alignment.nonzeroBitCount == 1 else {
      throw InputError("\(path): general.alignment", found: "\(alignment)", expected: "a power of two")
    }
    var headers: [(name: String, format: ElementFormat, shape: [Int], offset: UInt64)] = []
    headers.reserveCapacity(tensorCount)
    for i in 0..<tensorCount {
      let name = try bytes.text("tensor \(i): name")
      let (format, shape) = try Self.type(of: name, &bytes, path: file.path)
      headers.append((name, format, shape, try bytes.number("tensor '\(name.excerpt)': offset")))
    }
    let start = (bytes.place + alignment - 1) / alignment * alignment
    tensors.reserveCapacity(tensorCount)
    for header in headers {
      let subject = "\(file.path): tensor '\(header.name.excerpt)'"
      guard header.offset.isMultiple(of: UInt64(alignment)) else {
        throw InputError(
          "\(subject): offset", found: "\(header.offset)", expected: "a multiple of general.alignment, \(alignment)")
      }
      let size = header.format.bytes(of: header.shape.reduce(1, *))
      let room = file.bytes.count - start
      guard size <= room, header.offset <= UInt64(room - size) else {
        throw InputError(
          "\(subject): offset", found: "\(header.offset), and \(size) bytes, with \(max(0, room)) bytes of data",
          expected: "an end within the data; the file is cut short, if its header is right: download it again")
      }
      let first = start + Int(header.offset)
      tensors.append(
        Tensor(name: header.name, format: header.format, shape: header.shape, byteRange: first..<(first + size)))
    }
    try requireApart()
  }

  /// Reads dimensions and element type of the tensor `name`.
  private static func type(
    of name: String, _ bytes: inout GGUFBytes, path: String
  ) throws(InputError) -> (ElementFormat, [Int]) {
    let subject = "tensor '\(name.excerpt)'"
    let rank: UInt32 = try bytes.number("\(subject): number of dimensions")
    guard (1...4).contains(rank) else {
      throw InputError("\(path): \(subject): number of dimensions", found: "\(rank)", expected: "1 to 4")
    }
    var dimensions: [Int] = []
    var elements = 1
    for _ in 0..<rank {
      let dimension: UInt64 = try bytes.number("\(subject): dimensions")
      let (product, overflow) = elements.multipliedReportingOverflow(by: Int(clamping: dimension))
      guard dimension > 0, !overflow, product <= Int.max / 8 else {
        throw InputError(
          "\(path): \(subject): dimensions", found: "\(dimensions + [Int(clamping: dimension)])",
          expected: "numbers above 0 whose product fits a file")
      }
      dimensions.append(Int(dimension))
      elements = product
    }
    let number: UInt32 = try bytes.number("\(subject): type")
    guard let format = formats[number] else {
      throw InputError(
        "\(path): \(subject): type", found: others[number].map { "\($0), number \(number)" } ?? "number \(number)",
        expected: "one of \(formats.sorted { $0.key < $1.key }.map(\.value.rawValue).joined(separator: ", "))")
    }
    guard dimensions[0].isMultiple(of: format.groupSize) else {
      throw InputError(
        "\(path): \(subject): dimensions", found: "rows of \(dimensions[0]) elements",
        expected: "a multiple of \(format.groupSize), which \(format.rawValue) quantises together")
    }
    return (format, dimensions.reversed())
  }

  /// Throws `InputError` where two tensors have one name or share bytes.
  private func requireApart() throws(InputError) {
    var names: Set<String> = []
    for tensor in tensors where !names.insert(tensor.name).inserted {
      throw InputError("\(path): tensor '\(tensor.name.excerpt)'", found: "the name twice", expected: "each name once")
    }
    let sorted = tensors.sorted { $0.byteRange.lowerBound < $1.byteRange.lowerBound }
    for (tensor, next) in zip(sorted, sorted.dropFirst()) where next.byteRange.lowerBound < tensor.byteRange.upperBound
    {
      throw InputError(
        "\(path): tensor '\(next.name.excerpt)': offset", found: "data inside tensor '\(tensor.name.excerpt)'",
        expected: "tensors that do not overlap")
    }
  }

  private static let formats: [UInt32: ElementFormat] = [
    0: .float32, 1: .float16, 2: .q40, 3: .q41, 6: .q50, 7: .q51, 8: .q80, 10: .q2K, 11: .q3K, 12: .q4K, 13: .q5K,
    14: .q6K, 20: .iq4NL, 23: .iq4XS, 30: .bfloat16,
  ]
  /// Other formats to which GGML has given numbers, by name, for messages of errors.
  private static let others: [UInt32: String] = [
    9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S",
    24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
  ]
}

// MARK: - Reading metadata

extension GGUFFile {
  /// The error where the value of `key` is not what is `expected`.
  func error(_ key: String, expected: String) -> InputError {
    InputError("\(path): \(key)", found: metadata[key]?.summary ?? "nothing", expected: expected)
  }

  /// An integer in `range`; an error when it is missing and has no default.
  func integer(
    _ key: String, default value: Int? = nil, _ range: ClosedRange<Int> = 1...Int(Int32.max)
  ) throws(InputError) -> Int {
    if let value, metadata[key] == nil { return value }
    guard case .integer(let number) = metadata[key], range.contains(number) else {
      throw error(key, expected: "an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// An integer, or the common value of an array with one integer for each layer.
  func uniform(_ key: String, default value: Int? = nil) throws(InputError) -> Int {
    guard case .integers(let numbers) = metadata[key] else { return try integer(key, default: value) }
    guard let first = numbers.first, numbers.allSatisfy({ $0 == first }), (1...Int(Int32.max)).contains(first) else {
      throw error(key, expected: "one number for all layers, from 1 to \(Int32.max)")
    }
    return first
  }

  /// A number above zero, with as many digits as distinguish it from other floats of its width; nil where it is
  /// missing.
  func number(_ key: String) throws(InputError) -> JSON? {
    switch metadata[key] {
    case nil: return nil
    case .number(let value) where value > 0 && value.isFinite: return .number("\(value)")
    case .double(let value) where value > 0 && value.isFinite: return .double(value)
    case .integer(let value) where value > 0: return .int(value)
    default: throw error(key, expected: "a number above 0")
    }
  }

  func flag(_ key: String) throws(InputError) -> Bool? {
    guard let value = metadata[key] else { return nil }
    guard case .bool(let flag) = value else { throw error(key, expected: "true or false") }
    return flag
  }

  func text(_ key: String) throws(InputError) -> String? {
    guard let value = metadata[key] else { return nil }
    guard case .text(let text) = value else { throw error(key, expected: "a text") }
    return text
  }

  func texts(_ key: String) throws(InputError) -> [String]? {
    guard let value = metadata[key] else { return nil }
    if case .integers(let none) = value, none.isEmpty { return [] }
    guard case .texts(let texts) = value else { throw error(key, expected: "an array of texts") }
    return texts
  }
}
