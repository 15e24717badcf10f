import CZeroth
import Zeroth

/// A matrix of activations in a workspace, row by row. Reference semantics: it is an address and a shape.
struct Matrix: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  let rows: Int
  let columns: Int

  func row(_ i: Int) -> UnsafeMutablePointer<Float> { base + i * columns }
}

/// Memory for activations: a stack in reserved address space. Matrices are freed by returning to a mark, and the pages
/// stay for the next pass, so that a step allocates nothing.
final class Workspace: @unchecked Sendable {
  private static let reserved = 1 << 36  // bytes of address space; memory is taken page by page
  private let memory: UnsafeMutableRawPointer
  private let size: Int
  private var used = 0
  private var scratches: [UnsafeMutablePointer<Float>] = []
  private var scratchCount = 0

  init() {
    var size = Self.reserved
    while true {
      if let memory = zeroth_reserve(size) {
        self.memory = memory
        self.size = size
        return
      }
      size /= 2
      precondition(size >= 1 << 20, "no address space for activations")
    }
  }

  deinit {
    zeroth_release(memory, size)
    freeScratches()
  }

  /// An uninitialised matrix, valid until the workspace returns to an earlier mark.
  func matrix(_ rows: Int, _ columns: Int) -> Matrix {
    let bytes = (rows * columns * MemoryLayout<Float>.stride + 63) / 64 * 64
    precondition(bytes <= size - used, "activations of \(bytes) bytes exceed the address space reserved for them")
    let base = (memory + used).assumingMemoryBound(to: Float.self)
    used += bytes
    return Matrix(base: base, rows: rows, columns: columns)
  }

  /// Runs `body` and frees the matrices that were made in it.
  func scope<R>(_ body: () -> R) -> R {
    let mark = used
    defer { used = mark }
    return body()
  }

  /// Calls `body` once for each index below `count`, on all threads, each with `scratch` floats of its own.
  func forEach(
    _ count: Int, scratch: Int, _ body: @Sendable (_ index: Int, _ scratch: UnsafeMutablePointer<Float>) -> Void
  ) {
    reserveScratch(max(1, scratch))
    let scratches = Scratches(scratches)
    Parallel.forEach(count, workers: scratches.all.count) { index, worker in body(index, scratches.all[worker]) }
  }

  private struct Scratches: @unchecked Sendable {
    let all: [UnsafeMutablePointer<Float>]
    init(_ all: [UnsafeMutablePointer<Float>]) { self.all = all }
  }

  private func reserveScratch(_ count: Int) {
    let workers = Parallel.threads
    guard count > scratchCount || workers > scratches.count else { return }
    freeScratches()
    scratchCount = max(count, scratchCount)
    scratches = (0..<workers).map { _ in
      guard let memory = zeroth_allocate(scratchCount * MemoryLayout<Float>.stride) else {
        fatalError("no memory for \(scratchCount) floats of scratch")
      }
      return memory.assumingMemoryBound(to: Float.self)
    }
  }

  private func freeScratches() {
    for scratch in scratches { zeroth_deallocate(scratch, scratchCount * MemoryLayout<Float>.stride) }
    scratches = []
  }
}

extension Matrix {
  /// Takes over the values of a matrix of the same shape.
  func take(_ other: Matrix) { base.update(from: other.base, count: rows * columns) }
}
