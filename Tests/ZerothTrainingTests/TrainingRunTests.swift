import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothResources
import ZerothTestKit

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// Whole runs on the embedded model and sentences, of a few steps.
@Suite(.serialized) struct TrainingRunTests {
  func configuration(
    _ optimizer: String, out: String?, steps: Int = 6, run: [String: OptionValue] = [:],
    more: [String: [String: OptionValue]] = [:]
  ) throws -> RunConfiguration {
    var settings: [String: [String: OptionValue]] = [
      "model": ["path": "imdb-opt"], "task": ["name": "sst2", "k": 8, "test": 20],
      "run": ["optimizer": .string(optimizer), "steps": .int(steps), "batch": 4, "seed": 3, "eval-every": 2],
    ]
    if let out { settings["run"]?["out"] = .string(out) }
    settings["run"]?.merge(run) { $1 }
    for (table, values) in more { settings[table, default: [:]].merge(values) { $1 } }
    return try RunConfiguration(Settings(settings))
  }

  @discardableResult
  func train(_ configuration: RunConfiguration, resuming: Bool = false) throws -> RunResult {
    try TrainingRun(configuration).run(resuming: resuming)
  }

  func bytes(_ path: String) throws -> Data { try #require(FileManager.default.contents(atPath: path)) }

  static let compositions: [(String, [String: [String: OptionValue]])] = [
    ("mezo", [:]), ("mezo-m", [:]), ("lozo", ["estimator": ["interval": 2]]),
    ("lozo-m", ["estimator": ["interval": 2]]), ("dizo", ["adapter": ["interval": 2]]),
    ("cge", ["estimator": ["coordinates": 3], "rule": ["learning-rate": 1e-3]]),
  ]

  @Test(arguments: compositions)
  func recordsAndReplaysBitForBit(optimizer: String, more: [String: [String: OptionValue]]) throws {
    let scratch = try Scratch()
    let files = RunFiles(scratch.path + "/run")
    let configuration = try configuration(optimizer, out: files.folder, more: more)
    let result = try train(configuration)
    #expect(result.steps == 6 && !result.isCutShort && result.skipped == 0)
    #expect((0...1).contains(result.final.main) && (0...1).contains(result.best.main))

    let rows = try Metrics.read(files.metrics)
    let steps = rows.compactMap { if case .step(let row) = $0 { row } else { nil } }
    let evaluations = rows.compactMap { if case .evaluation(let row) = $0 { row } else { nil } }
    #expect(steps.map(\.step) == Array(0..<6))
    #expect(steps.last?.forwards == result.forwards)
    #expect(evaluations.filter { $0.split == "dev" }.map(\.step) == [0, 2, 4, 6])
    #expect(evaluations.filter { $0.split == "test" }.map(\.step) == [0, 6])

    for step in [nil, 6] {
      let out = scratch.path + "/replayed\(step ?? 0)"
      let replayed = try ReplayedRun(files.folder, modelPath: nil, out: out, step: step)
      #expect(replayed.recordedSteps == 6 && replayed.droppedBytes == 0)
      if step == nil {
        #expect(try bytes(out + "/model.safetensors") == bytes(files.model + "/model.safetensors"))
        #expect(replayed.steps == result.bestStep)
      } else {
        let base = try CausalModel(directory: Embedded.model()).loadParameters()
        let tuned = try CausalModel(directory: out).loadParameters()
        #expect(base.contentHash() != tuned.contentHash(), "six steps move the weights")
      }
    }
  }

  @Test(arguments: compositions.map(\.0), [0, 1, 17, 40])
  func killedAndResumedEqualsUninterrupted(optimizer: String, cut: Int) throws {
    let scratch = try Scratch()
    let more = Self.compositions.first { $0.0 == optimizer }?.1 ?? [:]
    let whole = RunFiles(scratch.path + "/whole")
    let killed = RunFiles(scratch.path + "/killed")
    try train(configuration(optimizer, out: whole.folder, more: more))
    let again = try configuration(optimizer, out: killed.folder, more: more)
    try train(again)

    // As a kill leaves it: part of the trajectory, a half-written row, no reason of an end.
    let trajectory = try bytes(killed.trajectory)
    try trajectory.dropLast(cut).write(to: URL(fileURLWithPath: killed.trajectory))
    try (try bytes(killed.metrics).dropLast(cut * 3)).write(to: URL(fileURLWithPath: killed.metrics))
    try FileManager.default.removeItem(atPath: killed.model)

    try train(again, resuming: true)
    #expect(try bytes(killed.trajectory) == bytes(whole.trajectory))
    #expect(try bytes(killed.model + "/model.safetensors") == bytes(whole.model + "/model.safetensors"))
    func steps(_ files: RunFiles) throws -> [[Double]] {
      try Metrics.read(files.metrics).compactMap { if case .step(let row) = $0 { row.losses } else { nil } }
    }
    #expect(try steps(killed) == steps(whole))
    func evaluations(_ files: RunFiles) throws -> [String] {
      try Metrics.read(files.metrics).compactMap { row in
        if case .evaluation(let row) = row { "\(row.split) \(row.step) \(row.mainScore)" } else { nil }
      }
    }
    #expect(try Set(evaluations(killed)) == Set(evaluations(whole)))
    #expect(try evaluations(killed).count == evaluations(whole).count)
  }

  @Test(arguments: ["mezo", "lozo-m", "dizo"])
  func sameBitsForOneAndTwoThreads(optimizer: String) throws {
    let scratch = try Scratch()
    var trajectories: [Data] = []
    for threads in [1, 2] {
      let files = RunFiles(scratch.path + "/\(threads)")
      _ = try withThreads(threads) {
        try train(configuration(optimizer, out: files.folder, run: ["threads": .int(threads)]))
      }
      trajectories.append(try bytes(files.trajectory))
    }
    #expect(trajectories[0] == trajectories[1])
  }

  @Test func twentyFourBytesForAStep() throws {
    let scratch = try Scratch()
    var sizes: [Int] = []
    for steps in [3, 8] {
      let files = RunFiles(scratch.path + "/\(steps)")
      try train(configuration("mezo", out: files.folder, steps: steps))
      sizes.append(try bytes(files.trajectory).count)
    }
    #expect(sizes[1] - sizes[0] == 5 * 24)
  }

  @Test func aRunThatDivergesStopsWithAReason() throws {
    let scratch = try Scratch()
    let files = RunFiles(scratch.path + "/run")
    let result = try train(
      configuration(
        "mezo", out: files.folder, steps: 60, run: ["non-finite-limit": 4, "eval-every": 60],
        more: ["rule": ["learning-rate": 1e30]]))
    #expect(result.isCutShort)
    #expect(result.end.contains("4 steps in a row"))
    #expect(result.skipped == 4)
    #expect(String(decoding: try bytes(files.record), as: UTF8.self).contains("4 steps in a row"))
  }

  @Test func theBestModelDoesNotDependOnWhereItIsKept() throws {
    let scratch = try Scratch()
    let recorded = try train(configuration("lozo", out: scratch.path + "/run"))
    let unrecorded = try train(configuration("lozo", out: nil))
    #expect(recorded.best == unrecorded.best && recorded.bestStep == unrecorded.bestStep)
    #expect(recorded.final == unrecorded.final)
  }

  @Test func frozenBlocksKeepTheirBits() throws {
    let scratch = try Scratch()
    let files = RunFiles(scratch.path + "/run")
    try train(configuration("mezo", out: files.folder, more: ["model": ["train": "query,value"]]))
    _ = try ReplayedRun(files.folder, modelPath: nil, out: scratch.path + "/end", step: 6)
    let base = try CausalModel(directory: Embedded.model()).loadParameters()
    let tuned = try CausalModel(directory: scratch.path + "/end").loadParameters()
    for block in base.layout.blocks {
      let moved = base.values(of: block) != tuned.values(of: block)
      #expect(moved == ["query", "value"].contains(block.role), "\(block.name)")
    }
  }

  /// A run that blows up says so, ends as its policy says, and its broken model is never the best.
  @Test func aRunThatBlowsUp() throws {
    let scratch = try Scratch()
    for policy in DivergencePolicy.allCases {
      let result = try train(
        configuration(
          "mezo", out: scratch.path + "/\(policy)", steps: 4,
          run: ["on-divergence": .string(policy.rawValue), "non-finite-limit": 9],
          more: ["rule": ["learning-rate": 1e30]]))
      #expect(result.bestStep == 0 && result.best == result.zeroShot, "\(policy)")
      #expect(result.end.contains("16 of 16 dev examples have no finite answer after 2 steps"))
      #expect(result.steps == (policy == .continue ? 4 : 2))
      #expect(result.outcome == (policy == .continue ? .completeAfterDivergence : .diverged))
      #expect(result.final.main == (policy == .best ? result.zeroShot.main : 0), "\(policy)")
      #expect(result.row("mezo")[0] == "mezo (diverged)")
    }
  }

  @Test func patienceAndInterruption() throws {
    let scratch = try Scratch()
    // Nothing is learnt at this rate, so that no evaluation is better than the first.
    let still: [String: [String: OptionValue]] = ["rule": ["learning-rate": 0.0]]
    let early = try train(
      configuration("mezo", out: scratch.path + "/early", steps: 20, run: ["patience": 3], more: still))
    #expect(early.outcome == .stoppedEarly && early.steps == 6 && early.outcome.exitStatus == 3)
    #expect(early.end.contains("no better dev score in 3 evaluations"))

    let cut = try configuration("lozo-m", out: scratch.path + "/cut", more: ["estimator": ["interval": 2]])
    var steps = 0
    let result = try TrainingRun(
      cut,
      interruption: {
        steps += 1
        return steps == 3 ? 15 : nil
      }
    ).run()
    #expect(result.outcome == .interrupted(signal: 15) && result.steps == 3 && result.outcome.exitStatus == 143)
    let whole = try train(
      configuration("lozo-m", out: scratch.path + "/whole", more: ["estimator": ["interval": 2]]))
    let resumed = try train(cut, resuming: true)
    #expect(resumed.weights == whole.weights && resumed.outcome == .complete)
  }

  /// A folder has one writer at a time.
  /// Models are saved without rounding, so that they have the weights that the rows are about.
  private static let layersSettings: [String: [String: OptionValue]] = [
    "adapter": ["interval": 2], "model": ["save-as": "float32"],
  ]

  @Test func layersAreRecordedOnDemand() throws {
    let scratch = try Scratch()
    func run(_ name: String, layers: Bool) throws -> RunFiles {
      let files = RunFiles("\(scratch.path)/\(name)")
      try train(
        configuration(
          "dizo", out: files.folder, run: ["layers": .bool(layers)], more: Self.layersSettings))
      return files
    }
    func layers(_ files: RunFiles) throws -> [MetricsRow.Layers] {
      try Metrics.read(files.metrics).compactMap { if case .layers(let row) = $0 { row } else { nil } }
    }
    let (plain, recorded) = (try run("plain", layers: false), try run("layers", layers: true))
    #expect(try layers(plain).isEmpty)
    #expect(try bytes(plain.trajectory) == bytes(recorded.trajectory))
    let rows = try layers(recorded)
    #expect(rows.map(\.step) == [2, 4, 6])

    // The same numbers from the saved models: theta_0, and theta after five and six steps.
    let start = try loadModel(directory: Embedded.modelDirectory("imdb-opt")).loadParameters()
    func model(after step: Int) throws -> ParameterStore {
      let out = "\(scratch.path)/after-\(step)"
      _ = try ReplayedRun(recorded.folder, modelPath: nil, out: out, step: step)
      return try loadModel(directory: out).loadParameters()
    }
    let before = try model(after: 5)
    let last = try model(after: 6)
    let row = try #require(rows.last)
    #expect(row.blocks.map(\.name) == start.layout.trainable.map(\.name))
    func norm(_ a: [Float], minus b: [Float]? = nil) -> Double {
      a.indices.reduce(0.0) { sum, i in
        let value = Double(a[i]) - Double(b?[i] ?? 0)
        return sum + value * value
      }.squareRoot()
    }
    for (block, found) in zip(start.layout.trainable, row.blocks) {
      let values = last.values(of: block)
      #expect(abs(found.norm - norm(values)) <= 1e-9 * found.norm, "\(block.name)")
      #expect(abs(found.distance - norm(values, minus: start.values(of: block))) <= 1e-9, "\(block.name)")
      #expect(try abs(#require(found.update) - norm(values, minus: before.values(of: block))) <= 1e-9, "\(block.name)")
    }
    let projected = row.blocks.filter { $0.ratio != nil }
    #expect(!projected.isEmpty && projected.allSatisfy { (0.8...1.2).contains($0.ratio ?? 0) })
    #expect(projected.allSatisfy { $0.name.contains("q_proj") || $0.name.contains("v_proj") })

    // A run that is cut off in its middle has the same rows at its end, each once.
    let rest = try bytes(recorded.trajectory)
    try rest.dropLast(30).write(to: URL(fileURLWithPath: recorded.trajectory))
    let text = try bytes(recorded.metrics)
    try train(
      configuration(
        "dizo", out: recorded.folder, run: ["layers": true], more: Self.layersSettings), resuming: true)
    let kept = try layers(recorded)
    #expect(kept.map(\.step) == [2, 4, 6] && kept.map(\.blocks) == rows.map(\.blocks))
    #expect(!text.isEmpty)
  }

  @Test func lossesThatAreNotFiniteAreExplained() throws {
    func end(_ epsilon: Double, rate: Double) throws -> String {
      let configuration = try configuration(
        "mezo", out: nil, steps: 30, run: ["on-divergence": "continue", "non-finite-limit": 3],
        more: ["estimator": ["epsilon": .double(epsilon)], "rule": ["learning-rate": .double(rate)]])
      let result = try train(configuration)
      #expect(result.outcome == .diverged)
      return result.end
    }
    let probe = try end(1e30, rate: 1e-6)
    #expect(
      probe.contains("at theta itself the loss is") && probe.contains("epsilon, 1e+30, moves too far"), "\(probe)")
    let rate = try end(1e-3, rate: 1e36)
    #expect(rate.contains("not finite"), "\(rate)")
    #expect(rate.contains("try a smaller learning rate") || rate.contains("the activations overflow"), "\(rate)")
  }

  @Test func theBaseIsNeverOverwritten() throws {
    let scratch = try Scratch()
    let base = scratch.path + "/run/model"
    try FileManager.default.createDirectory(atPath: scratch.path + "/run", withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: Embedded.modelDirectory("imdb-opt"), toPath: base)
    let weights = try bytes(base + "/model.safetensors")
    func says(_ body: () throws -> Void) -> String {
      (#expect(throws: InputError.self) { try body() }).map { "\($0)" } ?? ""
    }
    let trained = says {
      try train(configuration("mezo", out: scratch.path + "/run", more: ["model": ["path": .string(base)]]))
    }
    #expect(trained.contains("found the folder of the model that was read"), "\(trained)")
    let other = RunFiles(scratch.path + "/other")
    try train(configuration("mezo", out: other.folder, more: ["model": ["path": .string(base)]]))
    let link = scratch.path + "/link"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: base)
    let replayed = says { _ = try ReplayedRun(other.folder, modelPath: nil, out: link, step: 2) }
    #expect(replayed.contains("found the folder of the model that was read"), "\(replayed)")
    #expect(try bytes(base + "/model.safetensors") == weights)
  }

  @Test func aBaseThatIsWrittenDuringTheRunIsFound() throws {
    let scratch = try Scratch()
    let base = scratch.path + "/base"
    try FileManager.default.copyItem(atPath: Embedded.modelDirectory("imdb-opt"), toPath: base)
    let configuration = try configuration(
      "mezo", out: nil, more: ["model": ["path": .string(base), "storage": "as-stored"]])
    var steps = 0
    let run = try TrainingRun(
      configuration,
      interruption: {
        steps += 1
        guard steps == 3, let file = FileHandle(forUpdatingAtPath: base + "/model.safetensors") else { return nil }
        file.seek(toFileOffset: 100_000)
        file.write(Data([1, 2, 3]))
        return nil
      })
    let error = #expect(throws: InputError.self) { try run.run() }
    #expect(error?.found == "a file that was written while it was in use", "\(String(describing: error))")
  }

  @Test func theLastModelIsKeptOnDemand() throws {
    let scratch = try Scratch()
    let files = RunFiles(scratch.path + "/run")
    let result = try train(
      configuration(
        "mezo", out: files.folder, run: ["keep-last": true], more: ["model": ["save-as": "float32"]]))
    #expect(try loadModel(directory: files.last).loadParameters().contentHash() == result.weights)
    let other = RunFiles(scratch.path + "/other")
    try train(configuration("mezo", out: other.folder))
    #expect(!FileManager.default.fileExists(atPath: other.last))
  }

  @Test func aFolderIsLocked() throws {
    let scratch = try Scratch()
    let configuration = try configuration("mezo", out: scratch.path + "/run", steps: 2)
    try train(configuration)
    let lock = try FolderLock(scratch.path + "/run")
    let refused = inputError { try train(configuration, resuming: true) }
    #expect(refused?.found == "process \(getpid()), which writes to it")
    withExtendedLifetime(lock) {}
  }

  @Test func aFolderWithARunIsNotOverwritten() throws {
    let scratch = try Scratch()
    let first = try configuration("mezo", out: scratch.path + "/run", steps: 2)
    try train(first)
    #expect(throws: InputError.self) { try train(first) }
    let other = try configuration("lozo", out: scratch.path + "/run", steps: 2)
    func contents() throws -> [Data] {
      let files = RunFiles(scratch.path + "/run")
      return try [files.record, files.metrics, files.trajectory, files.model + "/model.safetensors"].map(bytes)
    }
    let before = try contents()
    #expect(throws: InputError.self) { try train(other, resuming: true) }
    #expect(try contents() == before, "a refused run loses nothing")
  }

  @Test func aReplayOnAnotherModelIsRefused() throws {
    let scratch = try Scratch()
    let files = RunFiles(scratch.path + "/run")
    let result = try train(configuration("mezo", out: files.folder, more: ["rule": ["learning-rate": 1e-3]]))
    _ = try ReplayedRun(files.folder, modelPath: nil, out: scratch.path + "/other", step: 6)
    #expect(result.steps == 6)
    #expect(throws: InputError.self) {
      try ReplayedRun(files.folder, modelPath: scratch.path + "/other", out: scratch.path + "/out")
    }
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/out"))
  }
}
