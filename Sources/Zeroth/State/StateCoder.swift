import ZerothSupport

/// Carries the state of a part to a checkpoint, or from a checkpoint back to the part.
///
/// A part names each of its values once, in `codeState`. The same code serves both directions: while a checkpoint is
/// written, the values are read; while a checkpoint is restored, they are set.
///
///     mutating func codeState(_ state: StateCoder) throws(InputError) {
///       try state.code("updates", &updates)
///       try state.code("momentum", &momentum, of: state.layout.trainable)
///     }
///
/// The cost is that of the values themselves: large ones are copied directly between the part and the file. Every call
/// throws `InputError` for a file that cannot be written, and for a file that holds a different value at this position.
public final class StateCoder {
  /// Where values are written to, or read from.
  enum Direction {
    case writing(any StateWriting)
    case reading(any StateReading)
  }

  /// The blocks of the parameters.
  public let layout: ParameterLayout
  /// The generator of the run's random numbers.
  public let generator: RandomGenerator
  private let direction: Direction
  private var scope: [String] = []
  /// The number of values that were saved or restored so far.
  private(set) var count = 0

  /// A coder that writes to `sink`, such as the other side of a plugin's interface.
  package convenience init(writing sink: any StateWriting, layout: ParameterLayout, generator: RandomGenerator) {
    self.init(.writing(sink), layout: layout, generator: generator)
  }

  /// A coder that reads from `source`, such as the other side of a plugin's interface.
  package convenience init(reading source: any StateReading, layout: ParameterLayout, generator: RandomGenerator) {
    self.init(.reading(source), layout: layout, generator: generator)
  }

  init(_ direction: Direction, layout: ParameterLayout, generator: RandomGenerator) {
    self.direction = direction
    self.layout = layout
    self.generator = generator
  }

  /// Whether a checkpoint is being restored, so that values are set; otherwise they are saved.
  public var isRestoring: Bool {
    if case .reading = direction { true } else { false }
  }

  /// Saves an option on which the meaning of the state depends. Restoring throws an `InputError` that names the option
  /// where the checkpoint has another value for it.
  public func require(_ name: String, _ value: some CustomStringConvertible) throws(InputError) {
    let wanted = "\(value)"
    var found = wanted
    try code(name, &found)
    guard found == wanted else {
      throw error(name, found: found, expected: "\(wanted), as this optimizer has it")
    }
  }

  /// Saves or restores a text.
  public func code(_ name: String, _ value: inout String) throws(InputError) {
    var bytes = Array(value.utf8)
    try code(name, .text, &bytes)
    value = String(decoding: bytes, as: UTF8.self)
  }

  /// Saves or restores an integer.
  public func code(_ name: String, _ value: inout Int) throws(InputError) {
    var values = [Int64(value)]
    try code(name, .integers, &values, count: 1)
    value = Int(values[0])
  }

  /// Saves or restores a truth value.
  public func code(_ name: String, _ value: inout Bool) throws(InputError) {
    var number = value ? 1 : 0
    try code(name, &number)
    guard number == 0 || number == 1 else { throw error(name, found: "\(number)", expected: "0 or 1") }
    value = number == 1
  }

  /// Saves or restores 64 bits.
  public func code(_ name: String, _ value: inout UInt64) throws(InputError) {
    var values = [value]
    try code(name, .words, &values, count: 1)
    value = values[0]
  }

  /// Saves or restores a number, bit for bit.
  public func code(_ name: String, _ value: inout Double) throws(InputError) {
    var values = [value]
    try code(name, &values, count: 1)
    value = values[0]
  }

  /// Saves or restores the key of a random stream.
  public func code(_ name: String, _ value: inout StreamKey) throws(InputError) {
    var bits = value.bits
    try code(name, &bits)
    value = StreamKey(bits: bits, generator: value.generator)
  }

  /// Saves or restores a schedule, because a schedule may have been changed between steps. A schedule that is a
  /// function cannot be written: the optimizer keeps its own.
  public func code(_ name: String, _ schedule: inout Schedule) throws(InputError) {
    var text = schedule.description
    let own = text
    try code(name, &text)
    guard text != own else { return }
    if let known = Schedule(parsing: text) { schedule = known }
  }

  /// Saves or restores keys of random streams of the run's generator.
  public func code(_ name: String, _ keys: inout [StreamKey]) throws(InputError) {
    var bits = keys.map(\.bits)
    try code(name, &bits)
    keys = bits.map { StreamKey(bits: $0, generator: generator) }
  }

  /// Saves or restores numbers: `count` of them, or any number of them where `count` is nil.
  public func code(_ name: String, _ values: inout [Double], count: Int? = nil) throws(InputError) {
    try code(name, .doubles, &values, count: count)
  }

  /// Saves or restores floats: `count` of them, or any number of them where `count` is nil.
  public func code(_ name: String, _ values: inout [Float], count: Int? = nil) throws(InputError) {
    try code(name, .floats, &values, count: count)
  }

  /// Saves or restores words of 64 bits: `count` of them, or any number of them where `count` is nil.
  public func code(_ name: String, _ values: inout [UInt64], count: Int? = nil) throws(InputError) {
    try code(name, .words, &values, count: count)
  }

  /// The number of elements of the next value of the checkpoint, which must have this name and type. Nil while a
  /// checkpoint is written.
  package func nextCount(_ name: String, _ type: StateType) throws(InputError) -> Int? {
    guard case .reading(let source) = direction else { return nil }
    return try source.count(fullName(name), type)
  }

  /// Saves whether an optional value is there. While a checkpoint is restored, the result says whether the checkpoint
  /// has the value.
  public func codePresence(_ name: String, _ isThere: Bool) throws(InputError) -> Bool {
    var isThere = isThere
    try code(name, &isThere)
    return isThere
  }

  /// Saves or restores a float for each parameter of `blocks`, or the fact that there is none.
  public func code(
    _ name: String, _ vector: inout StoredVector?, of blocks: [ParameterBlock]
  ) throws(InputError) {
    guard try codePresence("\(name).is-there", vector != nil) else {
      vector = nil
      return
    }
    guard isRestoring else {
      for block in blocks {
        var result: Result<Void, InputError> = .success(())
        // The floats are read here and not copied: copies of the part share them.
        _ = vector?.withRows(0..<block.rows, of: block) { floats in
          result = Result { () throws(InputError) in
            try code(
              "\(name).\(block.name)", .floats,
              UnsafeMutableRawBufferPointer(mutating: UnsafeRawBufferPointer(floats)))
          }
        }
        try result.get()
      }
      return
    }
    var values = StoredVector(blocks)
    for block in blocks {
      try values.withStorage(of: block) { (floats) throws(InputError) in
        try code("\(name).\(block.name)", .floats, UnsafeMutableRawBufferPointer(floats))
      }
    }
    vector = values
  }

  /// Saves or restores all values of `parameters`, which are stored in fp32. This is for parameters that a part keeps,
  /// such as an earlier iterate.
  public func code(_ name: String, _ parameters: inout ParameterStore) throws(InputError) {
    if !isRestoring { parameters.materialize() }
    for block in parameters.layout.blocks {
      try parameters.withMutableBlock(block) { (values) throws(InputError) in
        try values.withUnsafeMutableBufferPointer { (floats) throws(InputError) in
          try code("\(name).\(block.name)", .floats, UnsafeMutableRawBufferPointer(floats))
        }
      }
    }
  }

  /// Saves or restores what `body` names. The names then begin with `name`.
  public func scoped(_ name: String, _ body: (StateCoder) throws(InputError) -> Void) throws(InputError) {
    scope.append(name)
    defer { scope.removeLast() }
    try body(self)
  }

  /// An `InputError` about the value `name`; its text contains the path of the file.
  public func error(_ name: String, found: String, expected: String) -> InputError {
    let path =
      switch direction {
      case .writing(let sink): sink.path
      case .reading(let source): source.path
      }
    return InputError("\(path): \(fullName(name))", found: found, expected: expected)
  }

  /// Saves or restores bytes in memory, which are copied directly from there or to there.
  package func code(_ name: String, _ type: StateType, _ bytes: UnsafeMutableRawBufferPointer) throws(InputError) {
    count += 1
    switch direction {
    case .writing(let sink): try sink.write(fullName(name), type, UnsafeRawBufferPointer(bytes))
    case .reading(let source):
      let found = try source.read(fullName(name), type)
      guard found.count == bytes.count else {
        throw error(name, found: "\(found.count / type.size) \(type)", expected: "\(bytes.count / type.size)")
      }
      bytes.copyMemory(from: found)
    }
  }

  /// Saves or restores an array of elements that are plain bytes.
  private func code<T: BitwiseCopyable>(
    _ name: String, _ type: StateType, _ values: inout [T], count wanted: Int? = nil
  ) throws(InputError) {
    count += 1
    switch direction {
    case .writing(let sink):
      let name = fullName(name)
      try values.withUnsafeBufferPointer { (values) throws(InputError) in
        try sink.write(name, type, UnsafeRawBufferPointer(values))
      }
    case .reading(let source):
      let found = try source.read(fullName(name), type)
      if let wanted, found.count != wanted * type.size {
        throw error(name, found: "\(found.count / type.size) \(type)", expected: "\(wanted)")
      }
      values = [T](unsafeUninitializedCapacity: found.count / MemoryLayout<T>.stride) { buffer, count in
        UnsafeMutableRawBufferPointer(buffer).copyMemory(from: found)
        count = found.count / MemoryLayout<T>.stride
      }
    }
  }

  private func fullName(_ name: String) -> String { (scope + [name]).joined(separator: ".") }
}

/// A destination of named values.
package protocol StateWriting: AnyObject {
  /// The path of the file, for messages of errors.
  var path: String { get }
  func write(_ name: String, _ type: StateType, _ value: UnsafeRawBufferPointer) throws(InputError)
}

/// A source of named values, which are read one after another.
package protocol StateReading: AnyObject {
  /// The path of the file, for messages of errors.
  var path: String { get }
  /// Reads the next value, which must have this name and type. Its bytes stay valid until the next value is read.
  func read(_ name: String, _ type: StateType) throws(InputError) -> UnsafeRawBufferPointer
  /// The number of elements of the next value, without moving on to it.
  func count(_ name: String, _ type: StateType) throws(InputError) -> Int
}

/// The type of the elements of a value in a checkpoint.
package enum StateType: UInt8, CustomStringConvertible, Sendable {
  case text = 1, integers, words, doubles, floats, bytes

  /// The number of bytes of one element.
  package var size: Int {
    switch self {
    case .text, .bytes: 1
    case .floats: 4
    case .integers, .words, .doubles: 8
    }
  }

  package var description: String {
    switch self {
    case .text, .bytes: "bytes"
    case .integers: "integers"
    case .words: "words"
    case .doubles: "numbers"
    case .floats: "floats"
    }
  }
}
