import CZeroth
import Zeroth

/// A linear layer: places of its weight and bias in the layout.
struct Linear: Sendable {
  let weight: Int
  let bias: Int?
}

/// A layer norm: places of its gain and bias in the layout, and what it adds to the variance.
struct Norm: Sendable {
  let gain: Int?
  let bias: Int?
  let eps: Float
}

/// Collects the blocks of an architecture as it describes itself.
struct BlockTable {
  private(set) var entries: [ParameterLayout.Entry] = []
  var prefix: String
  /// What the checkpoint calls the parts of a norm.
  var normNames = (gain: "weight", bias: "bias")

  mutating func matrix(_ name: String, _ rows: Int, _ columns: Int, _ role: BlockRole, layer: Int? = nil) -> Int {
    entries.append(.init(prefix + name, rows: rows, columns: columns, role: role, layer: layer))
    return entries.count - 1
  }

  mutating func vector(_ name: String, _ count: Int, _ role: BlockRole, layer: Int? = nil) -> Int {
    matrix(name, count, 1, role, layer: layer)
  }

  mutating func linear(
    _ name: String, from columns: Int, to rows: Int, bias: Bool, _ role: BlockRole, layer: Int? = nil
  ) -> Linear {
    let weight = matrix(name + ".weight", rows, columns, role, layer: layer)
    return Linear(weight: weight, bias: bias ? vector(name + ".bias", rows, .bias, layer: layer) : nil)
  }

  mutating func norm(
    _ name: String, _ count: Int, gain: Bool = true, bias: Bool = true, eps: Double = 1e-5, layer: Int? = nil
  ) -> Norm {
    Norm(
      gain: gain ? vector("\(name).\(normNames.gain)", count, .norm, layer: layer) : nil,
      bias: bias ? vector("\(name).\(normNames.bias)", count, .norm, layer: layer) : nil, eps: Float(eps))
  }
}

/// What all families of models have in common.
protocol Architecture: Sendable {
  /// The blocks, named as in the checkpoint.
  var entries: [ParameterLayout.Entry] { get }
  /// Rows of the vocabulary.
  var vocabulary: Int { get }
  /// The longest sequence.
  var context: Int { get }
  /// Tensors that a checkpoint may hold beyond the blocks, because they repeat or follow from others or are not used.
  func isRedundant(_ tensor: String) -> Bool
}

/// What the families of causal language models have in common.
protocol CausalArchitecture: Architecture {
  /// The block whose rows give the logits: the output layer, or the token embedding that is tied to it.
  var head: Int { get }
  /// The output vectors, ready for the head, at the rows `rows` of the batch: variants * rows.count x columns.
  func output(_ batch: TokenBatch, rows: [Int], _ weights: Weights) -> Matrix
}

extension Weights {
  /// y = x W^T + b for a layer of the architecture, or += x W[:, columns]^T, where b goes with the first columns.
  func apply(
    _ layer: Linear, columns: Range<Int>? = nil, to x: Matrix, into y: Matrix, accumulate: Bool = false
  ) {
    workspace.scope { apply(layer, columns: columns, to: pack(x), into: y, accumulate: accumulate) }
  }

  /// The same of rows that are packed.
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

  /// 0 ..< width as one piece, or as about `count` of whole units where `x` has so many rows that a layer's activations
  /// weigh: then they exist for a piece at a time.
  func pieces(of width: Int, unit: Int, count: Int, for x: Matrix) -> Pieces {
    guard x.rows >= 256 * variants, count > 1 else { return Pieces(0..<width, by: width) }
    let units = (width + unit - 1) / unit
    return Pieces(0..<width, by: (units + count - 1) / count * unit)
  }

  /// y += W2 f(W1 x), piece by piece. y may be what x was packed from.
  func feedForward(_ up: Linear, _ down: Linear, _ activation: zeroth_activation, of x: PackedRows, into y: Matrix) {
    let width = layout.blocks[up.weight].rows
    for part in pieces(of: width, unit: 64, count: width / x.columns, for: y) {
      workspace.scope {
        // Packed as they are made: the rows of what is between the two are never stored.
        let f = PackedRows(rows: x.rows, columns: part.count, groups: x.groups, workspace)
        linear(
          x, layout.blocks[up.weight], rows: part, bias: up.bias.map { layout.blocks[$0] }, into: .packed(f),
          activation: activation)
        apply(down, columns: part, to: f, into: y, accumulate: true)
      }
    }
  }

  /// A place for the rows `rows` of `x`: x's own where they ascend, as `select` then moves them up.
  func place(for rows: [Int], of x: Matrix) -> Matrix {
    let isAscending = zip(rows, rows.dropFirst()).allSatisfy { $0 < $1 }
    return isAscending
      ? Matrix(base: x.base, rows: variants * rows.count, columns: x.columns)
      : workspace.matrix(variants * rows.count, x.columns)
  }

  /// The layer norm as a new matrix.
  func apply(_ norm: Norm, to x: Matrix) -> Matrix {
    let y = workspace.matrix(x.rows, x.columns)
    layerNorm(
      x, gain: norm.gain.map { layout.blocks[$0] }, bias: norm.bias.map { layout.blocks[$0] }, eps: norm.eps, into: y)
    return y
  }

  /// y = the rows `rows` of each variant of `x`; y may be their `place`.
  func select(_ rows: [Int], of x: Matrix, into y: Matrix) {
    for v in 0..<variants {
      for (i, row) in rows.enumerated() {
        y.row(v * rows.count + i).update(from: x.row(v * (x.rows / variants) + row), count: x.columns)
      }
    }
  }

  /// The rows `rows` of each variant of `x`, which is given up for them.
  func select(_ rows: [Int], of x: Matrix) -> Matrix {
    let y = place(for: rows, of: x)
    select(rows, of: x, into: y)
    return y
  }
}

extension Activation {
  var kernel: zeroth_activation {
    switch self {
    case .relu: zeroth_relu
    case .gelu: zeroth_gelu
    case .geluTanh: zeroth_gelu_tanh
    case .silu: zeroth_silu
    }
  }
}
