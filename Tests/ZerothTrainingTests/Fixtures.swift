import Foundation
import ConMeZO
import CoreMoments
import EGGROLL
import FZOO
import GRZO
import HiZOO
import MedianRGE
import RAdaZO
import SignRule
import SparseMeZO
import SubZero
import TeZO
import Testing
import ZOAdaM
import ZOMuon
import ZOSVRG
import Zeroth
import ZerothResources

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

extension Registry {
  /// The strategies of the core and those that ship as plugins.
  static func withPlugins() throws -> Registry {
    var registry = Registry.standard
    for install in [
      ConMeZO.install, CoreMoments.install, EGGROLL.install, FZOO.install, GRZO.install, HiZOO.install,
      MedianRGE.install,
      RAdaZO.install, SignRule.install,
      SparseMeZO.install, SubZero.install, TeZO.install, ZOAdaM.install, ZOMuon.install, ZOSVRG.install,
    ] as [(inout Registry) throws(InputError) -> Void] { try install(&registry) }
    return registry
  }
}

/// A small model's blocks: two layers' attention, a dense matrix, a norm, a bias.
func smallLayout() throws -> ParameterLayout {
  try ParameterLayout([
    .init("q", rows: 8, columns: 6, role: "query", layer: 0), .init("k", rows: 8, columns: 6, role: "key", layer: 0),
    .init("v", rows: 8, columns: 6, role: "value", layer: 0), .init("d", rows: 7, columns: 9, role: "dense", layer: 1),
    .init("n", rows: 6, role: "norm"), .init("b", rows: 5, role: "bias"),
  ])
}

/// theta_0: different numbers in every place.
func smallTheta() throws -> ParameterStore {
  var theta = ParameterStore(try smallLayout())
  for block in theta.layout.blocks {
    theta.fill(block, with: (0..<block.count).map { Float(sin(Double($0 + 7 * block.index))) })
  }
  return theta
}

/// 1/2 sum_i h_i (theta_i - t_i)^2 + noise of the batch: a quadratic whose target depends on the mini-batch. It counts
/// its forward passes and can give a loss that is not finite at some of them.
final class BatchQuadratic: DifferentiableObjective {
  private(set) var forwards = 0
  /// The forward passes, counted from 0, that give NaN.
  let broken: Set<Int>

  init(broken: Set<Int> = []) { self.broken = broken }

  func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double {
    defer { forwards += 1 }
    if broken.contains(forwards) { return .nan }
    let target = 0.3 * sin(Double(31 * batch.step + 17 * batch.draw))
    var sum = 0.0
    var i = 0
    for block in theta.layout.blocks {
      for value in theta.values(of: block) {
        let difference = Double(value) - target
        sum += (1 + Double(i % 5)) * difference * difference / 2
        i += 1
      }
    }
    return sum
  }
}

extension BatchQuadratic {
  func gradient(at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector) -> Double {
    let target = 0.3 * sin(Double(31 * batch.step + 17 * batch.draw))
    let values = theta.layout.blocks.map { theta.values(of: $0) }
    let starts = values.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
    gradient.forEachPanel { block, rows, slopes in
      let first = rows.lowerBound * block.columns
      for i in slopes.indices {
        let place = starts[block.index] + first + i
        slopes[i] = Float((1 + Double(place % 5)) * (Double(values[block.index][first + i]) - target))
      }
    }
    return loss(at: theta, on: batch)
  }
}

/// The bits of all values.
func bits(_ theta: borrowing ParameterStore) -> [UInt32] {
  theta.layout.blocks.flatMap { theta.values(of: $0).map(\.bitPattern) }
}

/// theta after `steps` steps of `composition` on a `BatchQuadratic`.
func run(_ composition: Composition, steps: Int = 8, registry: Registry = .standard) throws -> [UInt32] {
  var theta = try smallTheta()
  var optimizer = try registry.makeOptimizer(composition, runSteps: steps)
  let objective = BatchQuadratic()
  for _ in 0..<steps { try optimizer.step(&theta, objective) }
  return bits(theta)
}

extension OptimizerProtocol {
  /// Runs to step `end` as a run does whose trajectory is at `path`.
  mutating func resume<Base: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing RecordingObjective<Base>, trajectory path: String,
    header: TrajectoryHeader, until end: Int, flushEvery: Int = 1,
    afterEach: (StepReport, _ isReplayed: Bool, borrowing ParameterStore) throws -> Void = { _, _, _ in }
  ) throws {
    let log = try TrajectoryLog(path, header: header, optimizer: self, layout: theta.layout, flushEvery: flushEvery)
    while nextStep < end {
      let isReplayed = nextStep < log.recorded.count
      try afterEach(try runStep(&theta, on: objective, log: log), isReplayed, theta)
    }
    try log.synchronize()
  }

  /// Makes all of `steps` again.
  mutating func replay(
    _ steps: RecordedSteps, on theta: inout ParameterStore,
    afterEach: (StepReport, borrowing ParameterStore) throws -> Void = { _, _ in }
  ) throws {
    while nextStep < steps.count { try afterEach(try replayStep(&theta, steps), theta) }
  }
}
