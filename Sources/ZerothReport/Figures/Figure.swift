import ZerothSupport

/// A figure of a report. It consists of several charts of the same quantity, and the reader chooses one.
struct Figure: Sendable {
  /// The kinds of figures.
  public enum Kind: String, CaseIterable, Sendable {
    case loss, score, tried, distance, ratio
  }

  /// A choice of the reader between several options.
  struct Choice: Sendable {
    let title: String
    let options: [String]
  }

  let kind: Kind
  /// The unique name of the figure in a page.
  let id: String
  /// What the figure shows and how it was made, in sentences.
  let caption: String
  let choices: [Choice]
  /// A chart for each combination of the options, given by their indices.
  let charts: [(picks: [Int], chart: Chart)]
  /// The numbers in the figure.
  let table: Table

  /// The chart that is shown first.
  var first: Chart { charts[0].chart }
}

extension Array where Element: Hashable {
  /// The elements, each once, in order.
  var unique: [Element] {
    var known: Set<Element> = []
    return filter { known.insert($0).inserted }
  }
}
