/// The merges of byte-pair encoding: which two neighbouring symbols become one, and in which order.
///
/// The symbols of a text are merged until no merge applies: the merge of the best rank first, and among equals the
/// leftmost. Beforehand the text is cut between symbols that no merge can ever join, which does not change the result.
/// So a long text without words costs no more than its words would. In a stretch that is still long, the symbols form a
/// linked list and the possible merges a heap, and n symbols cost O(n log n).
struct PairMerges: Sendable {
  /// A part of the text: its symbol, which is negative where nothing can be merged with it, and where the part starts.
  struct Symbol {
    var id: Int32
    var start: Int32
  }

  /// Memory that is used again by the next call.
  struct Scratch {
    fileprivate var merges: [UInt64] = []
    fileprivate var previous: [Int32] = []
    fileprivate var next: [Int32] = []
    fileprivate var heap = MergeHeap()
  }

  /// The rank of the merge of each pair of symbols, and the symbol that it makes.
  private var merges: NumberMap
  /// The pairs of scalars, as symbols, at whose boundary some merge can join two symbols.
  private var joints: NumberMap

  init(capacity: Int) {
    merges = NumberMap(capacity: capacity)
    joints = NumberMap()
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// Adds the merge of `left` and `right` to `merged`. Lower ranks come first. A pair that is given again replaces the
  /// earlier merge.
  ///
  /// - Parameter joint: the symbols of the scalars at the boundary: the last one of `left`, and the first one of
  ///   `right`.
  mutating func add(_ left: Int, _ right: Int, into merged: Int, rank: Int, joint: (Int32, Int32)) {
    let value = UInt64(UInt32(truncatingIfNeeded: rank)) << 32 | UInt64(UInt32(truncatingIfNeeded: merged))
    merges.set(Self.key(Int32(truncatingIfNeeded: left), Int32(truncatingIfNeeded: right)), value)
    joints.set(Self.key(joint.0, joint.1), 0)
  }

  /// Merges `symbols` in place as far as possible.
  func apply(to symbols: inout [Symbol], _ scratch: inout Scratch) {
    var kept = 0
    var start = 0
    let count = symbols.count
    for index in 1..<max(1, count + 1) {
      let goesOn =
        index < count && symbols[index].id >= 0 && symbols[index - 1].id >= 0
        && joints[Self.key(symbols[index - 1].id, symbols[index].id)] != nil
      if goesOn { continue }
      if index - start > 1 {
        kept =
          index - start > 40
          ? mergeLong(&symbols, start..<index, to: kept, &scratch)
          : mergeShort(&symbols, start..<index, to: kept, &scratch)
      } else if index > start {
        symbols[kept] = symbols[start]
        kept += 1
      }
      start = index
    }
    symbols.removeLast(count - kept)
  }

  /// Merges a short stretch by searching for its best pair again and again. The result is written to `kept` and up;
  /// returns its end.
  private func mergeShort(
    _ symbols: inout [Symbol], _ range: Range<Int>, to kept: Int, _ scratch: inout Scratch
  ) -> Int {
    var count = range.count
    let first = range.lowerBound
    scratch.merges.removeAll(keepingCapacity: true)
    for index in first..<first + count - 1 { scratch.merges.append(merge(symbols[index].id, symbols[index + 1].id)) }
    symbols.withUnsafeMutableBufferPointer { symbols in
      scratch.merges.withUnsafeMutableBufferPointer { merges in
        while count > 1 {
          var best = 0
          for index in 1..<max(1, count - 1) where merges[index] >> 32 < merges[best] >> 32 { best = index }
          let found = merges[best]
          if found == .max { break }
          symbols[first + best].id = Int32(truncatingIfNeeded: found)
          count -= 1
          for index in best + 1..<max(best + 1, count) { symbols[first + index] = symbols[first + index + 1] }
          for index in best..<max(best, count - 1) { merges[index] = merges[index + 1] }
          if best > 0 { merges[best - 1] = merge(symbols[first + best - 1].id, symbols[first + best].id) }
          if best < count - 1 { merges[best] = merge(symbols[first + best].id, symbols[first + best + 1].id) }
        }
        for index in 0..<count { symbols[kept + index] = symbols[first + index] }
      }
    }
    return kept + count
  }

  @inline(__always)
  private func merge(_ left: Int32, _ right: Int32) -> UInt64 { merges[Self.key(left, right)] ?? .max }

  /// Merges a long stretch with a heap of possible merges. The result is written to `kept` and up; returns its end.
  private func mergeLong(
    _ symbols: inout [Symbol], _ range: Range<Int>, to kept: Int, _ scratch: inout Scratch
  ) -> Int {
    let first = range.lowerBound
    let count = range.count
    scratch.previous = (0..<Int32(count)).map { $0 - 1 }
    scratch.next = (0..<Int32(count)).map { $0 + 1 < count ? $0 + 1 : -1 }
    for left in 0..<count - 1 { push(symbols, first, left, left + 1, onto: &scratch.heap) }
    while let best = scratch.heap.popMin() {
      let left = best.left
      let right = Int(scratch.next[left])
      // An entry is out of date where one of its symbols has changed since.
      guard right >= 0, symbols[first + left].start >= 0,
        Self.key(symbols[first + left].id, symbols[first + right].id) == best.pair
      else { continue }
      symbols[first + left].id = best.id
      symbols[first + right].start = -1
      let next = Int(scratch.next[right])
      scratch.next[left] = Int32(next)
      if next >= 0 {
        scratch.previous[next] = Int32(left)
        push(symbols, first, left, next, onto: &scratch.heap)
      }
      let previous = Int(scratch.previous[left])
      if previous >= 0 { push(symbols, first, previous, left, onto: &scratch.heap) }
    }
    var kept = kept
    for index in range where symbols[index].start >= 0 {
      symbols[kept] = symbols[index]
      kept += 1
    }
    return kept
  }

  @inline(__always)
  private func push(_ symbols: [Symbol], _ first: Int, _ left: Int, _ right: Int, onto heap: inout MergeHeap) {
    let pair = Self.key(symbols[first + left].id, symbols[first + right].id)
    guard let merge = merges[pair] else { return }
    heap.push(.init(order: (merge >> 32) << 32 | UInt64(left), pair: pair, id: Int32(truncatingIfNeeded: merge)))
  }
}

/// A binary heap of possible merges, ordered by rank and then by position.
private struct MergeHeap {
  struct Candidate {
    var order: UInt64
    var pair: UInt64
    var id: Int32
    var left: Int { Int(order & 0xFFFF_FFFF) }
  }

  private var items: [Candidate] = []

  mutating func push(_ item: Candidate) {
    items.append(item)
    var child = items.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard items[child].order < items[parent].order else { return }
      items.swapAt(child, parent)
      child = parent
    }
  }

  mutating func popMin() -> Candidate? {
    guard let last = items.popLast() else { return nil }
    guard let least = items.first else { return last }
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < items.count else { break }
      if child + 1 < items.count, items[child + 1].order < items[child].order { child += 1 }
      guard items[child].order < last.order else { break }
      items[parent] = items[child]
      parent = child
    }
    items[parent] = last
    return least
  }
}
