import CZeroth
import Zeroth

extension Weights {
  /// y = f(x W^T + b), or y += x W^T + b, with its derivative: forward along the direction Z of W and z of b, or
  /// backwards:
  ///
  ///     t_y [+]= t_x W^T + x Z^T + z                Z of low rank is never formed (`ThinFactors`)
  ///     d_x += d W,  d_W += d^T x,  d_b += sum of the rows of d,  d = 0 unless y was added to
  func differentiatedLinear(
    _ x: PackedRows, _ weight: ParameterBlock, rows: Range<Int>?, columns: Range<Int>?, bias: ParameterBlock?,
    into results: ProductResults, accumulate: Bool, activation: zeroth_activation
  ) {
    guard case .rows(let y) = results else { preconditionFailure("what is differentiated is not packed") }
    product(x, weight, rows: rows, columns: columns, bias: bias, into: results, accumulate: accumulate)
    if isTangent, !(areLowRank && weight.isMatrix), !moving(weight).isEmpty {
      displacedAlone().product(
        x.variant(0), weight, rows: rows, columns: columns, into: .rows(variant(1, of: y)), accumulate: true,
        displacementAlone: true)
    }
    if let tape {
      let isInputLive = tape.use(weight)
      _ = tape.use(bias)
      let (rows, columns) = (rows ?? 0..<weight.rows, columns ?? 0..<weight.columns)
      if tape.isRecording, let input = x.recorded {
        let values = input.values ?? tape.save(input.place)
        tape.record { [self] in
          let d = adjoint(of: y)
          if let gradient = tape.gradient(of: weight) {
            addOuterProduct(of: d, values, to: gradient, weight, rows: rows, columns: columns)
          }
          if let gradient = bias.flatMap(tape.gradient) { addSum(ofRowsOf: d, to: gradient + rows.lowerBound) }
          if isInputLive { multiply(d, weight, rows: rows, columns: columns, addingTo: adjoint(of: input.place)) }
          if !accumulate { d.clear() }
        }
      }
    }
    if let branch = branches[weight.index] { add(branch, of: x, rows: rows, columns: columns, to: y) }
    activate(y, activation)
  }

  /// y += scale (x A^T) B^T, computed as two layers.
  private func add(_ branch: LoRABranch, of x: PackedRows, rows: Range<Int>?, columns: Range<Int>?, to y: Matrix) {
    workspace.scope {
      let (a, b) = (layout.blocks[branch.a], layout.blocks[branch.b])
      let inner = workspace.matrix(x.rows, a.rows)
      linear(x, a, columns: columns, into: .rows(inner))
      scale(inner, by: branch.scale)
      linear(pack(inner), b, rows: rows, into: .rows(y), accumulate: true)
    }
  }

  /// gradient[rows, columns] += d^T x, for d of R x rows.count and x of R x columns.count.
  func addOuterProduct(
    of d: Matrix, _ x: Matrix, to gradient: UnsafeMutablePointer<Float>, _ block: ParameterBlock, rows: Range<Int>,
    columns: Range<Int>
  ) {
    let target = Matrix(base: gradient, rows: block.rows, columns: block.columns)
    let ranges = EqualRanges(0..<rows.count, by: 128)
    Parallel.forEach(ranges.count) { i in
      let range = ranges[i]
      zeroth_sgemm_transposed(
        range.count, columns.count, d.rows, 1, d.base + range.lowerBound, d.columns, x.base, x.columns, 1,
        target.row(rows.lowerBound + range.lowerBound) + columns.lowerBound, target.columns)
    }
  }

  /// result += d W[rows, columns], for d of R x rows.count.
  func multiply(
    _ d: Matrix, _ block: ParameterBlock, rows: Range<Int>, columns: Range<Int>, addingTo result: Matrix
  ) {
    if let w = stored.floats(of: block), stored.pending(of: block) == nil, stored.kept(of: block) == nil {
      return multiply(
        d, at: 0, by: w + rows.lowerBound * block.columns + columns.lowerBound, height: rows.count,
        stride: block.columns, addingTo: result)
    }
    // Some rows of W at a time are widened, and used for all rows of d.
    for part in EqualRanges(rows, by: 256) {
      workspace.scope {
        let w = workspace.matrix(part.count, block.columns)
        let some = EqualRanges(part, by: 16)
        Parallel.forEach(some.count) { i in
          stored.read(block, rows: some[i], into: w.row(some[i].lowerBound - part.lowerBound))
        }
        multiply(
          d, at: part.lowerBound - rows.lowerBound, by: w.base + columns.lowerBound, height: part.count,
          stride: w.columns, addingTo: result)
      }
    }
  }

  /// result += d[:, column ..< column + height] W, for `height` rows of W that lie `stride` floats apart.
  private func multiply(
    _ d: Matrix, at column: Int, by w: UnsafePointer<Float>, height: Int, stride: Int, addingTo result: Matrix
  ) {
    // Where d has few rows, the columns are cut too, so that all threads have work.
    let rows = EqualRanges(0..<d.rows, by: d.rows >= 1024 ? 256 : 128)
    let columns = EqualRanges(0..<result.columns, by: d.rows >= 1024 ? result.columns : 256)
    let w = SendablePointer(w)
    Parallel.forEach(rows.count * columns.count) { i in
      let (rows, columns) = (rows[i / columns.count], columns[i % columns.count])
      zeroth_sgemm(
        false, rows.count, columns.count, height, 1, d.row(rows.lowerBound) + column, d.columns,
        w.pointer + columns.lowerBound, stride, 1, result.row(rows.lowerBound) + columns.lowerBound, result.columns)
    }
  }

  /// y = x w^T, where w has few rows and is itself made of activations: rows that were looked up in a table.
  ///
  ///     t_y = t_x w^T + x t_w^T;  d_x += d w,  d_w += d^T x,  d = 0
  func multiplyTransposed(_ x: Matrix, _ w: Matrix, into y: Matrix) {
    func product(_ x: Matrix, _ w: Matrix, _ beta: Float, _ y: Matrix) {
      zeroth_sgemm(true, x.rows, w.rows, x.columns, 1, x.base, x.columns, w.base, w.columns, beta, y.base, y.columns)
    }
    for v in 0..<variants { product(variant(v, of: x), variant(0, of: w), 0, variant(v, of: y)) }
    if isTangent { product(variant(0, of: x), variant(1, of: w), 1, variant(1, of: y)) }
    if let tape, tape.isRecording {
      let (savedX, savedW) = (tape.save(x), tape.save(w))
      tape.record { [self] in
        let (d, dX, dW) = (adjoint(of: y), adjoint(of: x), adjoint(of: w))
        zeroth_sgemm(
          false, d.rows, w.columns, d.columns, 1, d.base, d.columns, savedW.base, w.columns, 1, dX.base, x.columns)
        zeroth_sgemm_transposed(
          w.rows, x.columns, d.rows, 1, d.base, d.columns, savedX.base, x.columns, 1, dW.base, w.columns)
        d.clear()
      }
    }
  }
}
