import Zeroth

/// Gives one input to a reader of files. To refuse it with an `InputError` is as good as to read it; every other error, a
/// trap, a memory error, a hang and a file that swells in memory are faults.
struct Reader: Sendable {
  private let read: @Sendable ([UInt8]) throws -> Void

  init(_ read: @escaping @Sendable ([UInt8]) throws -> Void) { self.read = read }

  func accepts(_ input: UnsafeBufferPointer<UInt8>) {
    do {
      try read(Array(input))
    } catch let error as InputError {
      precondition(!error.subject.isEmpty && !error.found.isEmpty && !error.expected.isEmpty, "an error without words")
    } catch {
      fatalError("an error that is no InputError: \(error)")
    }
  }
}

/// What was written by the project itself must be read: an error in `body` is a fault.
func mustRead<T>(_ body: () throws -> T) -> T {
  do { return try body() } catch { fatalError("what was written is refused: \(error)") }
}
