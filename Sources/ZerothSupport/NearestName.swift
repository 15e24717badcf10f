/// What an unknown name was probably meant to be.
public enum Suggestion {
  /// `'rank' (perhaps meant), or one of ...` for errors.
  public static func expected(for name: String, among known: [String]) -> String {
    guard !known.isEmpty else { return "none" }
    let list = "one of \(known.joined(separator: ", "))"
    return nearest(to: name, among: known).map { "perhaps '\($0)', \(list)" } ?? list
  }

  /// The known name with the fewest edits from `name`, if they are few for its length.
  public static func nearest(to name: String, among known: [String]) -> String? {
    let distances = known.map { ($0, distance(Array(name.utf8.prefix(64)), Array($0.utf8.prefix(64)))) }
    guard let best = distances.min(by: { $0.1 < $1.1 }), best.1 <= max(1, name.utf8.count / 3) else { return nil }
    return best.0
  }

  /// Levenshtein's edit distance.
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for i in a.indices {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
      }
    }
    return row[b.count]
  }
}
