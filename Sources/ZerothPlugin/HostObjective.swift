import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// The reason why an estimator must stop: the host has ended the run, or the estimator asks for something that the
/// interface cannot pass on.
enum HostStop: Error, CustomStringConvertible {
  case stopped
  case otherParameters
  case otherStep
  case otherGrain

  var description: String {
    switch self {
    case .stopped: "stopped by the host"
    case .otherStep: "losses were asked for on a mini-batch of another step, which cannot be done at run time"
    case .otherGrain: "losses were asked for in another grain than the estimator's, which cannot be done at run time"
    case .otherParameters: "losses were asked for at parameters other than the run's, which cannot be done at run time"
    }
  }
}

/// The objective of the run, which the host evaluates.
final class HostObjective: Objective {
  typealias Failure = HostStop

  private let host: UnsafePointer<zeroth_plugin_objective>
  private let theta: UnsafeRawPointer
  private let layout: ParameterLayout
  private let step: Int
  private let generator: UInt64
  private let grain: LossGrain

  /// The objective of `host`. It measures at the parameters whose identity is `theta`, and takes its losses over
  /// `grain`. `generator` is the number of the run's random generator in the host.
  init(
    _ host: UnsafePointer<zeroth_plugin_objective>, theta: UnsafeRawPointer, _ context: StepContext, generator: UInt64,
    grain: LossGrain
  ) {
    self.generator = generator
    self.host = host
    self.theta = theta
    self.grain = grain
    layout = context.layout
    step = context.step
  }

  func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(HostStop) -> Double {
    try losses(at: .theta, from: theta, on: batch, grain: .batch)[0]
  }

  func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(HostStop) -> Few<Double> {
    try losses(at: .theta, from: theta, on: batch, grain: .example)
  }

  func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(HostStop) -> Few<Double> {
    guard theta.identity() == self.theta else { throw .otherParameters }
    guard batch.step == step else { throw .otherStep }
    guard grain == self.grain else { throw .otherGrain }
    let directions = points.directions.map { zeroth_plugin_direction($0, in: layout, generator: generator) }
    defer { for direction in directions { direction.releasePayload() } }
    let memory = UnsafeMutablePointer<zeroth_plugin_direction>.allocate(capacity: directions.count)
    defer { memory.deallocate() }
    for (i, direction) in directions.enumerated() { (memory + i).initialize(to: direction) }
    let places: [UnsafePointer<zeroth_plugin_direction>?] = directions.indices.map { UnsafePointer(memory + $0) }
    let known = points.indices.map { i in
      zeroth_plugin_point(
        direction: directions.isEmpty ? -1 : Int64(points[i].direction), offset: points[i].offset)
    }
    return try places.withUnsafeBufferPointer { (places) throws(HostStop) in
      try known.withUnsafeBufferPointer { (known) throws(HostStop) in
        var request = zeroth_plugin_request(
          size: UInt64(MemoryLayout<zeroth_plugin_request>.size), directions: places.baseAddress,
          direction_count: Int64(places.count), points: known.baseAddress, point_count: Int64(known.count),
          factors: nil, draw: Int64(batch.draw))
        var losses: UnsafePointer<Double>?
        guard host.pointee.losses(host, &request, &losses) == 0, let losses else { throw .stopped }
        return Few(UnsafeBufferPointer(start: losses, count: known.count * Int(host.pointee.losses_per_point(host))))
      }
    }
  }
}

/// theta as a store that reads rows from the host when they are asked for.
func hostParameters(
  _ layout: ParameterLayout, _ host: UnsafePointer<zeroth_plugin_parameters>
) -> ParameterStore {
  nonisolated(unsafe) let host = host
  return ParameterStore(layout) { block, rows, target in
    let status = host.pointee.read(host, Int64(block.index), Int64(rows.lowerBound), Int64(rows.count), target)
    // The host has recorded an error and ignores these values.
    if status != 0 { target.update(repeating: .nan, count: rows.count * block.columns) }
  }
}
