import CZeroth
import Zeroth

/// Operations element by element. For each, its derivatives are given: along a tangent t of x, and backwards for the
/// adjoint d of its result.
extension Weights {
  /// x = a x.     t = a t,  d_x = a d
  func scale(_ x: Matrix, by a: Float) {
    scaleRows(x, by: a)
    if let tape { tape.record { [self] in scaleRows(adjoint(of: x), by: a) } }
  }

  /// x = x + y.     t_x = t_x + t_y,  d_y += d
  func add(_ y: Matrix, to x: Matrix) {
    addRows(y, to: x)
    if let tape { tape.record { [self] in addRows(adjoint(of: x), to: adjoint(of: y)) } }
  }

  /// x = y.     t_x = t_y,  d_y += d, d = 0
  func copy(_ y: Matrix, to x: Matrix) {
    x.take(y)
    if let tape {
      tape.record { [self] in
        addRows(adjoint(of: x), to: adjoint(of: y))
        adjoint(of: x).clear()
      }
    }
  }

  /// x = 0.     d = 0
  func clear(_ x: Matrix) {
    x.clear()
    if let tape { tape.record { [self] in adjoint(of: x).clear() } }
  }

  /// x = x y.     t_x = t_x y + x t_y,  d_y += d x, d = d y
  func multiply(_ x: Matrix, by y: Matrix) {
    if isTangent {
      multiplyRows(variant(1, of: x), by: variant(0, of: y))
      multiplyRows(variant(1, of: y), by: variant(0, of: x))
      addRows(variant(1, of: y), to: variant(1, of: x))
      return multiplyRows(variant(0, of: x), by: variant(0, of: y))
    }
    if let tape, tape.isRecording {
      let (oldX, oldY) = (tape.save(x), tape.save(y))
      tape.record { [self] in
        let d = adjoint(of: x)
        workspace.scope {
          let product = workspace.matrix(x.rows, x.columns)
          product.take(d)
          multiplyRows(product, by: oldX)
          addRows(product, to: adjoint(of: y))
        }
        multiplyRows(d, by: oldY)
      }
    }
    multiplyRows(x, by: y)
  }

  /// x = f(x).     t = f'(x) t,  d = f'(x) d
  func activate(_ x: Matrix, _ f: zeroth_activation) {
    guard f != zeroth_identity else { return }
    if isTangent {
      multiplyBySlope(variant(1, of: x), f, of: variant(0, of: x))
      return activateRows(variant(0, of: x), f)
    }
    if let tape, tape.isRecording {
      let old = tape.save(x)
      tape.record { [self] in multiplyBySlope(adjoint(of: x), f, of: old) }
    }
    activateRows(x, f)
  }

  /// x = c tanh(x / c).     t = (1 - (x / c)^2) t,  d = (1 - (x / c)^2) d,  where x is the new value
  func softCap(_ x: Matrix, at cap: Float) {
    zeroth_soft_cap(isTangent ? x.count / 2 : x.count, 1, cap, x.base)
    if isTangent { multiplyByCapSlope(variant(1, of: x), variant(0, of: x), cap) }
    if let tape, tape.isRecording {
      let capped = tape.save(x)
      tape.record { [self] in multiplyByCapSlope(adjoint(of: x), capped, cap) }
    }
  }

  // MARK: Rows on all threads, without derivatives

  func scaleRows(_ x: Matrix, by a: Float) { Rowwise(.scale(a), x, x).run() }
  func addRows(_ y: Matrix, to x: Matrix) { Rowwise(.add, y, x).run() }
  func multiplyRows(_ x: Matrix, by y: Matrix) { Rowwise(.multiply, y, x).run() }
  private func activateRows(_ x: Matrix, _ f: zeroth_activation) { Rowwise(.activate(f), x, x).run() }
  private func multiplyBySlope(_ s: Matrix, _ f: zeroth_activation, of x: Matrix) { Rowwise(.slope(f), x, s).run() }
  func multiplyByCapSlope(_ s: Matrix, _ capped: Matrix, _ cap: Float) { Rowwise(.capSlope(cap), capped, s).run() }
}

extension Weights {
  /// Calls `body` with each row of `x`. Each thread takes some rows at a time. It is used for derivatives, where
  /// allocating memory is allowed.
  func forEachRow(of x: Matrix, _ body: @Sendable (Int) -> Void) {
    let ranges = EqualRanges(0..<x.rows, by: (1 << 14) / max(1, x.columns))
    Parallel.forEach(ranges.count) { i in for r in ranges[i] { body(r) } }
  }

  /// target += the sum of the rows of x. Each thread takes some columns, so that the order of the additions is always
  /// the same.
  func addSum(ofRowsOf x: Matrix, to target: UnsafeMutablePointer<Float>) {
    let ranges = EqualRanges(0..<x.columns, by: 64)
    let sums = Matrix(base: target, rows: 1, columns: x.columns)
    Parallel.forEach(ranges.count) { i in
      let columns = ranges[i]
      for r in 0..<x.rows {
        zeroth_axpy(columns.count, 1, x.row(r) + columns.lowerBound, sums.base + columns.lowerBound)
      }
    }
  }
}

/// The work of the threads that change the rows of `x`, some at a time. `y` has the same shape.
private struct Rowwise: ~Copyable, ParallelWork {
  enum Operation {
    case scale(Float), add, multiply
    case activate(zeroth_activation), slope(zeroth_activation), capSlope(Float)
  }

  private let operation: Operation
  private let y, x: Matrix
  private let ranges: EqualRanges

  init(_ operation: Operation, _ y: Matrix, _ x: Matrix) {
    self.operation = operation
    self.y = y
    self.x = x
    ranges = EqualRanges(0..<x.rows, by: (1 << 14) / max(1, x.columns))
  }

  func run() { Parallel.forEach(ranges.count, self) }

  func run(_ i: Int, _: Int) {
    let rows = ranges[i]
    let count = rows.count * x.columns
    let (source, target) = (y.row(rows.lowerBound), x.row(rows.lowerBound))
    switch operation {
    case .scale(let a): zeroth_scale(count, a, target)
    case .add: zeroth_axpy(count, 1, source, target)
    case .multiply: zeroth_multiply(count, source, target)
    case .activate(let f): zeroth_activate(f, 1, count, target, count)
    case .slope(let f): zeroth_multiply_slope(f, count, source, target)
    case .capSlope(let cap):
      for j in 0..<count { target[j] *= 1 - (source[j] / cap) * (source[j] / cap) }
    }
  }
}

extension Matrix {
  /// Sets all elements to 0.
  func clear() { base.update(repeating: 0, count: count) }
}
