import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothResources

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// Killed and resumed equals uninterrupted, and a replay equals the run: bit for bit, for every composition.
@Suite struct TrajectoryTests {
  static let lr: [String: OptionValue] = ["learning-rate": 0.01]
  static let compositions: [Composition] = [
    Composition(estimator: .init("rge"), rule: .init("sgd", lr), seed: 1),
    Composition(
      estimator: .init("rge", ["queries": 3, "sides": "one-sided", "distribution": "sphere"]),
      rule: .init("momentum", lr), seed: 2),
    Composition(estimator: .init("lge", ["interval": 2]), rule: .init("sgd", lr), seed: 3),
    Composition(estimator: .init("lge", ["interval": 2]), rule: .init("lozo-m", lr), seed: 4),
    Composition(
      estimator: .init("rge"), rule: .init("sgd", lr), adapter: .init("dizo", ["interval": 2]), seed: 5),
    Composition(
      estimator: .init("lge", ["interval": 3]), rule: .init("lozo-m", lr),
      adapter: .init("dizo", ["interval": 2, "preset": "released", "reinitialize": false]), seed: 6),
    Composition(
      estimator: .init("rge"), rule: .init("momentum", lr),
      adapter: .init("learning-rate-scaling", ["interval": 2]), seed: 7),
    Composition(
      estimator: .init("lge"), rule: .init("lozo-m", lr), adapter: .init("previous-iterate", ["interval": 2]), seed: 8),
    Composition(
      estimator: .init("cge", ["coordinates": 3]), rule: .init("sgd", lr), seed: 9, generator: "mt19937"),
    Composition(estimator: .init("hizoo", ["curvature-rate": 0.1]), rule: .init("sgd", lr), seed: 10),
    Composition(
      estimator: .init("zo-svrg", ["interval": 3, "anchor-batches": 2]), rule: .init("momentum", lr),
      adapter: .init("dizo", ["interval": 2]), seed: 11),
    Composition(estimator: .init("sparse-mezo", ["interval": 2]), rule: .init("adam", lr), seed: 12),
    Composition(estimator: .init("rge"), rule: .init("scalar-adam", lr), seed: 13),
    Composition(estimator: .init("lge"), rule: .init("sign", lr), seed: 14),
    Composition(estimator: .init("lge"), rule: .init("sign-of-projection", lr), seed: 15),
    Composition(
      estimator: .init("rge", ["queries": 3, "sides": "one-sided", "distribution": "rademacher"]),
      rule: .init("normalized", lr), seed: 16),
    Composition(
      estimator: .init("lge", ["queries": 3, "shaping": "centred-ranks", "combination": "sum"]),
      rule: .init("lozo-m", lr), seed: 17),
    Composition(
      estimator: .init("rge", ["queries": 2, "combination": "least-squares"]), rule: .init("sgd", lr), seed: 18),
    Composition(estimator: .init("conmezo", ["angle": 1.0]), rule: .init("momentum", lr), seed: 19),
    Composition(
      estimator: .init("subzero", ["rank": 3, "interval": 2, "queries": 2]), rule: .init("lozo-m", lr),
      adapter: .init("dizo", ["interval": 2]), seed: 20),
    Composition(estimator: .init("lge", ["interval": 3]), rule: .init("r-adazo", lr), seed: 21),
    Composition(estimator: .init("tezo", ["rank": 3]), rule: .init("core-adam", lr), seed: 22),
    Composition(
      estimator: .init("subzero", ["rank": 3, "interval": 2, "queries": 2]), rule: .init("core-momentum", lr),
      adapter: .init("dizo", ["interval": 2]), seed: 23),
    Composition(
      estimator: .init("column-subspace", ["rank": 3, "interval": 2, "queries": 2, "sides": "one-sided"]),
      rule: .init("muon", lr), seed: 24),
    Composition(
      estimator: .init("population", ["queries": 3, "rank": 2, "shaping": "z-score"]), rule: .init("sgd", lr), seed: 25),
  ]
  private let registry: Registry
  init() throws { registry = try Registry.withPlugins() }

  static let steps = 6
  static let identity: JSON = ["rule": ["learning-rate": 1.0, "name": "sgd"]]

  private struct Uninterrupted {
    var end: [UInt32]
    var reports: [StepReport]
    var file: Data
    var header: TrajectoryHeader
  }

  private func uninterrupted(_ composition: Composition, _ path: String, broken: Set<Int> = []) throws -> Uninterrupted
  {
    var theta = try smallTheta()
    var optimizer = try registry.makeOptimizer(composition, runSteps: Self.steps)
    let header = TrajectoryHeader(identity: Self.identity, steps: Self.steps, base: theta)
    let objective = RecordingObjective(BatchQuadratic(broken: broken))
    var reports: [StepReport] = []
    try optimizer.resume(&theta, objective, trajectory: path, header: header, until: Self.steps) {
      report, replayed, _ in
      #expect(!replayed)
      reports.append(report)
    }
    let file = try Data(contentsOf: URL(fileURLWithPath: path))
    let evaluations = try (0..<Self.steps).reduce(0) { try $0 + optimizer.forwards(at: $1, in: smallLayout()) }
    #expect(file.count == header.encoded.count + 8 * (evaluations + Self.steps))
    #expect(try recordedLosses(path).map(\.count).reduce(0, +) == 8 * evaluations)
    return Uninterrupted(end: bits(theta), reports: reports, file: file, header: header)
  }

  @Test(arguments: compositions) func aReplayIsTheRun(_ composition: Composition) throws {
    try withFolder { folder in
      let path = folder + "/trajectory"
      // A loss of the fourth step, at which adapters measure too, is not finite: run and replay skip it.
      let before = try registry.makeOptimizer(composition, runSteps: 6)
      let fourth = try (0..<3).reduce(0) { try $0 + before.forwards(at: $1, in: smallLayout()) }
      for broken: Set<Int> in [[], [fourth]] {
        let run = try uninterrupted(composition, path, broken: broken)
        #expect(run.reports.map(\.outcome).contains(.skipped) == !broken.isEmpty)
        var theta = try smallTheta()
        var optimizer = try registry.makeOptimizer(composition, runSteps: Self.steps)
        let recorded = try Trajectory(file: path).steps(of: run.header, by: optimizer, in: theta.layout)
        #expect(recorded.count == Self.steps && recorded.droppedBytes == 0)
        var reports: [StepReport] = []
        try optimizer.replay(recorded, on: &theta) { report, _ in reports.append(report) }
        #expect(bits(theta) == run.end)
        #expect(run.end != bits(try smallTheta()))
        for (replayed, lived) in zip(reports, run.reports) {
          #expect(replayed.losses.map(\.bitPattern) == lived.losses.map(\.bitPattern))
          #expect(replayed.outcome == lived.outcome && replayed.forwards == lived.forwards)
        }
        try FileManager.default.removeItem(atPath: path)
      }
    }
  }

  @Test(arguments: compositions) func killedAtAnyByteAndResumedIsUninterrupted(_ composition: Composition) throws {
    try withFolder { folder in
      let path = folder + "/trajectory"
      let run = try uninterrupted(composition, path)
      let perStep = run.file.count - run.header.encoded.count
      let stride = perStep > 400 ? 5 : 1
      let cuts =
        Array(Swift.stride(from: 0, to: run.header.encoded.count, by: 29)) + [run.header.encoded.count - 1]
        + Array(Swift.stride(from: run.header.encoded.count, through: run.file.count, by: stride))
      for cut in cuts {
        try run.file.prefix(cut).write(to: URL(fileURLWithPath: path))
        var theta = try smallTheta()
        var optimizer = try registry.makeOptimizer(composition, runSteps: Self.steps)
        let objective = RecordingObjective(BatchQuadratic())
        var replayed = 0
        var steps: [Int] = []
        try optimizer.resume(&theta, objective, trajectory: path, header: run.header, until: Self.steps) {
          report, wasReplayed, _ in
          steps.append(report.step)
          replayed += wasReplayed ? 1 : 0
        }
        #expect(steps == Array(0..<Self.steps))
        #expect(bits(theta) == run.end, "cut at \(cut)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == run.file, "cut at \(cut)")
        if cut == run.file.count { #expect(replayed == Self.steps && objective.base.forwards == 0) }
      }
    }
  }

  @Test func aRunGoesOnBeyondItsPlan() throws {
    try withFolder { folder in
      let path = folder + "/trajectory"
      let run = try uninterrupted(Self.compositions[3], path)
      var theta = try smallTheta()
      var optimizer = try registry.makeOptimizer(Self.compositions[3], runSteps: 9)
      let header = TrajectoryHeader(identity: Self.identity, steps: 9, base: theta)
      try optimizer.resume(&theta, RecordingObjective(BatchQuadratic()), trajectory: path, header: header, until: 9)
      #expect(try bits(theta) == ZerothTrainingTests.run(Self.compositions[3], steps: 9))
      #expect(bits(theta) != run.end)
    }
  }

  @Test func twoSidedLossesTakeTwentyFourBytesAStep() throws {
    try withFolder { folder in
      let run = try uninterrupted(Self.compositions[0], folder + "/trajectory")
      #expect(run.file.count - run.header.encoded.count == 24 * Self.steps)
    }
  }

  /// The step that ends a run is not recorded: what is recorded can be replayed.
  @Test func aRunThatStopsCanBeReplayed() throws {
    try withFolder { folder in
      let path = folder + "/trajectory"
      var composition = Self.compositions[0]
      composition.nonFiniteLimit = 2
      var theta = try smallTheta()
      var optimizer = try registry.makeOptimizer(composition, runSteps: 6)
      let header = TrajectoryHeader(identity: Self.identity, steps: 6, base: theta)
      let objective = RecordingObjective(BatchQuadratic(broken: [4, 6]))
      #expect(throws: NonFiniteError.self) {
        try optimizer.resume(&theta, objective, trajectory: path, header: header, until: 6)
      }
      var replayed = try smallTheta()
      var again = try registry.makeOptimizer(composition, runSteps: 6)
      let steps = try Trajectory(file: path).steps(of: header, by: again, in: replayed.layout)
      #expect(steps.count == 3)
      try again.replay(steps, on: &replayed)
      #expect(bits(replayed) == bits(theta))
    }
  }

  @Test func damagedAndForeignFilesAreRefused() throws {
    try withFolder { folder in
      let path = folder + "/trajectory"
      let run = try uninterrupted(Self.compositions[0], path)
      let optimizer = try registry.makeOptimizer(Self.compositions[0], runSteps: 6)
      func error(_ data: Data, _ header: TrajectoryHeader? = nil) throws -> String? {
        try data.write(to: URL(fileURLWithPath: path))
        return inputError {
          _ = try Trajectory(file: path).steps(of: header ?? run.header, by: optimizer, in: smallLayout())
        }?.subject
      }
      var bytes = run.file
      bytes[0] ^= 1
      #expect(try error(bytes) == "\(path): magic")
      bytes = run.file
      bytes[8] = 9
      #expect(try error(bytes) == "\(path): format")
      bytes = run.file
      bytes[15] = 0xFF
      #expect(try error(bytes) == "\(path): header")
      bytes = run.file
      bytes[30] ^= 1
      #expect(try error(bytes) == "\(path): header")
      for cut in 0..<run.header.encoded.count { #expect(try error(run.file.prefix(cut)) == "\(path): header") }

      let h = run.header
      let other: JSON = ["rule": ["learning-rate": 2.0, "name": "sgd"]]
      #expect(
        try error(run.file, .init(identity: other, model: h.model, layout: h.layout, steps: 6))
          == "\(path): rule.learning-rate")
      #expect(
        try error(run.file, .init(identity: h.identity, model: "0", layout: h.layout, steps: 6))
          == "\(path): base model")
      #expect(
        try error(run.file, .init(identity: h.identity, model: h.model, layout: "0", steps: 6)) == "\(path): layout")
      #expect(inputError { _ = try Trajectory(file: folder + "/none") } != nil)
      #expect(inputError { _ = try TrajectoryWriter(new: path, header: h) }?.found == "a file")
    }
  }

  /// A replay by another composition ends in an error, and not in other weights.
  @Test func anotherCompositionIsNoticed() throws {
    try withFolder { folder in
      let path = folder + "/trajectory"
      let run = try uninterrupted(Self.compositions[0], path)
      var composition = Self.compositions[0]
      composition.estimator.options["queries"] = 2
      let wide = try registry.makeOptimizer(composition, runSteps: 6)
      let narrow = try registry.makeOptimizer(Self.compositions[0], runSteps: 6)
      let error = inputError { _ = try Trajectory(file: path).steps(of: run.header, by: wide, in: smallLayout()) }
      #expect(error?.subject == "\(path): step 0" && error?.found == "2 losses")
      // A replay by the steps of another composition is noticed too.
      let steps = try Trajectory(file: path).steps(of: run.header, by: narrow, in: smallLayout())
      var optimizer = wide
      var theta = try smallTheta()
      #expect(inputError { try optimizer.replay(steps, on: &theta) }?.subject == "\(path): step 0")
    }
  }

  @Test func flushingInGroupsWritesTheSameFile() throws {
    try withFolder { folder in
      let whole = try uninterrupted(Self.compositions[0], folder + "/a")
      var theta = try smallTheta()
      var optimizer = try registry.makeOptimizer(Self.compositions[0], runSteps: 6)
      try optimizer.resume(
        &theta, RecordingObjective(BatchQuadratic()), trajectory: folder + "/b", header: whole.header, until: 6,
        flushEvery: 4)
      #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/b")) == whole.file)
    }
  }

  /// Collet's reference values for XXH64.
  @Test func hashesAreXXH64() {
    #expect(ContentHash.hex(ContentHash.xxh64("")) == "ef46db3751d8e999")
    #expect(ContentHash.hex(ContentHash.xxh64("a")) == "d24ec4f1a98c6e5b")
    #expect(ContentHash.hex(ContentHash.xxh64("abc")) == "44bc2cf5ad770999")
    #expect(
      ContentHash.hex(ContentHash.xxh64("Nobody inspects the spammish repetition")) == "fbcea83c8a378bf1")
  }

  @Test func hashesSeeEveryValueAndFlag() throws {
    let layout = try smallLayout()
    var theta = try smallTheta()
    let before = theta.contentHash()
    theta.withMutableBlock(layout.blocks[5]) { $0[4] += 1e-3 }
    #expect(theta.contentHash() != before)
    #expect(try layout.training(only: .roles("query")).contentHash != layout.contentHash)
  }
}
