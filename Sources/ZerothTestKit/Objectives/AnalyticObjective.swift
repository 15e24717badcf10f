import Foundation
import Zeroth

/// A small objective whose gradient is known, with which estimates are compared. It takes microseconds and needs no
/// files.
public protocol AnalyticObjective: DifferentiableObjective, Sendable where Failure == Never {
  /// The blocks of its parameters.
  var layout: ParameterLayout { get }
  /// The exact gradient at theta on the mini-batch `batch`, flattened.
  func gradient(at theta: borrowing ParameterStore, on batch: Batch) -> [Double]
  /// A point to start from.
  func start() -> ParameterStore
}

extension AnalyticObjective {
  /// The loss, and the gradient with respect to the trainable blocks.
  public func gradient(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) -> Double {
    let exact = self.gradient(at: theta, on: batch)
    let starts = theta.layout.blocks.reduce(into: [0]) { starts, block in
      starts.append(starts[starts.count - 1] + block.count)
    }
    gradient.forEachPanel { block, rows, values in
      let first = starts[block.index] + rows.lowerBound * block.columns
      for i in values.indices { values[i] = Float(exact[first + i]) }
    }
    return loss(at: theta, on: batch)
  }

  /// Normal values with standard deviation 0.5, the same at every call.
  public func start() -> ParameterStore {
    var theta = ParameterStore(layout)
    for block in layout.blocks {
      theta.fill(block, with: normals(block.count, seed: 1, index: block.index, scale: 0.5))
    }
    return theta
  }
}

/// `count` normal numbers times `scale`.
func normals(_ count: Int, seed: UInt64, index: Int = 0, scale: Double = 1) -> [Float] {
  var stream = RandomStream(StreamKey(seed: seed).child(.initial, index))
  var values: [Float] = []
  for _ in 0..<count { values.append(Float(scale * stream.gaussian())) }
  return values
}

/// L(theta) = 1/2 sum_i h_i (theta_i - x_i)^2. The curvatures h_i run from `largest`/`condition` to `largest`, evenly
/// spread on a logarithmic scale, and are distributed so that each block has the whole range. x is normal.
public struct Quadratic: AnalyticObjective {
  /// The blocks of its parameters.
  public let layout: ParameterLayout
  /// h, flattened.
  public let curvatures: [Double]
  /// x, the point of the lowest loss, flattened.
  public let optimum: [Double]

  /// A quadratic on `layout`.
  public init(_ layout: ParameterLayout = .small, largest: Double = 1, condition: Double = 10) {
    self.layout = layout
    curvatures = (0..<layout.parameterCount).map { i in
      // The multiples of the golden ratio, modulo 1, are evenly spread in every part of the vector.
      let place = (Double(i) * 0.6180339887498949).truncatingRemainder(dividingBy: 1)
      return largest * pow(condition, place - 1)
    }
    optimum = normals(layout.parameterCount, seed: 2).map(Double.init)
  }

  /// L(theta), in double.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double {
    var sum = 0.0
    var i = 0
    for block in layout.blocks {
      theta.withBlock(block) { values in
        for j in 0..<values.count {
          let distance = Double(values[j]) - optimum[i]
          sum += 0.5 * curvatures[i] * distance * distance
          i += 1
        }
      }
    }
    return sum
  }

  /// h_i (theta_i - x_i).
  public func gradient(at theta: borrowing ParameterStore, on batch: Batch) -> [Double] {
    theta.flattened().enumerated().map { i, value in curvatures[i] * (Double(value) - optimum[i]) }
  }
}

/// The sum of (1 - a)^2 + 10 (b - a^2)^2 over pairs (a, b) of neighbouring parameters: a curved valley whose lowest
/// point is at 1.
public struct Rosenbrock: AnalyticObjective {
  /// The blocks of its parameters.
  public let layout: ParameterLayout
  private let steepness = 10.0

  /// Rosenbrock's function on `layout`. A last parameter without a partner adds (1 - a)^2.
  public init(_ layout: ParameterLayout = .small) { self.layout = layout }

  /// L(theta), in double.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double {
    let x = theta.flattened()
    var sum = 0.0
    for i in stride(from: 0, to: x.count, by: 2) {
      let a = Double(x[i])
      sum += (1 - a) * (1 - a)
      guard i + 1 < x.count else { break }
      let off = Double(x[i + 1]) - a * a
      sum += steepness * off * off
    }
    return sum
  }

  /// The derivatives of the sum over pairs.
  public func gradient(at theta: borrowing ParameterStore, on batch: Batch) -> [Double] {
    let x = theta.flattened().map(Double.init)
    var gradient = x.map { _ in 0.0 }
    for i in stride(from: 0, to: x.count, by: 2) {
      gradient[i] = -2 * (1 - x[i])
      guard i + 1 < x.count else { break }
      let off = x[i + 1] - x[i] * x[i]
      gradient[i] -= 4 * steepness * off * x[i]
      gradient[i + 1] = 2 * steepness * off
    }
    return gradient
  }
}
