import ZerothSupport

/// A table of results: rounded for people, exact for programs.
public struct ResultTable: Sendable {
  /// For people.
  public let table: Table
  /// For programs: an object for each row, with every number in full.
  public let rows: [JSON]

  /// The table as JSON.
  public var json: JSON { .array(rows) }

  /// The plain values of all rows in comma-separated lines, after a line of their names; those of an object inside are named
  /// by both keys, as in `test_mean`.
  public var csv: String {
    let rows = rows.map { Self.plain($0, "") }
    var known: Set<String> = []
    let keys = rows.flatMap { $0 }.map(\.key).filter { known.insert($0).inserted }
    return Table.csv(
      [keys] + rows.map { row in keys.map { key in row.first { $0.key == key }?.text ?? "" } })
  }

  private static func plain(_ json: JSON, _ prefix: String) -> [(key: String, text: String)] {
    (json.members ?? []).flatMap { member -> [(key: String, text: String)] in
      switch member.value {
      case .null, .array: []
      case .string(let text): [(prefix + member.key, text)]
      case .object: plain(member.value, prefix + member.key + "_")
      case .bool, .number: [(prefix + member.key, "\(member.value)")]
      }
    }
  }
}

extension Sample {
  /// `71.9 ± 1.9`: mean and standard deviation, of shares in percent.
  func text(_ unit: ScoreUnit) -> String {
    guard !values.isEmpty else { return "-" }
    func text(_ value: Double) -> String { Human.fixed(unit.scale * value, unit == .share ? 1 : 3) }
    return text(mean) + (standardDeviation.map { " ± " + text($0) } ?? "")
  }

  /// `+0.4 [-2.7, +3.5]`: mean of differences and its interval, of shares in points of a percent.
  func difference(_ unit: ScoreUnit) -> String {
    guard !values.isEmpty else { return "-" }
    func signed(_ value: Double) -> String {
      (value >= 0 ? "+" : "") + Human.fixed(unit.scale * value, unit == .share ? 1 : 3)
    }
    return signed(mean) + (halfInterval.map { " [\(signed(mean - $0)), \(signed(mean + $0))]" } ?? "")
  }

  /// Mean, standard deviation and the numbers.
  var json: JSON {
    guard !values.isEmpty else { return .null }
    var members = [JSON.Member("mean", .double(mean))]
    if let standardDeviation { members.append(.init("sd", .double(standardDeviation))) }
    return .object(members + [.init("values", .array(values.map { .double($0) }))])
  }
}
