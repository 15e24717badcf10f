import Foundation
import Zeroth
import ZerothRecords
import ZerothStrategies
import ZerothTestKit

@testable import ZerothDiagnostics

/// L_b(theta) = 1/2 ||theta - x_b||^2 + a/6 sum_i theta_i^3: the mini-batch moves the optimum by s along the vector of ones, to one
/// side in even steps and to the other in odd ones.
struct NoisyQuadratic: DifferentiableObjective {
  var shift = 0.0
  var cubic = 0.0

  private func slope(_ value: Float, _ batch: Batch) -> Double {
    let x = batch.step % 2 == 0 ? shift : -shift
    return Double(value) - x + cubic / 2 * Double(value) * Double(value)
  }

  func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double {
    let x = batch.step % 2 == 0 ? shift : -shift
    var sum = 0.0
    for block in theta.layout.blocks {
      for value in theta.values(of: block) {
        let t = Double(value)
        sum += (t - x) * (t - x) / 2 + cubic / 6 * t * t * t
      }
    }
    return sum
  }

  func gradient(at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector) -> Double {
    let values = theta.layout.blocks.map { theta.values(of: $0) }
    gradient.forEachPanel { block, rows, target in
      for i in target.indices {
        target[i] = Float(slope(values[block.index][rows.lowerBound * block.columns + i], batch))
      }
    }
    return loss(at: theta, on: batch)
  }
}

/// A layout of two layers, with a matrix and a vector each.
let twoLayers = ParameterLayout.made([
  .init("0.query", rows: 6, columns: 5, role: "query", layer: 0), .init("0.bias", rows: 6, role: "bias", layer: 0),
  .init("1.query", rows: 6, columns: 5, role: "query", layer: 1), .init("1.bias", rows: 6, role: "bias", layer: 1),
])

/// Different numbers in every place of `twoLayers`.
func point() -> ParameterStore {
  var theta = ParameterStore(twoLayers)
  for block in twoLayers.blocks {
    theta.fill(block, with: (0..<block.count).map { Float(sin(Double($0 + 5 * block.index)) + 0.3) })
  }
  return theta
}

/// The place before the first step of `optimizer`.
func place(_ optimizer: any OptimizerProtocol) -> Place {
  Place(optimizer, step: 0, key: StreamKey(seed: 4), batch: 8)
}

func optimizer(
  _ estimator: String, _ options: [String: OptionValue] = [:], adapter: Composition.Part = .init("none"), seed: Int = 0,
  learningRate: Double = 1e-3
) throws -> any OptimizerProtocol {
  try Registry.standard.makeOptimizer(
    Composition(
      estimator: .init(estimator, options), rule: .init("sgd", ["learning-rate": .double(learningRate)]),
      adapter: adapter, seed: seed), runSteps: 100)
}
