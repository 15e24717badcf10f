import Foundation
import Zeroth
import ZerothRecords
import ZerothSupport

/// The snapshots of a run: the optimiser's state and the weights after some steps, so that a resumed run need not be
/// replayed from its start. Everything in a snapshot also follows from the trajectory, so nothing is lost if a snapshot
/// is damaged.
struct Snapshots {
  /// The counters of a run that are not in the state of its optimiser.
  struct Progress {
    var forwards = 0
    var skipped = 0
    var nonFiniteMoves = 0
    /// The number of steps before the best model, and the hash of this model.
    var bestStep = 0
    var bestWeights = ""
    /// The state of the watch over the run.
    var watch = RunWatch.State()

    fileprivate mutating func code(_ state: StateCoder) throws(InputError) {
      try state.code("forwards", &forwards)
      try state.code("skipped", &skipped)
      try state.code("non-finite-moves", &nonFiniteMoves)
      try state.code("best-step", &bestStep)
      try state.code("best-weights", &bestWeights)
      try state.scoped("watch") { (state) throws(InputError) in try watch.code(state) }
    }
  }

  /// The folder of the snapshots.
  let folder: String
  /// Identifies the run, so that the snapshot of another run is not used.
  let run: String
  /// The number of snapshots that are kept.
  private static let kept = 2

  /// Writes the snapshot after `optimizer.nextStep` steps, the last of which had the losses `losses`. Removes all but
  /// the last two snapshots.
  func write(
    _ optimizer: some OptimizerProtocol, _ theta: borrowing ParameterStore, _ progress: Progress, losses: [Double]
  ) throws(InputError) {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw InputError(folder, found: "a folder that cannot be made", expected: "a place for snapshots")
    }
    try optimizer.save(theta, to: path(optimizer.nextStep), also: coding(progress, losses) { _ in })
    for step in steps().dropLast(Self.kept) { unlink(path(step)) }
  }

  /// The number of bytes of a snapshot.
  func size(_ optimizer: some OptimizerProtocol, _ theta: borrowing ParameterStore) throws(InputError) -> Int {
    try optimizer.stateSize(with: theta, also: coding(Progress(), []) { _ in })
  }

  /// Restores the last snapshot that is complete, whose steps are in `recorded`, and for which `isUsable` returns true.
  /// Nil where there is none; the optimiser and theta are then unchanged. `note` is called with the reason why a
  /// snapshot cannot be used.
  func restore(
    _ optimizer: inout some OptimizerProtocol, _ theta: inout ParameterStore, _ recorded: RecordedSteps,
    isUsable: (_ steps: Int) -> Bool, note: (String) -> Void
  ) -> Progress? {
    for step in steps().reversed() where (1...recorded.count).contains(step) && isUsable(step) {
      var progress: Progress?
      do {
        try optimizer.restore(&theta, from: path(step), also: coding(Progress(), recorded[step - 1]) { progress = $0 })
        return progress
      } catch {
        note("a snapshot is not used: \(error)")
      }
    }
    return nil
  }

  /// The values that are saved in addition to the optimiser's state.
  private func coding(
    _ progress: Progress, _ losses: [Double], _ use: @escaping (Progress) -> Void
  ) -> (StateCoder) throws(InputError) -> Void {
    { (state) throws(InputError) in
      var progress = progress
      try state.require("run", run)
      try state.require("losses before", losses.map { String($0.bitPattern, radix: 16) }.joined(separator: " "))
      try progress.code(state)
      use(progress)
    }
  }

  /// The numbers of steps after which there are snapshots, in order.
  private func steps() -> [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.compactMap { name in
      name.hasPrefix("step-") && name.hasSuffix(".state") ? Int(name.dropFirst(5).dropLast(6)) : nil
    }.sorted()
  }

  private func path(_ step: Int) -> String { folder.appendingFile("step-\(step).state") }
}
