import Foundation
import Zeroth
import ZerothStrategies

@testable import ZerothRecords

/// A trajectory, cut and flipped. Every whole step is read, and a step that is appended is read behind them.
let readTrajectory = Reader { input in
  let path = Scratch.file("trajectory.bin", input)
  let trajectory = try Trajectory(file: path)
  let optimizer = try Registry.standard.makeOptimizer(
    Composition(estimator: .init("rge"), rule: .init("sgd", ["learning-rate": 0.1])), runSteps: 10)
  let layout = try ParameterLayout([.init("w", rows: 2, columns: 2)])
  let log = try TrajectoryLog(path, header: trajectory.header, optimizer: optimizer, layout: layout)
  let before = losses(log.recorded)
  precondition(before.count * 16 + log.recorded.droppedBytes <= input.count, "more steps than there are bytes")
  let writer = try log.openForAppending()
  try writer.append([0.5, 0.25])
  try writer.synchronize()
  let again = mustRead { try TrajectoryLog(path, header: trajectory.header, optimizer: optimizer, layout: layout) }
  precondition(losses(again.recorded) == before + [[0.5, 0.25].map(\.bitPattern)], "other steps are read back")
}

private func losses(_ steps: RecordedSteps) -> [[UInt64]] { (0..<steps.count).map { steps[$0].map(\.bitPattern) } }
