import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// The run must stop, and the host knows why; or the estimator asks for what does not cross the interface.
enum HostStop: Error, CustomStringConvertible {
  case stopped
  case otherParameters
  case otherStep
  case lossesByExample

  var description: String {
    switch self {
    case .stopped: "stopped by the host"
    case .otherStep: "losses were asked for on a mini-batch of another step, which cannot be done at run time"
    case .lossesByExample: "losses were asked for by example, which cannot be done at run time"
    case .otherParameters: "losses were asked for at parameters other than the run's, which cannot be done at run time"
    }
  }
}

/// The host's objective. Over there a mini-batch is selected before it is measured on, so this one remembers which is
/// selected, and selects another one when it is asked for losses on it.
final class HostObjective: Objective {
  typealias Failure = HostStop

  private let host: UnsafePointer<zeroth_plugin_objective>
  private let theta: UnsafeRawPointer
  private let layout: ParameterLayout
  private let step: Int
  /// The draw of the step that is selected on the host.
  private var draw = 0

  /// The objective of `host`, on the parameters with this identity.
  init(_ host: UnsafePointer<zeroth_plugin_objective>, theta: UnsafeRawPointer, _ context: StepContext) {
    self.host = host
    self.theta = theta
    layout = context.layout
    step = context.step
  }

  /// Selects the step's own mini-batch again, as the interface asks for in the end of an estimate.
  func finish() throws(HostStop) { try select(Batch(step: step)) }

  private func select(_ batch: Batch) throws(HostStop) {
    guard batch.step == step else { throw .otherStep }
    guard batch.draw != draw else { return }
    try check(host.pointee.select_batch(host, Int64(batch.draw)))
    draw = batch.draw
  }

  func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(HostStop) -> Double {
    guard theta.identity() == self.theta else { throw .otherParameters }
    try select(batch)
    var loss = Double.nan
    try check(host.pointee.loss(host, &loss))
    return loss
  }

  func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(HostStop) -> Few<Double> {
    throw .lossesByExample
  }

  /// Asks the host for the points of one direction after another, and for mini-batches alone: the interface has no more.
  func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(HostStop) -> Few<Double> {
    guard theta.identity() == self.theta else { throw .otherParameters }
    guard grain == .batch else { throw .lossesByExample }
    guard !points.directions.isEmpty else {
      let loss = try loss(at: theta, on: batch)
      return Few(points.indices.map { _ in loss })
    }
    try select(batch)
    var losses: Few<Double> = []
    for (d, direction) in points.directions.enumerated() {
      let offsets = points.indices.filter { points[$0].direction == d }.map { points[$0].offset }
      var data = zeroth_plugin_direction(direction, in: layout)
      defer { data.releasePayload() }
      var found = [Double](repeating: .nan, count: offsets.count)
      try check(host.pointee.losses(host, &data, offsets, Int64(offsets.count), &found))
      losses += found
    }
    return losses
  }

  private func check(_ status: Int32) throws(HostStop) {
    if status != 0 { throw .stopped }
  }
}

/// theta, read through `host` as it is asked for.
func hostParameters(
  _ layout: ParameterLayout, _ host: UnsafePointer<zeroth_plugin_objective>
) -> ParameterStore {
  nonisolated(unsafe) let host = host
  return ParameterStore(layout) { block, rows, target in
    let status = host.pointee.read(host, Int64(block.index), Int64(rows.lowerBound), Int64(rows.count), target)
    // The host has an error then, and makes nothing of these values.
    if status != 0 { target.update(repeating: .nan, count: rows.count * block.columns) }
  }
}
