import ZerothSupport

/// A figure of a report: charts of the same thing, of which the reader chooses one.
struct Figure: Sendable {
  /// The figures that there may be.
  public enum Kind: String, CaseIterable, Sendable {
    case loss, score, tried, distance, ratio
  }

  /// Something that the reader chooses.
  struct Choice: Sendable {
    let title: String
    let options: [String]
  }

  let kind: Kind
  /// A name of its own in a page.
  let id: String
  /// What it shows and how it was made, in sentences.
  let caption: String
  let choices: [Choice]
  /// A chart for each combination of options, by their indices.
  let charts: [(picks: [Int], chart: Chart)]
  /// The numbers behind it.
  let table: Table

  /// The chart that is shown first.
  var first: Chart { charts[0].chart }
}

extension Array where Element: Hashable {
  /// The elements, each once, in their order.
  var unique: [Element] {
    var known: Set<Element> = []
    return filter { known.insert($0).inserted }
  }
}
