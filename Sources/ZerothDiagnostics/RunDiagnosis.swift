import ZerothRecords
import ZerothSupport

/// The parts of a diagnosis of a run.
public enum DiagnosisPart: String, CaseIterable, Sendable {
  /// Estimates compared with the exact gradient, and the parts of their error.
  case estimates
  /// The error of a finite difference as a function of epsilon.
  case epsilon
  /// The error of an average as a function of its number of directions.
  case queries
  /// How far blocks have moved, and how much this lowered the loss.
  case layers
  /// The ratios of a projection.
  case ratios
  /// The singular values of the gradient.
  case rank

  /// The part in a few words.
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

/// The results for one point of a run. A part is nil where it was not asked for or does not exist.
public struct PointDiagnosis: Sendable {
  /// The number of steps done before.
  public let step: Int
  /// The quality of the estimates.
  public var estimates: MetricsRow.Diagnosis?
  /// The error of finite differences as a function of epsilon.
  public var epsilon: EpsilonCurve?
  /// The error of averages as a function of the number of directions.
  public var queries: QueryCurve?
  /// How far blocks have moved.
  public var movement: MovementPoint?
  /// The ratios that a projection finds.
  public var ratios: RatioStudy?
  /// The singular values of gradients.
  public var spectra: [Spectrum]?

  /// The point after `step` steps, without results yet.
  public init(step: Int) { self.step = step }

  /// All results as JSON.
  public var json: JSON {
    let parts: [(String, JSON?)] = [
      ("estimates", estimates?.json), ("epsilon", epsilon?.json), ("queries", queries?.json),
      ("layers", movement?.json), ("ratios", ratios?.json),
      ("rank", spectra.map { .object($0.map { .init($0.name, $0.json) }) }),
    ]
    return .object(
      [.init("step", .int(step))] + parts.compactMap { name, json in json.map { .init(name, $0) } })
  }

  /// All results as tables.
  public var text: String {
    [estimates?.text, epsilon?.text, queries?.text, movement?.text, ratios?.text, spectra?.text]
      .compactMap(\.self).joined(separator: "\n")
  }
}

/// The diagnosis of a run.
public struct RunDiagnosis: Sendable {
  /// The name of the run.
  public let name: String
  /// The points that were examined, in the order of their steps.
  public let points: [PointDiagnosis]
  /// Sentences that belong to the numbers.
  public let notes: [String]

  /// The diagnosis of the run `name` with these points.
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
