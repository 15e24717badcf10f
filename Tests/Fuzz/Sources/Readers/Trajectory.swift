import Foundation
import Zeroth
import ZerothStrategies

@testable import ZerothRecords

/// A trajectory as it is, which its checksums mostly refuse, and with checksums that fit, so that what lies behind them is
/// read too. Every whole step is read, and a step that is appended is read behind them.
let readTrajectory = Reader { input in
  for bytes in [input, withFittingChecksums(input)] {
    do { try read(bytes) } catch is InputError {}
  }
}

private func read(_ bytes: [UInt8]) throws {
  let path = Scratch.file("trajectory.bin", bytes)
  let trajectory = try Trajectory(file: path)
  let stored = trajectory.header
  // The same run, planned to go on for long.
  let run = TrajectoryHeader(
    identity: stored.identity, model: stored.model, layout: stored.layout, steps: .max, grain: stored.grain,
    shards: stored.shards, tuning: stored.tuning, inputs: stored.inputs, noise: stored.noise, others: stored.others)
  let optimizer = try Registry.standard.makeOptimizer(
    Composition(estimator: .init("rge"), rule: .init("sgd", ["learning-rate": 0.1])), runSteps: 10)
  let layout = try ParameterLayout([.init("w", rows: 2, columns: 2)])
  let log = try TrajectoryLog(path, header: run, optimizer: optimizer, layout: layout)
  let before = losses(log.recorded)
  precondition(before.count * 16 + log.recorded.droppedBytes <= bytes.count, "more steps than there are bytes")
  let writer = try log.openForAppending()
  try writer.append([0.5, 0.25])
  try writer.synchronize()
  let again = mustRead { try TrajectoryLog(path, header: run, optimizer: optimizer, layout: layout) }
  precondition(losses(again.recorded) == before + [[0.5, 0.25].map(\.bitPattern)], "other steps are read back")
}

private func losses(_ steps: RecordedSteps) -> [[UInt64]] { (0..<steps.count).map { steps[$0].map(\.bitPattern) } }

/// The bytes of format 2 with the checksum of the header, and of each step that is whole, put right.
private func withFittingChecksums(_ bytes: [UInt8]) -> [UInt8] {
  var data = Data(bytes)
  guard data.count >= 20 else { return bytes }
  let length = Int(data.littleEndian(at: 12, as: UInt32.self))
  guard length <= data.count - 20 else { return bytes }
  var at = 20 + length
  let header = Checksum.crc32(data[20..<at], after: Checksum.crc32(data.prefix(16)))
  data.put(header, at: 16)
  var step: UInt64 = 0
  while data.count - at >= 8 {
    let count = data.littleEndian(at: at, as: UInt32.self)
    guard 8 * Int(count) <= data.count - at - 8 else { break }
    let losses = data[(at + 8)..<(at + 8 + 8 * Int(count))]
    var (number, end) = (Data(), Data())
    number.append(littleEndian: step)
    end.append(littleEndian: count)
    let checksum = Checksum.crc32(end, after: Checksum.crc32(losses, after: Checksum.crc32(number, after: header)))
    data.put(checksum, at: at + 4)
    at += 8 + losses.count
    step += 1
  }
  return [UInt8](data)
}

extension Data {
  fileprivate mutating func put(_ number: UInt32, at offset: Int) {
    Swift.withUnsafeBytes(of: number.littleEndian) { replaceSubrange(offset..<(offset + 4), with: $0) }
  }
}
