import Foundation
import ZerothRecords
import ZerothSupport

/// A run, read from its folder.
public struct RecordedRun: Sendable {
  /// The state of a run.
  public enum State: Sendable, Hashable {
    /// All steps are done.
    case complete
    /// It ended before its last step, or it diverged. The text is that of the record.
    case cutShort(String)
    /// It was interrupted, and can be resumed.
    case interrupted
    /// It is running, or it was killed.
    case unfinished
    /// It has no record yet.
    case missing
    /// Its process ended with an error. The text is that of the error.
    case failed(String)
  }

  /// A block of the model.
  struct Block: Sendable {
    let name, role: String
    let layer: Int?
  }

  /// The name among the runs that are compared.
  public let name: String
  /// The paths of its files.
  public let files: RunFiles
  /// The effective value of every option, such as `run.seed`, in the order of the record, followed by the case of the
  /// sweep.
  public let options: [JSON.Member]
  /// The options that differ from the defaults and the preset; nil for records that do not contain this.
  let changed: Set<String>?
  /// The results.
  public let results: JSON
  /// Why it ended, in words; nil where it has not ended.
  public let end: String?
  /// The state of the run.
  public let state: State
  let blocks: [Block]

  /// The run in `folder`. Throws `InputError` where the record is not that of a run.
  ///
  /// `plan` is the entry of the run in the file of a sweep: its configuration, which is used where it has no record
  /// yet, and why it failed.
  public init(_ folder: String, name: String, plan: JSON? = nil) throws(InputError) {
    files = RunFiles(folder)
    self.name = name
    let hasRecord = FileManager.default.fileExists(atPath: files.record)
    let failure = plan?["failure"]?.string
    let json: JSON = hasRecord ? try RunRecord.json(in: files.record) : plan ?? ["configuration": [:]]
    guard let tables = json["configuration"]?.members, let results = hasRecord ? json["results"] : [:] else {
      throw InputError(files.record, found: json.summary, expected: "the record of a run")
    }
    let caseName = plan?["case"]?.string.map { JSON.Member(VaryingOptions.sweepCase, .string($0)) }
    let values = tables.flatMap { table in
      (table.value.members ?? []).map { JSON.Member("\(table.key).\($0.key)", $0.value) }
    }
    options = values.isEmpty ? [] : values + [caseName].compactMap(\.self)
    changed = json["changed"]?.elements.map { Set($0.compactMap(\.string)) }
    try Self.check(results, of: files.record)
    self.results = results
    end = json["end"]?.string
    blocks = (json["blocks"]?.elements ?? []).compactMap { block in
      guard let name = block["name"]?.string, let role = block["role"]?.string else { return nil }
      return Block(name: name, role: role, layer: block["layer"]?.integer)
    }
    state =
      switch (end, results["outcome"]?.string) {
      case (nil, _): failure.map { .failed($0) } ?? (hasRecord ? .unfinished : .missing)
      case (_, nil): .complete
      case (_, "interrupted"): .interrupted
      case (_, let words?): .cutShort(words)
      }
  }

  /// Throws `InputError` where `results` is no object, or has a score that is no number.
  private static func check(_ results: JSON, of record: String) throws(InputError) {
    guard let members = results.members else {
      guard results != .null else { return }
      throw InputError("\(record): results", found: results.summary, expected: "an object")
    }
    guard let metric = results["metric"]?.string else { return }
    let scores = ["best", "best_dev", "zero_shot", "final"].map { "\($0)_\(metric)" }
    for member in members where scores.contains(member.key) && member.value != .null && member.value.double == nil {
      throw InputError(
        "\(record): results.\(member.key)", found: member.value.summary, expected: "a number, or null for none")
    }
  }

  /// The value of option `key`, such as `run.seed`.
  public subscript(key: String) -> JSON? { options.first { $0.key == key }?.value }

  /// The seed of its random numbers.
  var seed: Int? { self["run.seed"]?.integer }
  /// The seeds by which runs of a setting differ: that of the random numbers, and that of the examples where they have
  /// their own.
  var seeds: [Int] { [seed ?? 0, self["task.seed"]?.integer ?? seed ?? 0] }
  /// The name of the first metric, by which models are chosen.
  public var metric: String? { results["metric"]?.string }
  /// The unit in which the values of this metric are shown.
  public var unit: ScoreUnit { ScoreUnit(of: metric ?? "") }
  /// A score by this metric: `best`, `best_dev`, `zero_shot` or `final`; nil where there is none.
  public func score(_ name: String) -> Double? { metric.flatMap { results["\(name)_\($0)"]?.double } }
  /// Whether it has ended in a way that says something about its method.
  public var isFinished: Bool {
    switch state {
    case .complete, .cutShort: true
    case .interrupted, .unfinished, .missing, .failed: false
    }
  }

  /// The state in a few words.
  public var stateWords: String {
    switch state {
    case .complete: "complete"
    case .cutShort(let words): words
    case .interrupted: "interrupted"
    case .unfinished: "unfinished"
    case .missing: "not begun"
    case .failed(let reason): "failed: \(reason)"
    }
  }

  /// The rows of its metrics; none where there is no file yet.
  func metrics() throws(InputError) -> [MetricsRow] {
    FileManager.default.fileExists(atPath: files.metrics) ? try Metrics.read(files.metrics) : []
  }
}
