import Foundation
import Zeroth
import ZerothRecords
import ZerothSupport

/// The snapshots of a run: its optimiser's state and weights after some of its steps, so that a run that goes on need not be
/// replayed from its start. The trajectory holds all that is in them: whatever happens to a snapshot, nothing is lost.
struct Snapshots {
  /// What a run counts, besides what its optimiser holds.
  struct Progress {
    var forwards = 0
    var skipped = 0
    var nonFiniteMoves = 0
    /// Steps after which the best model was reached, and its hash.
    var bestStep = 0
    var bestWeights = ""
    /// What the run is watched by.
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

  /// The folder that they are in.
  let folder: String
  /// Identifies the run, so that one of another run is not taken for its own.
  let run: String
  /// How many are kept.
  private static let kept = 2

  /// Writes the snapshot after `optimizer.nextStep` steps, whose last had `losses`, and removes all but the last two.
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

  /// Bytes of a snapshot.
  func size(_ optimizer: some OptimizerProtocol, _ theta: borrowing ParameterStore) throws(InputError) -> Int {
    try optimizer.stateSize(with: theta, also: coding(Progress(), []) { _ in })
  }

  /// Goes on from the last snapshot that is whole, whose steps `recorded` holds and after whose steps `isUsable` says that the
  /// run can go on. Nil where there is none; then the optimiser and theta are as before. `note` is told of a snapshot that cannot be used, and why.
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

  /// What is coded beside the optimiser's state.
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

  /// The steps after which there are snapshots, in their order.
  private func steps() -> [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.compactMap { name in
      name.hasPrefix("step-") && name.hasSuffix(".state") ? Int(name.dropFirst(5).dropLast(6)) : nil
    }.sorted()
  }

  private func path(_ step: Int) -> String { folder.appendingFile("step-\(step).state") }
}
