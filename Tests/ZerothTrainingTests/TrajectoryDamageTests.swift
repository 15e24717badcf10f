import Foundation
import TestSupport
import Testing
import Zeroth

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// What is wrong with a trajectory is refused by name, or begins anew where no step is lost: never replayed in silence.
@Suite struct TrajectoryDamageTests {
  static let composition = Composition(estimator: .init("rge"), rule: .init("sgd", ["learning-rate": 0.01]), seed: 1)
  static let identity: JSON = ["rule": ["learning-rate": 1.0, "name": "sgd"]]

  private struct Made {
    var path: String
    var header: TrajectoryHeader
    var file: Data
    var end: [UInt32]

    /// Where the header ends.
    var start: Int { header.encoded.count }
  }

  /// A run of three steps of two losses each.
  private func made(in folder: String, inputs: [String: String] = [:]) throws -> Made {
    let path = folder + "/trajectory.bin"
    var theta = try smallTheta()
    var optimizer = try Registry.standard.makeOptimizer(Self.composition, runSteps: 3)
    let header = TrajectoryHeader(identity: Self.identity, steps: 3, base: theta, inputs: inputs)
    try optimizer.resume(&theta, RecordingObjective(BatchQuadratic()), trajectory: path, header: header, until: 3)
    return Made(path: path, header: header, file: try Data(contentsOf: URL(fileURLWithPath: path)), end: bits(theta))
  }

  /// What opening `data` to resume or replay says, or how many steps it finds.
  private func open(_ data: Data, _ run: Made, as header: TrajectoryHeader? = nil) throws -> Result<Int, InputError> {
    try data.write(to: URL(fileURLWithPath: run.path))
    let optimizer = try Registry.standard.makeOptimizer(Self.composition, runSteps: 3)
    let layout = try smallLayout()
    do throws(InputError) {
      let log = try TrajectoryLog(run.path, header: header ?? run.header, optimizer: optimizer, layout: layout)
      return .success(log.recorded.isNew ? -1 : log.recorded.count)
    } catch {
      return .failure(error)
    }
  }

  private func refusal(_ data: Data, _ run: Made, as header: TrajectoryHeader? = nil) throws -> InputError? {
    if case .failure(let error) = try open(data, run, as: header) { return error }
    return nil
  }

  @Test func everyFlippedBitIsRefused() throws {
    try withFolder { folder in
      let run = try made(in: folder)
      #expect(try open(run.file, run) == .success(3))
      for bit in 0..<(8 * run.file.count) {
        var data = run.file
        data[bit / 8] ^= 1 << UInt8(bit % 8)
        let error = try refusal(data, run)
        #expect(error?.subject.hasPrefix(run.path) == true, "bit \(bit)")
        let step = (bit / 8 - run.start) / 24
        if bit / 8 >= run.start { #expect(error?.subject == "\(run.path): step \(step)", "bit \(bit)") }
      }
    }
  }

  /// A damaged step is named with both checksums.
  @Test func aDamagedStepIsNamed() throws {
    try withFolder { folder in
      let run = try made(in: folder)
      var data = run.file
      data[run.start + 24 + 10] ^= 4
      let error = try #require(try refusal(data, run))
      #expect(error.subject == "\(run.path): step 1")
      #expect(error.found.hasPrefix("the checksum ") && error.expected.contains("the file is damaged"))
      #expect(error.found.count == "the checksum ".count + 8)
    }
  }

  /// Every cut within the header is a new run, whose file is then the same; every later cut drops a part of one step.
  @Test func everyCut() throws {
    try withFolder { folder in
      let run = try made(in: folder)
      for cut in 0...run.file.count {
        let found = try open(run.file.prefix(cut), run)
        #expect(found == .success(cut < run.start ? -1 : (cut - run.start) / 24), "cut at \(cut)")
        guard cut <= run.start || cut.isMultiple(of: 7) else { continue }
        var theta = try smallTheta()
        var optimizer = try Registry.standard.makeOptimizer(Self.composition, runSteps: 3)
        try optimizer.resume(
          &theta, RecordingObjective(BatchQuadratic()), trajectory: run.path, header: run.header, until: 3)
        #expect(bits(theta) == run.end)
        #expect(try Data(contentsOf: URL(fileURLWithPath: run.path)) == run.file, "cut at \(cut)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["trajectory.bin"])
      }
      // Also when the plan has changed since.
      let longer = TrajectoryHeader(
        identity: Self.identity, model: run.header.model, layout: run.header.layout, steps: 1000)
      for cut in 0..<run.start { #expect(try open(run.file.prefix(cut), run, as: longer) == .success(-1)) }
    }
  }

  @Test func theTornStepIsSaid() throws {
    try withFolder { folder in
      let run = try made(in: folder)
      try run.file.dropLast(5).write(to: URL(fileURLWithPath: run.path))
      let optimizer = try Registry.standard.makeOptimizer(Self.composition, runSteps: 3)
      let steps = try Trajectory(file: run.path).steps(of: run.header, by: optimizer, in: smallLayout())
      #expect(steps.count == 2 && steps.droppedBytes == 19)
    }
  }

  @Test func aTailOfZerosIsRefused() throws {
    try withFolder { folder in
      let run = try made(in: folder)
      for count in [4, 8, 16, 24, 48, 4096] {
        let error = try refusal(run.file + Data(count: count), run)
        #expect(error?.subject == "\(run.path): step 3" && error?.found == "0 losses", "\(count) zeros")
      }
      // Zeros in the place of a step, as after a power cut.
      for step in 0..<3 {
        let whole = run.file.prefix(run.start + 24 * step)
        #expect(try refusal(whole + Data(count: 24 * (3 - step)), run)?.subject == "\(run.path): step \(step)")
      }
      #expect(try refusal(Data(count: run.file.count), run)?.subject == "\(run.path): magic")
    }
  }

  @Test func stepsFitInTheirPlaceAlone() throws {
    try withFolder { folder in
      let run = try made(in: folder)
      func step(_ i: Int) -> Data { run.file.subdata(in: (run.start + 24 * i)..<(run.start + 24 * (i + 1))) }
      let header = run.file.prefix(run.start)
      for order in [[1, 0, 2], [0, 2], [1, 2], [0, 0, 1], [2]] {
        let data = order.reduce(header) { $0 + step($1) }
        let first = order.indices.first { order[$0] != $0 } ?? 0
        #expect(try refusal(data, run)?.subject == "\(run.path): step \(first)", "\(order)")
      }
      // The same steps behind the header of another plan of the same run.
      let other = TrajectoryHeader(
        identity: Self.identity, model: run.header.model, layout: run.header.layout, steps: 4)
      #expect(try refusal(other.encoded + run.file.dropFirst(run.start), run)?.subject == "\(run.path): step 0")
    }
  }

  @Test func moreStepsThanArePlannedAreRefused() throws {
    try withFolder { folder in
      let run = try made(in: folder)
      func planned(_ steps: Int) -> TrajectoryHeader {
        TrajectoryHeader(identity: Self.identity, model: run.header.model, layout: run.header.layout, steps: steps)
      }
      #expect(try open(run.file, run, as: planned(3)) == .success(3))
      #expect(try open(run.file, run, as: planned(30)) == .success(3))
      let error = try #require(try refusal(run.file, run, as: planned(2)))
      #expect(error.found == "3 recorded steps" && error.expected == "at most 2, as many as are planned")
    }
  }

  @Test func aChangedInputIsNamed() throws {
    try withFolder { folder in
      let inputs = ["configuration": "1", "tokenizer": "2", "train": "3"]
      let run = try made(in: folder, inputs: inputs)
      func header(_ inputs: [String: String]) throws -> TrajectoryHeader {
        TrajectoryHeader(
          identity: Self.identity, model: run.header.model, layout: run.header.layout, steps: 3, inputs: inputs)
      }
      #expect(try open(run.file, run) == .success(3))
      // A replay names none, and another version may know others.
      #expect(try open(run.file, run, as: header([:])) == .success(3))
      #expect(try open(run.file, run, as: header(["tokenizer": "2", "prompts": "9"])) == .success(3))
      for name in inputs.keys {
        var changed = inputs
        changed[name] = "0"
        let error = try #require(try refusal(run.file, run, as: header(changed)))
        #expect(error.subject == "\(run.path): input '\(name)'" && error.expected.contains("it has changed"))
      }
    }
  }

  @Test func grainShardsAndTuningArePartOfTheRun() throws {
    try withFolder { folder in
      let run = try made(in: folder)
      let (model, layout) = (run.header.model, run.header.layout)
      func header(_ grain: LossGrain = .batch, _ shards: Int = 1, _ tuning: String = "full") -> TrajectoryHeader {
        TrajectoryHeader(
          identity: Self.identity, model: model, layout: layout, steps: 3, grain: grain, shards: shards, tuning: tuning)
      }
      for (other, name) in [
        (header(.example), "grain"), (header(.batch, 2), "shards"), (header(.batch, 1, "lora"), "tuning"),
      ] {
        #expect(try refusal(run.file, run, as: other)?.subject == "\(run.path): \(name)")
        let decoded = try TrajectoryHeader.decode(other.encoded, path: "x")
        #expect(decoded.header == other && decoded.size == other.encoded.count && decoded.format == 2)
      }
      #expect(run.header.grain == .batch && run.header.shards == 1 && run.header.tuning == "full")
      #expect(run.header.noise == Noise.version)
    }
  }

  /// Losses of each example: a step has a multiple of its forward passes, and a number that is damaged upwards is told from
  /// a step that was not written whole.
  @Test func lossesOfEachExample() throws {
    try withFolder { folder in
      let path = folder + "/trajectory.bin"
      let theta = try smallTheta()
      let header = TrajectoryHeader(identity: Self.identity, steps: 9, base: theta, grain: .example)
      let writer = try TrajectoryWriter(new: path, header: header)
      let losses = [8, 8, 6].map { count in (0..<count).map { Double($0) / 3 } }
      for step in losses { try writer.append(step) }
      let optimizer = try Registry.standard.makeOptimizer(Self.composition, runSteps: 9)
      func steps(_ data: Data) throws -> RecordedSteps {
        try Trajectory(data, path: path).steps(of: header, by: optimizer, in: smallLayout())
      }
      let file = try Data(contentsOf: URL(fileURLWithPath: path))
      let found = try steps(file)
      #expect((0..<found.count).map { found[$0] } == losses)
      let start = header.encoded.count
      for cut in start...file.count {
        let whole = [72, 144, 200].count { start + $0 <= cut }
        #expect(try steps(file.prefix(cut)).count == whole, "cut at \(cut)")
      }
      for bit in (8 * start)..<(8 * file.count) {
        var data = file
        data[bit / 8] ^= 1 << UInt8(bit % 8)
        let step = bit / 8 - start < 72 ? 0 : bit / 8 - start < 144 ? 1 : 2
        #expect(inputError { _ = try steps(data) }?.subject == "\(path): step \(step)", "bit \(bit)")
      }
    }
  }

  /// Keys that a later version may add are read over, and kept.
  @Test func otherKeysAreKept() throws {
    let header = TrajectoryHeader(
      identity: Self.identity, model: "m", layout: "l", steps: 3, inputs: ["b": "1", "a": "2"],
      others: [.init("later", ["x": 1])])
    let decoded = try TrajectoryHeader.decode(header.encoded, path: "x").header
    #expect(decoded == header && decoded.encoded == header.encoded)
    try decoded.requireSameRun(
      as: TrajectoryHeader(identity: Self.identity, model: "m", layout: "l", steps: 3), path: "x")
  }

  /// The streams of an earlier version are the same but for signs; those of a later one nobody knows.
  @Test func versionsOfTheNoise() {
    func refusal(_ identity: JSON, noise: Int) -> String? {
      let theirs = TrajectoryHeader(identity: identity, model: "m", layout: "l", steps: 3, noise: noise)
      let ours = TrajectoryHeader(identity: identity, model: "m", layout: "l", steps: 3)
      do throws(InputError) {
        try theirs.requireSameRun(as: ours, path: "x")
        return nil
      } catch {
        return error.subject
      }
    }
    let normal: JSON = ["estimator": ["name": "rge", "distribution": "gaussian"]]
    let signs: JSON = ["estimator": ["name": "rge", "distribution": "rademacher"]]
    let plugin: JSON = ["estimator": ["name": "mine"], "plugin": ["mine": "0123"]]
    #expect(refusal(normal, noise: 2) == nil && refusal(signs, noise: 2) == nil && refusal(plugin, noise: 2) == nil)
    #expect(refusal(normal, noise: 1) == nil && refusal(signs, noise: 1) == "x: noise")
    #expect(refusal(plugin, noise: 1) == "x: noise" && refusal(normal, noise: 3) == "x: noise")
  }

  /// By the table of docs/architecture.md: every byte of a file, written out by hand, with a plain CRC-32.
  @Test func theFormatIsAsWritten() throws {
    try withFolder { folder in
      let path = folder + "/trajectory.bin"
      let header = TrajectoryHeader(identity: ["a": 1], model: "m", layout: "l", steps: 2, inputs: ["train": "t"])
      let writer = try TrajectoryWriter(new: path, header: header)
      try writer.append([0.5, -2])
      try writer.append([.infinity])
      let json =
        #"{"identity":{"a":1},"model":"m","layout":"l","steps":2,"grain":"batch","shards":1,"tuning":"full","noise":2,"#
        + #""inputs":{"train":"t"}}"# + "\n"
      func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(value >> (8 * $0) & 0xFF) } }
      func number(_ value: Double) -> [UInt8] { (0..<8).map { UInt8(value.bitPattern >> (8 * UInt64($0)) & 0xFF) } }
      let front = Array("ZEROTRAJ".utf8) + word(2) + word(json.utf8.count)
      let checked = front + Array(json.utf8)
      var expected = front + word(crc(checked)) + Array(json.utf8)
      for (step, losses) in [[0.5, -2], [.infinity]].enumerated() {
        let bytes = losses.flatMap(number)
        let sum = crc(checked + word(step) + word(0) + bytes + word(losses.count))
        expected += word(losses.count) + word(sum) + bytes
      }
      #expect(try Array(Data(contentsOf: URL(fileURLWithPath: path))) == expected)
      #expect(crc(Array("123456789".utf8)) == 0xCBF4_3926)
    }
  }

  /// CRC-32 bit by bit.
  private func crc(_ bytes: [UInt8]) -> Int {
    var register = UInt32.max
    for byte in bytes {
      register ^= UInt32(byte)
      for _ in 0..<8 { register = register >> 1 ^ (register & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return Int(~register)
  }
}
