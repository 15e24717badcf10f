import Foundation
import Zeroth
import ZerothRecords

/// How many mini-batches and directions a diagnosis uses.
public struct Effort: Sendable, Hashable {
  /// The number of mini-batches whose gradients are computed.
  public var batches: Int
  /// The number of directions along which slopes are measured.
  public var directions: Int

  /// The range of `batches`: at least 2, because one mini-batch shows no spread.
  public static let batchesRange = NumericRange.between(2, 65535)
  /// The range of `directions`.
  public static let directionsRange = NumericRange.between(2, 65535)

  /// This number of mini-batches and directions.
  public init(batches: Int = 8, directions: Int = 64) {
    self.batches = batches
    self.directions = directions
  }

  /// The effort of a diagnosis during training.
  public static let whileTraining = Effort(batches: 8, directions: 16)
}

/// A point of a run that is examined: theta, and the optimiser before its next step.
public struct Place {
  /// The optimiser before this step.
  public let optimizer: any OptimizerProtocol
  /// The number of steps done before.
  public let step: Int
  /// The key of the directions that are examined. They are not those of the run itself.
  public let key: StreamKey
  /// The number of examples in a mini-batch.
  public let batch: Int

  /// The point after `step` steps. The directions that are examined have the key `key`.
  public init(_ optimizer: any OptimizerProtocol, step: Int, key: StreamKey, batch: Int) {
    self.optimizer = optimizer
    self.step = step
    self.key = key.child(.diagnosis, step)
    self.batch = batch
  }

  /// The context of the next step with the directions number `number`. These are those of a separate run, with their
  /// own right factors.
  func context(_ number: Int, _ layout: ParameterLayout) -> StepContext {
    StepContext(step: step, runKey: key.child(.query, number), layout: layout)
  }

  /// Throws `InputError` unless `objective` has a gradient and estimates are made from losses of whole mini-batches.
  func requireComparable(_ objective: some Objective) throws(InputError) {
    guard objective.hasDerivatives else { throw InputError.noDerivatives(for: "a diagnosis") }
    guard optimizer.grain == .batch else {
      throw InputError(
        "a diagnosis", found: "an estimator that measures the loss of each example",
        expected: "one that measures the loss of the mini-batch, whose gradient it is compared with")
    }
  }
}

extension MetricsRow.Diagnosis {
  /// Compares the estimates of the next step at theta with exact gradients. theta is not written.
  ///
  /// The gradients of `effort.batches` mini-batches are computed: that of this step and those of the following steps.
  /// Estimates are made on the first of them, each with new directions, until `effort.directions` directions are
  /// measured. The exact slopes along the same directions follow from the gradients. So three parts can be
  /// distinguished: what a finite epsilon adds, what a mini-batch adds, and the rest.
  ///
  /// Cost: 3 forward passes for each mini-batch, those of the estimates, and the noise of each direction twice for each
  /// mini-batch; 2 d floats.
  public init(
    at place: Place, _ theta: borrowing ParameterStore, on objective: some Objective, effort: Effort
  ) throws {
    try place.requireComparable(objective)
    let layout = theta.layout
    let blocks = layout.trainable
    let sums = BlockSums(blocks)
    var comparison = Comparison(blocks)
    var mean = StoredVector(blocks)
    var gradient = StoredVector(blocks)
    var squares = [Double](repeating: 0, count: blocks.count)
    var exact: [[Double]] = []
    var measured: [Double] = []
    var isGradient = false
    var epsilon: Double?
    var queries = 1
    var loss = 0.0
    for b in 0..<effort.batches {
      let batchLoss = try objective.requiredGradient(at: theta, on: Batch(step: place.step + b), into: &gradient)
      loss += batchLoss
      for (l, square) in sums.squares(of: gradient).enumerated() { squares[l] += square }
      mean.add(gradient, weight: 1 / Float(effort.batches))
      let tangent = Linearization(loss: batchLoss, gradient: gradient)
      var slopes: [Double] = []
      var number = 0
      while b == 0 ? measured.count < effort.directions && !isGradient : slopes.count < measured.count {
        let context = place.context(number, layout)
        if b == 0 {
          let estimate = try place.optimizer.estimate(at: theta, context: context, objective: objective)
          comparison.add(sums.products(of: estimate, with: gradient), to: sums.squares(of: gradient))
          isGradient = estimate.isGradient
          epsilon = estimate.epsilon
          queries = max(1, estimate.terms.count)
          measured += estimate.comparableSlopes
        }
        slopes += try place.optimizer.estimate(at: theta, context: context, objective: tangent).comparableSlopes
        number += 1
      }
      exact.append(slopes)
    }
    let count = Double(effort.batches)
    let means = sums.squares(of: mean)
    // This corrects the bias: the mean of n gradients deviates by 1/n of their spread.
    let spread = squares.indices.map { max(0, (squares[$0] - count * means[$0]) / (count - 1)) }
    func quality(_ places: [Int]) -> Quality {
      comparison.quality(
        of: places, gradient: means.sum(places).squareRoot(), noise: spread.sum(places).squareRoot())
    }
    let slope =
      isGradient
      ? Slope(
        gradient: max(0, means.sum(Array(means.indices)) - spread.sum(Array(spread.indices)) / count),
        batch: spread.reduce(0, +), epsilon: 0) : Slope(exact: exact, measured: measured)
    let groups = BlockGroups(blocks)
    func named(_ groups: [(name: String, places: [Int])]) -> [(name: String, quality: Quality)] {
      groups.map { ($0.name, quality($0.places)) }
    }
    self.init(
      step: place.step, loss: loss / count, batches: effort.batches, estimates: comparison.count, queries: queries,
      batch: place.batch, epsilon: epsilon, slope: slope, all: quality(groups.all),
      groups: [
        .roles: named(groups.roles), .layers: named(groups.layers),
        .blocks: named(blocks.enumerated().map { ($1.name, [$0]) }),
      ])
  }
}

extension Objective {
  /// Returns the loss of `batch` and writes its gradient to `gradient`. Throws `InputError` where there is no gradient.
  func requiredGradient(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws -> Double {
    guard let loss = try differentiate(at: theta, on: batch, into: &gradient) else {
      throw InputError.noDerivatives(for: "a diagnosis")
    }
    return loss
  }

  /// The mean gradient of the mini-batches of `steps`, and their losses.
  package func meanGradient(
    at theta: borrowing ParameterStore, on steps: Range<Int>
  ) throws -> (gradient: StoredVector, losses: [Double]) {
    let blocks = theta.layout.trainable
    var (mean, gradient) = (StoredVector(blocks), StoredVector(blocks))
    var losses: [Double] = []
    for step in steps {
      losses.append(try requiredGradient(at: theta, on: Batch(step: step), into: &gradient))
      mean.add(gradient, weight: 1 / Float(steps.count))
    }
    return (mean, losses)
  }
}

extension MetricsRow.Diagnosis.Slope {
  /// The parts of the mean square of a slope. They are computed from the exact slopes of each mini-batch along the same
  /// directions, and from the slopes `measured` on the first mini-batch.
  ///
  /// The slope along a direction on mini-batch b is s + n_b + e: its mean over the mini-batches, what this mini-batch
  /// adds, and what epsilon adds. The mean of k slopes has 1/k of the variance of n, which is subtracted from its
  /// square.
  init(exact: [[Double]], measured: [Double]) {
    let batches = Double(exact.count)
    var (signal, noise) = (0.0, 0.0)
    for j in measured.indices {
      let slopes = exact.map { $0[j] }
      let mean = slopes.mean
      let variance = slopes.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (batches - 1)
      signal += mean * mean - variance / batches
      noise += variance
    }
    let count = Double(measured.count)
    let errors = zip(measured, exact[0]).map { $0 - $1 }
    self.init(
      gradient: max(0, signal / count), batch: noise / count, epsilon: errors.reduce(0) { $0 + $1 * $1 } / count)
  }
}

/// Estimates and the gradient of their mini-batch, compared block by block.
private struct Comparison {
  private let blocks: [ParameterBlock]
  /// <e, g> and ||e||^2 of each estimate e and each block.
  private var products: [[(dot: Double, square: Double)]] = []
  /// ||g||^2 of each block.
  private var squares: [Double] = []

  init(_ blocks: [ParameterBlock]) { self.blocks = blocks }

  var count: Int { products.count }

  mutating func add(_ products: [(dot: Double, square: Double)], to squares: [Double]) {
    self.products.append(products)
    self.squares = squares
  }

  func quality(of places: [Int], gradient: Double, noise: Double) -> MetricsRow.Diagnosis.Quality {
    let square = squares.sum(places)
    var (cosines, errors, norms) = ([Double](), 0.0, 0.0)
    for estimate in products {
      let dot = places.reduce(0) { $0 + estimate[$1].dot }
      let norm = places.reduce(0) { $0 + estimate[$1].square }
      norms += norm
      errors += max(0, norm - 2 * dot + square)
      if norm > 0, square > 0 { cosines.append(dot / (norm * square).squareRoot()) }
      if !norm.isFinite { cosines.append(.nan) }
    }
    let count = Double(products.count)
    return MetricsRow.Diagnosis.Quality(
      parameters: places.reduce(0) { $0 + blocks[$1].count }, gradient: gradient, noise: noise,
      estimate: (norms / count).squareRoot(), cosine: cosines.isEmpty ? nil : cosines.mean,
      error: square > 0 || square.isNaN ? (errors / count / square).squareRoot() : nil)
  }
}
