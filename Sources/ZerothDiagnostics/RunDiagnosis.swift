import ZerothRecords
import ZerothSupport

/// What can be asked about a run.
public enum DiagnosisPart: String, CaseIterable, Sendable {
  /// Estimates against the exact gradient, and what their error is made of.
  case estimates
  /// The error of a finite difference over epsilon.
  case epsilon
  /// The error of an average over its number of directions.
  case queries
  /// How far blocks have moved, and what it brought.
  case layers
  /// The ratios of a projection.
  case ratios
  /// Singular values of the gradient.
  case rank

  /// What it is, in a few words.
  public var summary: String {
    switch self {
    case .estimates: "estimates against the exact gradient"
    case .epsilon: "the error over epsilon"
    case .queries: "the error over the number of directions"
    case .layers: "how far blocks have moved, and what it brought"
    case .ratios: "the ratios of a projection"
    case .rank: "singular values of the gradient"
    }
  }
}

/// What was found at one point of a run; nil for what was not asked or is not there.
public struct PointDiagnosis: Sendable {
  /// Steps done before.
  public let step: Int
  /// The worth of its estimates.
  public var estimates: MetricsRow.Diagnosis?
  /// Their error over epsilon.
  public var epsilon: EpsilonCurve?
  /// Their error over the number of directions.
  public var queries: QueryCurve?
  /// How far blocks have moved.
  public var movement: MovementPoint?
  /// What a projection finds.
  public var ratios: RatioStudy?
  /// The rank of gradients.
  public var spectra: [Spectrum]?

  /// Nothing yet of the point after `step` steps.
  public init(step: Int) { self.step = step }

  /// All that was found, as JSON.
  public var json: JSON {
    let parts: [(String, JSON?)] = [
      ("estimates", estimates?.json), ("epsilon", epsilon?.json), ("queries", queries?.json),
      ("layers", movement?.json), ("ratios", ratios?.json),
      ("rank", spectra.map { .object($0.map { .init($0.name, $0.json) }) }),
    ]
    return .object(
      [.init("step", .int(step))] + parts.compactMap { name, json in json.map { .init(name, $0) } })
  }

  /// All that was found, as tables.
  public var text: String {
    [estimates?.text, epsilon?.text, queries?.text, movement?.text, ratios?.text, spectra?.text]
      .compactMap(\.self).joined(separator: "\n")
  }
}

/// What was found in a run.
public struct RunDiagnosis: Sendable {
  /// The run's name.
  public let name: String
  /// The points that were looked at, by their steps.
  public let points: [PointDiagnosis]
  /// What is to be known beside the numbers.
  public let notes: [String]

  /// `points` of the run `name`.
  public init(name: String, points: [PointDiagnosis], notes: [String]) {
    self.name = name
    self.points = points
    self.notes = notes
  }

  /// All points as JSON.
  public var json: JSON {
    [
      "run": .string(name), "notes": .array(notes.map { .string($0) }), "points": .array(points.map(\.json)),
    ]
  }

  /// All points as tables.
  public var text: String {
    points.map { point in
      let title = "\(name), after \(point.step) steps"
      return "\(title)\n\(String(repeating: "=", count: title.count))\n\n\(point.text)"
    }.joined(separator: "\n") + notes.map { "\n\($0)\n" }.joined()
  }
}
