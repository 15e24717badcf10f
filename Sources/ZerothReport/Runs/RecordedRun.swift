import Foundation
import ZerothRecords
import ZerothSupport

/// A run as its folder tells of it.
public struct RecordedRun: Sendable {
  /// How far a run is.
  public enum State: Sendable, Hashable {
    /// All steps are done.
    case complete
    /// It ended before its last step, or has diverged; the words are the record's.
    case cutShort(String)
    /// It was interrupted, and may go on.
    case interrupted
    /// It is being run, or was killed.
    case unfinished
    /// It has no record yet.
    case missing
    /// Its process ended with an error; the words are the error's.
    case failed(String)
  }

  /// A block of the model.
  struct Block: Sendable {
    let name, role: String
    let layer: Int?
  }

  /// A name among the runs that are compared.
  public let name: String
  /// Its files.
  public let files: RunFiles
  /// The effective value of every option, such as `run.seed`, in the order of the record; then the case of the sweep.
  public let options: [JSON.Member]
  /// The options that differ from the defaults and the preset; nil in records that do not say.
  let changed: Set<String>?
  /// What came of it.
  public let results: JSON
  /// Why it ended, in words; nil where it has not.
  public let end: String?
  /// How far it is.
  public let state: State
  let blocks: [Block]

  /// The run in `folder`. Throws `InputError` for a record that is none.
  ///
  /// `plan` is what the file of a sweep says of the run: its configuration, where it has no record of its own yet, and
  /// why it failed.
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

  /// The value of option `key`, such as `run.seed`.
  public subscript(key: String) -> JSON? { options.first { $0.key == key }?.value }

  /// The seed of its random numbers.
  var seed: Int? { self["run.seed"]?.integer }
  /// The name of the metric that chooses.
  public var metric: String? { results["metric"]?.string }
  /// How the values of that metric are read.
  public var unit: ScoreUnit { ScoreUnit(of: metric ?? "") }
  /// A score of the metric that chooses: `best`, `best_dev`, `zero_shot` or `final`; nil where there is none.
  public func score(_ name: String) -> Double? { metric.flatMap { results["\(name)_\($0)"]?.double } }
  /// Whether it has come to an end that says something of its method.
  public var isFinished: Bool {
    switch state {
    case .complete, .cutShort: true
    case .interrupted, .unfinished, .missing, .failed: false
    }
  }

  /// How far it is, in a few words.
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

  /// Its rows; none where there is no file yet.
  func metrics() throws(InputError) -> [MetricsRow] {
    FileManager.default.fileExists(atPath: files.metrics) ? try Metrics.read(files.metrics) : []
  }
}
