/// Ranges of one size that cover a whole range; the last may be smaller. They are for loops that are cut into pieces.
/// No array is made.
///
/// The whole may be several runs of the same length, one behind the other, such as the rows of several variants. Then
/// no range reaches from one run into the next.
struct EqualRanges: RandomAccessCollection {
  private let start: Int
  private let runs: Int
  private let length: Int
  private let size: Int

  /// Ranges of `size` that cover `whole`.
  init(_ whole: Range<Int>, by size: Int) {
    self.init(from: whole.lowerBound, runs: 1, of: whole.count, by: size)
  }

  /// Ranges of `size` that cover `runs` runs of `length` each.
  init(runs: Int, of length: Int, by size: Int) { self.init(from: 0, runs: runs, of: length, by: size) }

  private init(from start: Int, runs: Int, of length: Int, by size: Int) {
    self.start = start
    self.runs = runs
    self.length = length
    self.size = Swift.max(1, size)
  }

  /// The number of ranges in a run.
  var countInRun: Int { (length + size - 1) / size }

  var startIndex: Int { 0 }
  var endIndex: Int { runs * countInRun }

  subscript(i: Int) -> Range<Int> {
    let (run, place) = i.quotientAndRemainder(dividingBy: countInRun)
    let end = Swift.min((place + 1) * size, length)
    return (start + run * length + place * size)..<(start + run * length + end)
  }
}
