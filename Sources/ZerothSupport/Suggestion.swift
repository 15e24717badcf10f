/// Guesses which known name an unknown name was meant to be.
public enum Suggestion {
  /// The text `perhaps 'rank', one of rank, interval`, for the part `expected` of an error.
  public static func expected(for name: String, among known: [String]) -> String {
    guard !known.isEmpty else { return "none" }
    let list = "one of \(known.joined(separator: ", "))"
    return nearest(to: name, among: known).map { "perhaps '\($0)', \(list)" } ?? list
  }

  /// The known name with the fewest edits from `name`; nil where these are too many for its length.
  public static func nearest(to name: String, among known: [String]) -> String? {
    let distances = known.map { ($0, distance(Array(name.utf8.prefix(64)), Array($0.utf8.prefix(64)))) }
    guard let best = distances.min(by: { $0.1 < $1.1 }), best.1 <= max(1, name.utf8.count / 3) else { return nil }
    return best.0
  }

  /// The number of edits: letters that were inserted, removed, replaced, or swapped with the next one.
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    // rows[i][j] is the distance between the first i letters of a and the first j of b.
    var rows = (0...a.count).map { i in (0...b.count).map { j in i == 0 ? j : i } }
    for i in a.indices {
      for j in b.indices {
        var edits = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i + 1][j] + 1, rows[i][j + 1] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { edits = min(edits, rows[i - 1][j - 1] + 1) }
        rows[i + 1][j + 1] = edits
      }
    }
    return rows[a.count][b.count]
  }
}
