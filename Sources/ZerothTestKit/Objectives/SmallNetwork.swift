import CZeroth
import Foundation
import Zeroth

/// The mean squared error L between the network W2 tanh(s * (W1 x) + b1) + b2 and a teacher of the same shape. Products
/// are computed by BLAS.
///
/// The data X is examples x inputs. W1 is hidden x inputs (role query), s and b1 have the length hidden, W2 is outputs
/// x hidden (role value), b2 has the length outputs.
public struct SmallNetwork: AnalyticObjective {
  /// The blocks of its parameters.
  public let layout: ParameterLayout
  private let sizes: (examples: Int, inputs: Int, hidden: Int, outputs: Int)
  private let x: [Float]
  private var targets: [Float]

  /// A network of the given widths and its data.
  public init(inputs: Int = 6, hidden: Int = 8, outputs: Int = 3, examples: Int = 24) {
    sizes = (examples, inputs, hidden, outputs)
    layout = .made([
      .init("query.weight", rows: hidden, columns: inputs, role: "query", layer: 0),
      .init("norm.weight", rows: hidden, role: "norm", layer: 0),
      .init("query.bias", rows: hidden, role: "bias", layer: 0),
      .init("value.weight", rows: outputs, columns: hidden, role: "value", layer: 1),
      .init("value.bias", rows: outputs, role: "bias", layer: 1),
    ])
    x = normals(examples * inputs, seed: 6)
    targets = []
    var teacher = ParameterStore(layout)
    for block in layout.blocks {
      teacher.fill(block, with: normals(block.count, seed: 7, index: block.index, scale: 0.7))
    }
    targets = forward(teacher).outputs
  }

  /// The mean squared error, summed in double.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double {
    zip(forward(theta).outputs, targets).reduce(0) {
      $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1))
    }
      / Double(targets.count)
  }

  /// The gradient by the chain rule, in double.
  public func gradient(at theta: borrowing ParameterStore, on batch: Batch) -> [Double] {
    let pass = forward(theta)
    let s = theta.values(of: layout.blocks[1])
    let w2 = theta.values(of: layout.blocks[3])
    let ranges = layout.flatRanges.map(\.lowerBound)
    var gradient = [Double](repeating: 0, count: layout.parameterCount)
    for e in 0..<sizes.examples {
      var toHidden = [Double](repeating: 0, count: sizes.hidden)
      for o in 0..<sizes.outputs {
        let at = e * sizes.outputs + o
        let error = 2 * (Double(pass.outputs[at]) - Double(targets[at])) / Double(targets.count)
        gradient[ranges[4] + o] += error
        for h in 0..<sizes.hidden {
          gradient[ranges[3] + o * sizes.hidden + h] += error * Double(pass.hidden[e * sizes.hidden + h])
          toHidden[h] += error * Double(w2[o * sizes.hidden + h])
        }
      }
      for h in 0..<sizes.hidden {
        let value = Double(pass.hidden[e * sizes.hidden + h])
        let before = toHidden[h] * (1 - value * value)
        gradient[ranges[1] + h] += before * Double(pass.products[e * sizes.hidden + h])
        gradient[ranges[2] + h] += before
        for i in 0..<sizes.inputs {
          gradient[h * sizes.inputs + i] += before * Double(s[h]) * Double(x[e * sizes.inputs + i])
        }
      }
    }
    return gradient
  }

  private func forward(_ theta: borrowing ParameterStore) -> (products: [Float], hidden: [Float], outputs: [Float]) {
    let products = product(x, sizes.inputs, theta.values(of: layout.blocks[0]), sizes.hidden)
    let s = theta.values(of: layout.blocks[1])
    let b1 = theta.values(of: layout.blocks[2])
    let b2 = theta.values(of: layout.blocks[4])
    let hidden = products.indices.map { tanh(s[$0 % sizes.hidden] * products[$0] + b1[$0 % sizes.hidden]) }
    var outputs = product(hidden, sizes.hidden, theta.values(of: layout.blocks[3]), sizes.outputs)
    for i in outputs.indices { outputs[i] += b2[i % sizes.outputs] }
    return (products, hidden, outputs)
  }

  /// A W^T, where `a` is examples x `inner` and `w` is `width` x `inner`.
  private func product(_ a: [Float], _ inner: Int, _ w: [Float], _ width: Int) -> [Float] {
    var result = [Float](repeating: 0, count: sizes.examples * width)
    zeroth_sgemm(true, sizes.examples, width, inner, 1, a, inner, w, inner, 0, &result, width)
    return result
  }
}
