import ZerothSupport

/// A table of results in two forms: rounded for people, and exact for programs.
public struct ResultTable: Sendable {
  /// The form for people.
  public let table: Table
  /// The form for programs: an object for each row, with every number in full.
  public let rows: [JSON]

  /// The table as JSON.
  public var json: JSON { .array(rows) }

  /// The plain values of all rows as comma-separated lines, after a line with their names. The name of a value in an
  /// inner object consists of both keys, as in `test_mean`.
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
  /// The mean and the standard deviation as a text, `71.9 ± 1.9`. Shares are in percent.
  func text(_ unit: ScoreUnit) -> String {
    guard !values.isEmpty else { return "-" }
    func text(_ value: Double) -> String { Human.fixed(unit.scale * value, unit == .share ? 1 : 3) }
    return text(mean) + (standardDeviation.map { " ± " + text($0) } ?? "")
  }

  /// The mean of differences and its interval as a text, `+0.4 [-2.7, +3.5]`. Differences of shares are in percentage
  /// points.
  func difference(_ unit: ScoreUnit) -> String {
    guard !values.isEmpty else { return "-" }
    func signed(_ value: Double) -> String {
      (value >= 0 ? "+" : "") + Human.fixed(unit.scale * value, unit == .share ? 1 : 3)
    }
    return signed(mean) + (halfInterval.map { " [\(signed(mean - $0)), \(signed(mean + $0))]" } ?? "")
  }

  /// The mean, the standard deviation and the single numbers.
  var json: JSON {
    guard !values.isEmpty else { return .null }
    var members = [JSON.Member("mean", .double(mean))]
    if let standardDeviation { members.append(.init("sd", .double(standardDeviation))) }
    return .object(members + [.init("values", .array(values.map { .double($0) }))])
  }
}
