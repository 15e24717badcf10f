import CZerothPlugin
import Testing
import Zeroth
import ZerothTestKit

@testable import ZerothPlugin

/// The author's side translates the mini-batch of each request into the selections that the interface knows.
@Suite struct HostObjectiveTests {
  /// Stands for the host, and notes what it is asked.
  private final class Host {
    var calls: [String] = []

    static func of(_ objective: UnsafePointer<zeroth_plugin_objective>?) -> Host? {
      objective?.pointee.host.map { Unmanaged<Host>.fromOpaque($0).takeUnretainedValue() }
    }
  }

  private func calls(
    _ body: (_ objective: HostObjective, _ theta: borrowing ParameterStore, _ context: StepContext) throws -> Void
  ) rethrows -> [String] {
    let host = Host()
    var table = zeroth_plugin_objective()
    table.host = Unmanaged.passUnretained(host).toOpaque()
    table.select_batch = { objective, draw in
      Host.of(objective)?.calls.append("select \(draw)")
      return 0
    }
    table.loss = { objective, loss in
      Host.of(objective)?.calls.append("loss")
      loss?.pointee = 1
      return 0
    }
    table.losses = { objective, _, _, count, losses in
      Host.of(objective)?.calls.append("losses")
      for i in 0..<Int(count) { losses?[i] = 1 }
      return 0
    }
    try withUnsafePointer(to: table) { table in
      let context = StepContext(step: 3, runKey: StreamKey(seed: 1), layout: .small)
      let theta = hostParameters(.small, table)
      try body(HostObjective(table, theta: theta.identity(), context), theta, context)
    }
    return withExtendedLifetime(host) { host.calls }
  }

  @Test func aDrawIsSelectedWhenAnotherOneIsAskedFor() throws {
    let calls = try calls { objective, theta, context in
      let z = DenseDirection(context.key, layout: .small)
      for draw in [0, 0, 1, 1, 2] {
        _ = try objective.losses(along: z, at: [1, -1], from: theta, on: context.batch(draw: draw))
      }
      _ = try objective.loss(at: theta, on: context.batch(draw: 1))
      try objective.finish()
    }
    #expect(
      calls == [
        "losses", "losses", "select 1", "losses", "losses", "select 2", "losses", "select 1", "loss", "select 0",
      ])
  }

  @Test func anEstimateOnTheStepsOwnSelectsNothing() throws {
    let calls = try calls { objective, theta, context in
      _ = try objective.loss(at: theta, on: context.batch)
      try objective.finish()
    }
    #expect(calls == ["loss"])
  }

  @Test func anotherStepIsRefused() {
    var refusal: HostStop?
    let calls = calls { objective, theta, context in
      do throws(HostStop) {
        _ = try objective.loss(at: theta, on: Batch(step: context.step + 1))
      } catch {
        refusal = error
      }
    }
    #expect(refusal == .otherStep && calls.isEmpty)
  }
}
