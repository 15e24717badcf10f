import CZeroth
import Zeroth

/// A linear layer: the indices of its weight and bias in the layout.
struct Linear: Sendable {
  let weight: Int
  let bias: Int?
}

extension Weights {
  /// y = f(x W^T + b), or y += x W^T + b. x is variants * R x n, W is m x n, y is variants * R x m. `rows` and
  /// `columns` choose a part of W, and `rows` the same elements of b.
  func linear(
    _ x: PackedRows, _ weight: ParameterBlock, rows: Range<Int>? = nil, columns: Range<Int>? = nil,
    bias: ParameterBlock? = nil, into results: ProductResults, accumulate: Bool = false,
    activation: zeroth_activation = zeroth_identity
  ) {
    if areDifferentiated {
      return differentiatedLinear(
        x, weight, rows: rows, columns: columns, bias: bias, into: results, accumulate: accumulate,
        activation: activation)
    }
    product(
      x, weight, rows: rows, columns: columns, bias: bias, into: results, accumulate: accumulate, activation: activation
    )
  }

  /// The product, without its derivative.
  func product(
    _ x: PackedRows, _ weight: ParameterBlock, rows: Range<Int>? = nil, columns: Range<Int>? = nil,
    bias: ParameterBlock? = nil, into results: ProductResults, accumulate: Bool = false,
    activation: zeroth_activation = zeroth_identity, displacementAlone: Bool = false
  ) {
    workspace.scope {
      let biases = bias.map { vector($0, rows: rows) }
      let product = Product(x, weight, rows: rows, columns: columns, displacementAlone: displacementAlone, self)
      let blocks = product.blocks
      let scratch = workspace.scratch(product.scratchCount)
      for i in 0..<product.stageCount {
        let stage = product.stage(i)
        product.make(stage)
        let layer = LinearStage(
          product: product, blocks: blocks, stage: stage, rows: x.rows / variants, results: results,
          accumulate: accumulate, biases: biases, activation: activation, scratch: scratch)
        Parallel.forEach(stage.panels.count * blocks.count, workers: scratch.workers, layer)
      }
    }
  }

  /// y = x W^T + b for a layer of the architecture; or y += x W[:, columns]^T, where b is added with the first columns.
  func apply(
    _ layer: Linear, columns: Range<Int>? = nil, to x: Matrix, into y: Matrix, accumulate: Bool = false
  ) {
    workspace.scope { apply(layer, columns: columns, to: pack(x), into: y, accumulate: accumulate) }
  }

  /// The same, for rows that are packed already.
  func apply(
    _ layer: Linear, columns: Range<Int>? = nil, to x: PackedRows, into y: Matrix, accumulate: Bool = false
  ) {
    linear(
      x, layout.blocks[layer.weight], columns: columns,
      bias: columns.map { $0.lowerBound == 0 } ?? true ? layer.bias.map { layout.blocks[$0] } : nil, into: .rows(y),
      accumulate: accumulate)
  }

  /// The linear layer, or the outputs `rows` of it, as a new matrix.
  func apply(
    _ layer: Linear, rows: Range<Int>? = nil, to x: PackedRows, activation: zeroth_activation = zeroth_identity
  ) -> Matrix {
    let y = workspace.matrix(x.rows, rows?.count ?? layout.blocks[layer.weight].rows)
    linear(
      x, layout.blocks[layer.weight], rows: rows, bias: layer.bias.map { layout.blocks[$0] }, into: .rows(y),
      activation: activation)
    return y
  }
}

/// The work of the threads that compute a stage of a linear layer: each multiplies one block by one panel at a time. A
/// variant has `rows` rows of x and one row of `biases`.
private struct LinearStage: ~Copyable, ParallelWork {
  let product: Product
  let blocks: EqualRanges
  let stage: Product.Stage
  let rows: Int
  let results: ProductResults
  let accumulate: Bool
  let biases: Matrix?
  let activation: zeroth_activation
  let scratch: Scratch

  func run(_ item: Int, _ worker: Int) {
    let (block, place) = item.quotientAndRemainder(dividingBy: stage.panels.count)
    let i = stage.panels.lowerBound + place
    let first = product.panel(i).lowerBound
    product.multiply(
      i, of: stage, block: blocks[block],
      bias: biases.map { zeroth_bias(rows: $0.base + first, stride: $0.columns, shared: rows, before: 0) }
        ?? zeroth_bias(), activation: activation, into: results, accumulate: accumulate, scratch: scratch[worker])
  }
}
