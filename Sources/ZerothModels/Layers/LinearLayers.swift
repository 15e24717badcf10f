import Zeroth

/// Linear layers alone, on made-up rows. They measure the cost of the products in a forward pass without the rest of
/// it.
package final class LinearLayers {
  /// A weight matrix, and the number of rows of activations that are multiplied by it.
  package struct Layer: Sendable {
    /// The weight, m x n.
    package let weight: ParameterBlock
    /// Rows R of x in x W^T.
    package let rows: Int

    /// `rows` rows times `weight` transposed.
    package init(_ weight: ParameterBlock, rows: Int) {
      self.weight = weight
      self.rows = rows
    }

    /// The number of multiplications and additions of the product.
    package var operations: Double { 2 * Double(rows) * Double(weight.count) }
  }

  private let layers: [Layer]
  private let workspace = Workspace()

  /// Layers whose weights are in the stores that are given to `run`.
  package init(_ layers: [Layer]) { self.layers = layers }

  /// Computes x W^T for every layer and offset, where W is displaced by offset * `direction` as in a forward pass.
  package func run(
    at theta: borrowing ParameterStore, along direction: (any Direction)? = nil, offsets: Few<Float> = [0]
  ) {
    let points = Points(along: direction, at: offsets)
    let weights = Weights(theta, at: points, points.indices, workspace: workspace)
    for layer in layers {
      workspace.scope {
        let x = workspace.matrix(points.count * layer.rows, layer.weight.columns)
        let y = workspace.matrix(x.rows, layer.weight.rows)
        weights.linear(weights.pack(x), layer.weight, into: .rows(y))
      }
    }
  }
}
