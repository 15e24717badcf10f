import CZeroth
import Foundation
import Testing
import Zeroth
import ZerothTestKit

/// Faults on purpose, one of each kind that a sanitizer is for. `make sanitize` asks for them by ZEROTH_PLANTED and fails
/// where one of them passes: a build whose sanitizer sleeps would find nothing in the other tests either.
@Suite struct PlantedFaultTests {
  private static let planted = ProcessInfo.processInfo.environment["ZEROTH_PLANTED"]

  private final class Sum: @unchecked Sendable {
    var value = 0
  }

  /// Threads of the pool add to one number without taking turns.
  @Test(.enabled(if: planted == "race", "planted by make sanitize")) func race() throws {
    let sum = Sum()
    try withThreads(4) {
      for _ in 0..<100 { Parallel.forEach(64) { _ in sum.value += 1 } }
    }
    #expect(sum.value <= 6400)
  }

  /// A loop in C reads one number more than there are.
  @Test(.enabled(if: planted == "overrun", "planted by make sanitize")) func overrun() {
    let x = UnsafeMutablePointer<Float>.allocate(capacity: 8)
    defer { x.deallocate() }
    x.initialize(repeating: 1, count: 8)
    var y = [Float](repeating: 1, count: 9)
    zeroth_axpy(9, 2, x, &y)
    #expect(y[0] == 3)
  }

  /// A loop in C is given an address that no number can have.
  @Test(.enabled(if: planted == "misalignment", "planted by make sanitize")) func misalignment() {
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
    defer { bytes.deallocate() }
    bytes.initializeMemory(as: UInt8.self, repeating: 0, count: 64)
    zeroth_scale(8, 2, (bytes + 1).assumingMemoryBound(to: Float.self))
    #expect(bytes.loadUnaligned(as: Float.self) == 0)
  }
}
