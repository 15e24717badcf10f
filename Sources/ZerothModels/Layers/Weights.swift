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
  /// The factors of `direction`, where it has low rank.
  let lowRank: (any LowRankDirection)?
  let offsets: Few<Float>
  let workspace: Workspace
  /// theta, with what is pending apart from it.
  let stored: StoredParameters

  /// The weights theta + offsets[v] `direction`; without a direction, theta itself once for each offset.
  init(
    _ theta: borrowing ParameterStore, along direction: (any Direction)?, at offsets: Few<Float>, workspace: Workspace
  ) {
    layout = theta.layout
    self.direction = offsets.allSatisfy { $0 == 0 } ? nil : direction
    lowRank = self.direction?.factors
    self.offsets = offsets
    self.workspace = workspace
    stored = theta.stored()
  }

  var variants: Int { offsets.count }

  /// Whether variants go one after the other: with so many rows, reading W once more costs nothing, and the activations
  /// of one variant take the memory of inference. A dense direction is made once for all variants instead.
  static func measuresApart(_ direction: (any Direction)?, rows: Int) -> Bool {
    (direction == nil || direction?.factors != nil) && rows >= 256
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

  /// Rows `shift` + `ids` of the table `block` in each variant: variants * ids.count x columns; added to `x` if asked for.
  func embed(
    _ ids: [Int], shiftedBy shift: Int = 0, _ block: ParameterBlock, into x: Matrix, accumulate: Bool = false
  ) {
    let direction = displacement(of: block)
    let right = direction != nil && block.isMatrix ? lowRank.map { rightFactor($0, block) } : nil
    let chunks = Pieces(0..<ids.count, by: 16)
    let scratch = workspace.scratch(3 * block.columns + (right?.rows ?? 0))
    let table = Table(
      weights: self, ids: ids, shift: shift, block: block, direction: direction, right: right, x: x,
      accumulate: accumulate,
      chunks: chunks, scratch: scratch)
    Parallel.forEach(chunks.count, workers: scratch.workers, table)
  }

  /// What the pieces of `embed` share; `right` is V^T, r x columns, of a low-rank direction.
  private struct Table: ~Copyable, ParallelWork {
    let weights: Weights
    let ids: [Int]
    let shift: Int
    let block: ParameterBlock
    let direction: (any Direction)?
    let right: Matrix?
    let x: Matrix
    let accumulate: Bool
    let chunks: Pieces
    let scratch: Scratch

    func run(_ chunk: Int, _ worker: Int) { for i in chunks[chunk] { embed(i, scratch[worker]) } }

    /// Row shift + ids[i] in each variant.
    private func embed(_ i: Int, _ z: UnsafeMutablePointer<Float>) {
      let n = block.columns
      let rows = (shift + ids[i])..<(shift + ids[i] + 1)
      let moved = z + n
      let source = moved + n
      weights.stored.read(block, rows: rows, into: source)
      if let lowRank = weights.lowRank, let right {
        let left = UnsafeMutableBufferPointer(start: source + n, count: right.rows)
        lowRank.writeLeft(of: block, rows: rows, into: left)
        z.update(repeating: 0, count: n)
        zeroth_low_rank_add(1, n, right.rows, lowRank.matrixScale, source + n, right.base, z, n)
      } else if let direction {
        direction.write(block, rows: rows, into: z)
      }
      for v in 0..<weights.variants {
        var row = UnsafePointer(source)
        if direction != nil, weights.offsets[v] != 0 {
          zeroth_displace(n, row, weights.offsets[v], z, moved)
          row = UnsafePointer(moved)
        }
        let target = x.row(v * ids.count + i)
        if accumulate { zeroth_axpy(n, 1, row, target) } else { target.update(from: row, count: n) }
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

  /// The rows of each variant of `x` in chunks, for a loop over them.
  func rowChunks(of x: Matrix) -> Pieces {
    Pieces(groups: variants, of: x.rows / variants, by: (1 << 14) / max(1, x.columns))
  }

  /// x = x y, element by element.
  func multiply(_ x: Matrix, by y: Matrix) {
    let chunks = rowChunks(of: x)
    Parallel.forEach(chunks.count, with: (x: x, y: y, chunks: chunks)) { s, i, _ in
      let rows = s.chunks[i]
      zeroth_multiply(rows.count * s.x.columns, s.y.row(rows.lowerBound), s.x.row(rows.lowerBound))
    }
  }

  /// out = layer norm of the rows of `x`: (x - mean) / sqrt(var + eps) * gain + bias.
  func layerNorm(_ x: Matrix, gain: ParameterBlock?, bias: ParameterBlock?, eps: Float = 1e-5, into out: Matrix) {
    workspace.scope {
      let chunks = rowChunks(of: x)
      let state = (
        x: x, gains: gain.map { vector($0) }, biases: bias.map { vector($0) }, eps: eps, out: out, chunks: chunks
      )
      Parallel.forEach(chunks.count, with: state) { s, i, _ in
        let (v, rows) = (i / s.chunks.countInGroup, s.chunks[i])
        zeroth_layer_norm(
          rows.count, s.x.columns, s.eps, s.gains?.row(v), s.biases?.row(v), s.x.row(rows.lowerBound),
          s.out.row(rows.lowerBound))
      }
    }
  }

  /// out = RMS norm of the rows of `x`: x / sqrt(mean(x^2) + eps) * gain.
  func rmsNorm(_ x: Matrix, gain: ParameterBlock, eps: Float, into out: Matrix) {
    workspace.scope {
      let chunks = rowChunks(of: x)
      let state = (x: x, gains: vector(gain), eps: eps, out: out, chunks: chunks)
      Parallel.forEach(chunks.count, with: state) { s, i, _ in
        let (v, rows) = (i / s.chunks.countInGroup, s.chunks[i])
        zeroth_rms_norm(
          rows.count, s.x.columns, s.eps, s.gains.row(v), s.x.row(rows.lowerBound), s.out.row(rows.lowerBound))
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
