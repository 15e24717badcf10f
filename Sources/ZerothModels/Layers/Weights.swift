import CZeroth
import Zeroth

/// The weights that a forward pass reads: theta + offset_v D for each of several variants v, of which no weight is
/// ever written. Activations hold the variants one below the other: rows v R ..< (v + 1) R belong to variant v.
///
/// The models are written against its operations (embed, linear, norm) and do not know which of the three they get:
/// plain weights, those displaced by a low-rank direction, or by a dense one.
struct Weights: @unchecked Sendable {
  let layout: ParameterLayout
  let direction: (any Direction)?
  let offsets: [Float]
  let workspace: Workspace
  /// theta, with what is pending apart from it.
  let stored: StoredParameters

  /// The weights theta + offsets[v] `direction`; without a direction, theta itself once for each offset.
  init(
    _ theta: borrowing ParameterStore, along direction: (any Direction)?, at offsets: [Float], workspace: Workspace
  ) {
    layout = theta.layout
    self.direction = offsets.allSatisfy { $0 == 0 } ? nil : direction
    self.offsets = offsets
    self.workspace = workspace
    stored = theta.stored()
  }

  var variants: Int { offsets.count }

  /// Whether variants go one after the other: with so many rows, reading W once more costs nothing, and the activations
  /// of one variant take the memory of inference. A dense direction is made once for all variants instead.
  static func measuresApart(_ direction: (any Direction)?, rows: Int) -> Bool {
    (direction == nil || direction?.lowRank != nil) && rows >= 256
  }

  /// The direction, if it moves `block`.
  func displacement(of block: ParameterBlock) -> (any Direction)? {
    guard let direction, block.isTrainable, direction.touches(block) else { return nil }
    return direction
  }

  /// The vector `block`, or its elements `rows`, in each variant: variants x count.
  func vector(_ block: ParameterBlock, rows: Range<Int>? = nil) -> Matrix {
    let rows = rows ?? 0..<block.rows
    let count = rows.count * block.columns
    let result = workspace.matrix(variants, count)
    let source = result.row(variants - 1)
    stored.read(block, rows: rows, into: source)
    for v in 0..<(variants - 1) { result.row(v).update(from: source, count: count) }
    if let direction = displacement(of: block) {
      let z = workspace.matrix(1, count)
      direction.write(block, rows: rows, into: z.base)
      for v in 0..<variants where offsets[v] != 0 {
        zeroth_axpy(count, offsets[v], z.base, result.row(v))
      }
    }
    return result
  }

  /// Rows `ids` of the table `block` in each variant: variants * ids.count x columns; added to `x` if asked for.
  func embed(_ ids: [Int], _ block: ParameterBlock, into x: Matrix, accumulate: Bool = false) {
    let n = block.columns
    let direction = displacement(of: block)
    let right = direction?.lowRank.flatMap { block.isMatrix ? rightFactor($0, block) : nil }
    let chunk = 16
    workspace.forEach((ids.count + chunk - 1) / chunk, scratch: 3 * n + (right?.rows ?? 0)) { c, z in
      let moved = z + n
      let source = moved + n
      for i in (c * chunk)..<min((c + 1) * chunk, ids.count) {
        let id = ids[i]
        stored.read(block, rows: id..<(id + 1), into: source)
        if let direction {
          if let lowRank = direction.lowRank, let right {
            let left = UnsafeMutableBufferPointer(start: source + n, count: right.rows)
            lowRank.writeLeft(of: block, rows: id..<(id + 1), into: left)
            z.update(repeating: 0, count: n)
            zeroth_low_rank_add(1, n, right.rows, lowRank.matrixScale, source + n, right.base, z, n)
          } else {
            direction.write(block, rows: id..<(id + 1), into: z)
          }
        }
        for v in 0..<variants {
          var row = UnsafePointer(source)
          if direction != nil, offsets[v] != 0 {
            zeroth_displace(n, row, offsets[v], z, moved)
            row = UnsafePointer(moved)
          }
          let target = x.row(v * ids.count + i)
          if accumulate { zeroth_axpy(n, 1, row, target) } else { target.update(from: row, count: n) }
        }
      }
    }
  }

  /// V^T of a low-rank direction on `block`: r x columns.
  func rightFactor(_ direction: any LowRankDirection, _ block: ParameterBlock) -> Matrix {
    let right = workspace.matrix(direction.rank, block.columns)
    direction.writeRight(
      of: block, into: UnsafeMutableBufferPointer(start: right.base, count: right.rows * right.columns))
    return right
  }

  /// Runs `body` over the rows of each variant of `x`, in chunks, on all threads.
  func forRows(_ x: Matrix, _ body: @Sendable (_ variant: Int, _ rows: Range<Int>) -> Void) {
    let rows = x.rows / variants
    let chunk = max(1, (1 << 14) / max(1, x.columns))
    let chunks = (rows + chunk - 1) / chunk
    Parallel.forEach(variants * chunks) { i in
      let variant = i / chunks
      let first = i % chunks * chunk
      body(variant, (variant * rows + first)..<(variant * rows + min(first + chunk, rows)))
    }
  }

  /// out = layer norm of the rows of `x`: (x - mean) / sqrt(var + eps) * gain + bias.
  func layerNorm(_ x: Matrix, gain: ParameterBlock?, bias: ParameterBlock?, eps: Float = 1e-5, into out: Matrix) {
    workspace.scope {
      let gains = gain.map { vector($0) }
      let biases = bias.map { vector($0) }
      forRows(x) { v, rows in
        zeroth_layer_norm(
          rows.count, x.columns, eps, gains?.row(v), biases?.row(v), x.row(rows.lowerBound),
          out.row(rows.lowerBound))
      }
    }
  }

  /// out = RMS norm of the rows of `x`: x / sqrt(mean(x^2) + eps) * gain.
  func rmsNorm(_ x: Matrix, gain: ParameterBlock, eps: Float, into out: Matrix) {
    workspace.scope {
      let gains = vector(gain)
      forRows(x) { v, rows in
        zeroth_rms_norm(
          rows.count, x.columns, eps, gains.row(v), x.row(rows.lowerBound), out.row(rows.lowerBound))
      }
    }
  }
}

/// An address that goes between threads; nobody writes through it.
struct SendableAddress: @unchecked Sendable {
  let address: UnsafePointer<Float>
  init(_ address: UnsafePointer<Float>) { self.address = address }
}

extension Direction {
  /// target = D[rows] of `block`.
  func write(_ block: ParameterBlock, rows: Range<Int>, into target: UnsafeMutablePointer<Float>) {
    let count = rows.count * block.columns
    var span = UnsafeMutableBufferPointer(start: target, count: count).mutableSpan
    write(to: &span, of: block, rows: rows)
  }

  /// target = D[rows, columns] of `block`.
  func write(
    _ block: ParameterBlock, rows: Range<Int>, columns: Range<Int>, into target: UnsafeMutablePointer<Float>
  ) {
    var span = UnsafeMutableBufferPointer(start: target, count: rows.count * columns.count).mutableSpan
    write(to: &span, of: block, rows: rows, columns: columns)
  }
}
