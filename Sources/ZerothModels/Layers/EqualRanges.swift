/// Ranges of one size that cover a whole, the last perhaps smaller: the pieces of a loop, without an array of them.
///
/// The whole may be some groups of the same length, one behind the other; a piece then lies in one group.
struct Pieces: RandomAccessCollection {
  private let start: Int
  private let groups: Int
  private let length: Int
  private let size: Int

  init(_ whole: Range<Int>, by size: Int) {
    self.init(from: whole.lowerBound, groups: 1, of: whole.count, by: size)
  }

  init(from start: Int = 0, groups: Int, of length: Int, by size: Int) {
    self.start = start
    self.groups = groups
    self.length = length
    self.size = Swift.max(1, size)
  }

  /// Pieces of a group.
  var countInGroup: Int { (length + size - 1) / size }

  var startIndex: Int { 0 }
  var endIndex: Int { groups * countInGroup }

  subscript(i: Int) -> Range<Int> {
    let (group, piece) = i.quotientAndRemainder(dividingBy: countInGroup)
    let end = Swift.min((piece + 1) * size, length)
    return (start + group * length + piece * size)..<(start + group * length + end)
  }
}
