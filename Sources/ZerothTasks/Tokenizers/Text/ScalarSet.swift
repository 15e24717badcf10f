/// A set of Unicode scalars, stored as sorted ranges that do not touch.
struct ScalarSet: Sendable, Hashable {
  /// One more than the last scalar.
  static let end: UInt32 = 0x110000

  private(set) var ranges: [Range<UInt32>] = []

  static let all = ScalarSet([0..<end])

  /// The set of the scalars in `ranges`, given in any order.
  init(_ ranges: [Range<UInt32>]) {
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if let last = self.ranges.last, range.lowerBound <= last.upperBound {
        self.ranges[self.ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        self.ranges.append(range)
      }
    }
  }

  /// The set of `scalars`.
  init(_ scalars: some Sequence<Unicode.Scalar>) {
    self.init(scalars.map { $0.value..<$0.value + 1 })
  }

  var isEmpty: Bool { ranges.isEmpty }

  var inverted: ScalarSet {
    var others: [Range<UInt32>] = []
    var start: UInt32 = 0
    for range in ranges {
      others.append(start..<range.lowerBound)
      start = range.upperBound
    }
    return ScalarSet(others + [start..<Self.end])
  }

  func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

  func intersection(_ other: ScalarSet) -> ScalarSet { inverted.union(other.inverted).inverted }

  func subtracting(_ other: ScalarSet) -> ScalarSet { intersection(other.inverted) }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound <= scalar.value { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].contains(scalar.value)
  }
}

/// A table with a number below 256 for each Unicode scalar, which is found by two look-ups.
struct ScalarTable: Sendable {
  /// The numbers for ASCII, followed by those of the pages.
  private(set) var values = [UInt8](repeating: 0, count: 128)
  /// The offset in `values` of each page of 256 scalars. Equal pages are stored once.
  private(set) var pages: [UInt32] = []

  /// The table in which all scalars of a range have the value of the range. The ranges cover all scalars, in order.
  init(_ ranges: [(range: Range<UInt32>, value: UInt8)]) {
    var flat = [UInt8](repeating: 0, count: Int(ScalarSet.end))
    for (range, value) in ranges where value != 0 {
      for index in range { flat[Int(index)] = value }
    }
    values.replaceSubrange(0..<128, with: flat[0..<128])
    var known: [ArraySlice<UInt8>: UInt32] = [:]
    for start in stride(from: 0, to: flat.count, by: 256) {
      let page = flat[start..<start + 256]
      if let same = known[page] {
        pages.append(same)
      } else {
        known[page] = UInt32(values.count)
        pages.append(UInt32(values.count))
        values += page
      }
    }
  }

  subscript(scalar: Unicode.Scalar) -> UInt8 {
    scalar.value < 128
      ? values[Int(scalar.value)] : values[Int(pages[Int(scalar.value >> 8)] + (scalar.value & 0xFF))]
  }
}
