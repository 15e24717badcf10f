/// The merges of byte-pair encoding: which two neighbouring symbols become one, and in which order.
///
/// A text's symbols are merged best rank first, leftmost first among equals, until no merge applies. Symbols form a
/// linked list and candidates a heap, so n symbols cost O(n log n) however long the word is.
struct PairMerges: Sendable {
  /// A stretch of the text: its symbol id, where it starts, and its neighbours (-1: none).
  struct Symbol {
    var id: Int32
    var start: Int32
    fileprivate var previous: Int32 = -1
    fileprivate var next: Int32 = -1

    init(id: Int, start: Int) {
      self.id = Int32(truncatingIfNeeded: id)
      self.start = Int32(truncatingIfNeeded: start)
    }
  }

  private struct Merge {
    var rank: UInt32
    var id: Int32
  }

  /// A merge that may be made; stale once either symbol has changed.
  private struct Candidate {
    var order: UInt64
    var pair: UInt64
    var id: Int32
    var left: Int { Int(order & 0xFFFF_FFFF) }
  }

  private var merges: [UInt64: Merge] = [:]

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// Lets `left` and `right` become `merged`; lower ranks go first, and a pair given again replaces the earlier one.
  mutating func add(_ left: Int, _ right: Int, into merged: Int, rank: Int) {
    merges[Self.key(Int32(truncatingIfNeeded: left), Int32(truncatingIfNeeded: right))] =
      Merge(rank: UInt32(truncatingIfNeeded: rank), id: Int32(truncatingIfNeeded: merged))
  }

  /// Merges `symbols` in place as far as they go. A symbol without a token has a negative id and merges with nothing.
  func apply(to symbols: inout [Symbol]) {
    guard symbols.count > 1 else { return }
    for index in symbols.indices {
      symbols[index].previous = Int32(index) - 1
      symbols[index].next = index + 1 < symbols.count ? Int32(index) + 1 : -1
    }
    var heap = MinHeap()
    for left in 0..<symbols.count - 1 {
      push(symbols, left, left + 1, onto: &heap)
    }
    var removed = 0
    while let best = heap.popMin() {
      let left = best.left
      let right = Int(symbols[left].next)
      guard right >= 0, symbols[left].start >= 0, Self.key(symbols[left].id, symbols[right].id) == best.pair else {
        continue
      }
      symbols[left].id = best.id
      symbols[right].start = -1
      removed += 1
      let next = Int(symbols[right].next)
      symbols[left].next = Int32(next)
      if next >= 0 {
        symbols[next].previous = Int32(left)
        push(symbols, left, next, onto: &heap)
      }
      let previous = Int(symbols[left].previous)
      if previous >= 0 { push(symbols, previous, left, onto: &heap) }
    }
    if removed > 0 { symbols.removeAll { $0.start < 0 } }
  }

  @inline(__always)
  private func push(_ symbols: [Symbol], _ left: Int, _ right: Int, onto heap: inout MinHeap) {
    let pair = Self.key(symbols[left].id, symbols[right].id)
    guard let merge = merges[pair] else { return }
    heap.push(Candidate(order: UInt64(merge.rank) << 32 | UInt64(left), pair: pair, id: merge.id))
  }

  /// A binary heap of candidates by rank, then by position.
  private struct MinHeap {
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
}
