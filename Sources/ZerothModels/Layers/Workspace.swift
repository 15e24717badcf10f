import CZeroth
import Foundation
import Zeroth

/// A matrix of activations in a workspace, row by row. It consists of an address and a shape, so a copy shares the
/// values.
struct Matrix: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  let rows: Int
  let columns: Int

  func row(_ i: Int) -> UnsafeMutablePointer<Float> { base + i * columns }
}

/// The memory for activations: a stack in reserved address space. Matrices are freed by going back to a mark. The pages
/// are kept for the next pass, so a step allocates nothing.
final class Workspace: @unchecked Sendable {
  private static let reserved = 1 << 36  // bytes of address space; pages take memory when they are first written
  private let memory: UnsafeMutableRawPointer
  private let size: Int
  private var used = 0
  /// The largest number of bytes of matrices at one time.
  private(set) var mostUsed = 0
  private var scratch = Scratch()
  /// The address space for adjoints, as large as that for matrices. It is reserved when it is first needed (`Tape`).
  private var adjoints: UnsafeMutableRawPointer?

  init() {
    var size = Self.reserved
    while true {
      if let memory = zeroth_reserve(size, 1) {
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
    if let adjoints { zeroth_release(adjoints, size) }
    scratch.free()
  }

  /// An uninitialised matrix. It is valid until the workspace goes back to an earlier mark.
  func matrix(_ rows: Int, _ columns: Int) -> Matrix {
    let bytes = (rows * columns * MemoryLayout<Float>.stride + 63) / 64 * 64
    precondition(bytes <= size - used, "activations of \(bytes) bytes exceed the address space reserved for them")
    let base = (memory + used).assumingMemoryBound(to: Float.self)
    used += bytes
    mostUsed = max(mostUsed, used)
    return Matrix(base: base, rows: rows, columns: columns)
  }

  /// Runs `body`, and then frees the matrices that were made in it.
  func scope<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    let mark = used
    defer { used = mark }
    return try body()
  }

  /// Runs `body` as if only the matrices below `mark` existed. `mark` is an earlier value of `position`.
  func scope(from mark: Int, _ body: () -> Void) {
    let used = self.used
    defer { self.used = used }
    self.used = mark
    body()
  }

  /// Frees the matrices from `mark` on. `mark` is an earlier value of `position`.
  func release(from mark: Int) { used = mark }

  /// The offset at which the next matrix will begin.
  var position: Int { used }

  /// The adjoint of `x`, a matrix of this workspace. Its offset in the adjoints is that of `x` in the matrices.
  func adjoint(of x: Matrix) -> Matrix {
    guard let adjoints else { preconditionFailure("adjoints that were not begun") }
    let offset = UnsafeMutableRawPointer(x.base) - memory
    return Matrix(
      base: (adjoints + offset).assumingMemoryBound(to: Float.self), rows: x.rows, columns: x.columns)
  }

  /// Sets all adjoints to 0.
  func clearAdjoints() {
    if let adjoints {
      memset(adjoints, 0, mostUsed)
    } else if let memory = zeroth_reserve(size, 1) {
      adjoints = memory
    } else {
      zeroth_end_without_memory("the address space of adjoints")
    }
  }

  /// At least `count` floats of temporary memory for each thread, valid until the next call.
  func scratch(_ count: Int) -> Scratch {
    if count > scratch.count || Parallel.threads > scratch.workers {
      let count = max(count, scratch.count)
      scratch.free()
      scratch = Scratch(count, workers: Parallel.threads)
    }
    return scratch
  }
}

/// Temporary floats for each thread of a loop. A thread uses those at its own number.
struct Scratch: @unchecked Sendable {
  private let base: UnsafeMutablePointer<Float>?
  fileprivate let count: Int
  /// The number of threads for which there is memory.
  let workers: Int

  fileprivate init() { (base, count, workers) = (nil, 0, 0) }

  fileprivate init(_ count: Int, workers: Int) {
    self.count = (max(count, 1) + 15) / 16 * 16
    self.workers = workers
    guard let memory = zeroth_allocate(self.count * workers * MemoryLayout<Float>.stride) else {
      zeroth_end_without_memory("\(self.count * workers) floats of scratch")
    }
    base = memory.assumingMemoryBound(to: Float.self)
  }

  fileprivate func free() {
    if let base { zeroth_deallocate(base, count * workers * MemoryLayout<Float>.stride) }
  }

  subscript(worker: Int) -> UnsafeMutablePointer<Float> {
    guard let base else { fatalError("scratch that was not asked for") }
    return base + worker * count
  }
}

extension Matrix {
  /// The number of elements.
  var count: Int { rows * columns }

  /// Copies the values of a matrix of the same shape.
  func take(_ other: Matrix) { base.update(from: other.base, count: count) }
}
