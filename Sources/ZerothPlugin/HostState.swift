import CZerothPlugin
import Zeroth
import ZerothSupport

/// Writes to the host's checkpoint. The interface has no texts and no words: texts are stored as bytes, words as
/// integers.
final class HostWriter: StateWriting {
  let path = "the host's checkpoint"
  private let writer: UnsafePointer<zeroth_plugin_writer>

  init(_ writer: UnsafePointer<zeroth_plugin_writer>) { self.writer = writer }

  func write(_ name: String, _ type: StateType, _ value: UnsafeRawBufferPointer) throws(InputError) {
    let text = persistent(name)
    defer { text.deallocate() }
    let status = writer.pointee.write(
      writer, text, type.number, value.baseAddress ?? UnsafeRawPointer(text), Int64(value.count / type.size))
    guard status == 0 else { throw InputError(name, found: "a value that the host refuses", expected: "it to be kept") }
  }
}

/// Reads from the host's checkpoint.
final class HostReader: StateReading {
  let path = "the host's checkpoint"
  private let reader: UnsafePointer<zeroth_plugin_reader>
  private var value = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  init(_ reader: UnsafePointer<zeroth_plugin_reader>) { self.reader = reader }

  deinit { value.deallocate() }

  func read(_ name: String, _ type: StateType) throws(InputError) -> UnsafeRawBufferPointer {
    let count = try count(name, type)
    value.deallocate()
    value = .allocate(byteCount: max(count, 1) * type.size, alignment: 8)
    let text = persistent(name)
    defer { text.deallocate() }
    let status = reader.pointee.read(reader, text, type.number, value.baseAddress, Int64(count))
    guard status == 0 else { throw InputError(name, found: "no such value", expected: "it in the checkpoint") }
    return UnsafeRawBufferPointer(rebasing: value[..<(count * type.size)])
  }

  func count(_ name: String, _ type: StateType) throws(InputError) -> Int {
    let text = persistent(name)
    defer { text.deallocate() }
    var count: Int64 = 0
    guard reader.pointee.count(reader, text, type.number, &count) == 0 else {
      throw InputError(name, found: "no such value", expected: "it in the checkpoint")
    }
    return Int(count)
  }
}

extension StateType {
  /// The number of the type in the interface.
  fileprivate var number: Int32 {
    switch self {
    case .text, .bytes: Int32(ZEROTH_PLUGIN_BYTES)
    case .integers, .words: Int32(ZEROTH_PLUGIN_INTEGERS)
    case .doubles: Int32(ZEROTH_PLUGIN_DOUBLES)
    case .floats: Int32(ZEROTH_PLUGIN_FLOATS)
    }
  }
}
