import Testing
import Zeroth
import ZerothTestKit

@Suite struct ScratchTests {
  /// Memory that is lent stays where it is and as it is, whatever is taken meanwhile, also where the stack has to grow.
  @Test(arguments: [1, 100, 50_000]) func isOnesOwnUntilItIsReturned(count: Int) {
    func fill(_ depth: Int) {
      withScratch(count << depth) { values in
        #expect(values.count == count << depth && UInt(bitPattern: values.baseAddress) % 64 == 0)
        values.update(repeating: Float(depth))
        if depth < 4 { fill(depth + 1) }
        #expect(values.allSatisfy { $0 == Float(depth) })
      }
    }
    for _ in 0..<3 { fill(0) }
  }

  @Test func isKeptByItsThread() {
    let first = withScratch(1000) { $0.baseAddress }
    let second = withScratch(1000) { $0.baseAddress }
    #expect(first == second)
  }

  @Test func passesErrorsOn() {
    struct Stop: Error {}
    #expect(throws: Stop.self) { try withScratch(10) { _ in throw Stop() } }
    let before = withScratch(10) { $0.baseAddress }
    #expect(throws: Stop.self) { try withScratch(10) { _ in throw Stop() } }
    #expect(before == withScratch(10) { $0.baseAddress }, "what was lent is returned")
  }

  @Test func eachThreadHasItsOwn() throws {
    let isWrong = try withThreads(2) {
      let counts = [UInt8](unsafeUninitializedCapacity: 64) { marks, count in
        let marks = SendableMarks(marks)
        Parallel.forEach(64) { i in
          withScratch(10_000) { values in
            values.update(repeating: Float(i))
            marks.values[i] = values.allSatisfy { $0 == Float(i) } ? 0 : 1
          }
        }
        count = 64
      }
      return counts.contains(1)
    }
    #expect(!isWrong)
  }

  private struct SendableMarks: @unchecked Sendable {
    let values: UnsafeMutableBufferPointer<UInt8>
    init(_ values: UnsafeMutableBufferPointer<UInt8>) { self.values = values }
  }
}
