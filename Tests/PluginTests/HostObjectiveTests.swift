import CZerothPlugin
import Testing
import Zeroth
import ZerothTestKit

@testable import ZerothPlugin

/// The author's side hands over all points of a request at once, and the mini-batch with them.
@Suite struct HostObjectiveTests {
  /// Stands for the host, and notes what it is asked.
  private final class Host {
    var calls: [String] = []
    var losses: [Double] = []

    static func of(_ objective: UnsafePointer<zeroth_plugin_objective>?) -> Host? {
      objective?.pointee.host.map { Unmanaged<Host>.fromOpaque($0).takeUnretainedValue() }
    }
  }

  private func calls(
    grain: LossGrain = .batch,
    _ body: (_ objective: HostObjective, _ theta: borrowing ParameterStore, _ context: StepContext) throws -> Void
  ) rethrows -> [String] {
    let host = Host()
    var table = zeroth_plugin_objective()
    table.host = Unmanaged.passUnretained(host).toOpaque()
    table.losses = { objective, request, losses in
      guard let host = Host.of(objective), let request = request?.pointee else { return 1 }
      let points = (0..<Int(request.point_count)).map { request.points[$0] }
      host.calls.append(
        "\(request.direction_count) directions, draw \(request.draw):"
          + points.map { " \($0.direction) \($0.offset)" }.joined(separator: ","))
      host.losses = (0..<(2 * points.count)).map { Double($0) }
      host.losses.withUnsafeBufferPointer { losses?.pointee = $0.baseAddress }
      return 0
    }
    table.losses_per_point = { _ in 1 }
    var theta = zeroth_plugin_parameters()
    try withUnsafePointer(to: table) { table in
      try withUnsafePointer(to: &theta) { source in
        let context = StepContext(step: 3, runKey: StreamKey(seed: 1), layout: .small)
        let theta = hostParameters(.small, source)
        try body(HostObjective(table, theta: theta.identity(), context, generator: 0, grain: grain), theta, context)
      }
    }
    return withExtendedLifetime(host) { host.calls }
  }

  @Test func allPointsGoInOneRequest() throws {
    let calls = try calls { objective, theta, context in
      let z = (0..<2).map { DenseDirection(context.key.child(.query, $0), layout: .small) }
      var points = Points(along: z[0], at: [0, 0.5])
      points.append(z[1], at: [0.5])
      let losses = try objective.losses(at: points, from: theta, on: context.batch(draw: 2), grain: .batch)
      #expect(losses == [0, 1, 2])
      #expect(try objective.loss(at: theta, on: context.batch) == 0)
    }
    #expect(calls == ["2 directions, draw 2: 0 0.0, 0 0.5, 1 0.5", "0 directions, draw 0: -1 0.0"])
  }

  @Test func anotherStepAndAnotherGrainAreRefused() {
    func refusal(_ grain: LossGrain, _ step: Int) -> HostStop? {
      var refusal: HostStop?
      let calls = calls { objective, theta, context in
        do throws(HostStop) {
          _ = try objective.losses(at: .theta, from: theta, on: Batch(step: step), grain: grain)
        } catch {
          refusal = error
        }
      }
      #expect(calls.isEmpty)
      return refusal
    }
    #expect(refusal(.batch, 4) == .otherStep && refusal(.example, 3) == .otherGrain)
  }
}
