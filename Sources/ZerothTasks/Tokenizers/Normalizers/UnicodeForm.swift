/// The normal forms of Unicode.
enum UnicodeForm: String, Normalizer {
  case NFC, NFD, NFKC, NFKD

  private var forms: NormalForms { self == .NFC || self == .NFD ? .canonical : .compatible }
  /// Reached by a musical note, which becomes three scalars, and by a ligature of three bytes, which becomes a phrase
  /// of 33.
  var growth: Int { self == .NFC || self == .NFD ? 3 : 11 }
  private var composes: Bool { self == .NFC || self == .NFKC }

  func append(_ text: [UInt8], _ range: Range<Int>, onto normalized: inout [UInt8]) {
    let forms = forms
    var scalars: [Unicode.Scalar] = []
    var index = range.lowerBound
    while index < range.upperBound {
      // The scalars from here to the next one that cannot change because of what stands before it.
      let start = index
      let first = Self.scalar(text, &index)
      var isInert = first.value < 0x80 || forms.isInert(first)
      let firstEnd = index
      while index < range.upperBound {
        var next = index
        let scalar = Self.scalar(text, &next)
        guard scalar.value >= 0x80, forms.joinsPrevious(scalar) else { break }
        isInert = false
        index = next
      }
      if isInert {
        normalized += text[start..<firstEnd]
        continue
      }
      scalars.removeAll(keepingCapacity: true)
      var place = start
      while place < index { forms.appendDecomposition(of: Self.scalar(text, &place), onto: &scalars) }
      Self.sortMarks(&scalars, forms)
      if composes { Self.compose(&scalars, forms) }
      for scalar in scalars { UTF8Scalars.append(scalar, onto: &normalized) }
    }
  }

  @inline(__always)
  private static func scalar(_ text: [UInt8], _ index: inout Int) -> Unicode.Scalar {
    if text[index] < 0x80 {
      index += 1
      return Unicode.Scalar(text[index - 1])
    }
    let (scalar, length) = UTF8Scalars.scalar(in: text, at: index)
    index += length
    return scalar
  }

  /// Sorts each run of marks by their class. Marks of equal class keep their order.
  private static func sortMarks(_ scalars: inout [Unicode.Scalar], _ forms: NormalForms) {
    var start = 0
    while start < scalars.count {
      guard forms.markClass(scalars[start]) != 0 else {
        start += 1
        continue
      }
      var end = start + 1
      while end < scalars.count, forms.markClass(scalars[end]) != 0 { end += 1 }
      if end - start > 1 {
        let sorted = scalars[start..<end].enumerated().sorted { first, second in
          let (a, b) = (forms.markClass(first.element), forms.markClass(second.element))
          return a != b ? a < b : first.offset < second.offset
        }
        scalars.replaceSubrange(start..<end, with: sorted.map(\.element))
      }
      start = end
    }
  }

  /// Composes each starter with the scalars that follow it and are not blocked.
  private static func compose(_ scalars: inout [Unicode.Scalar], _ forms: NormalForms) {
    var kept = 0
    var starter = -1
    var lastClass: UInt8 = 0
    for index in scalars.indices {
      let scalar = scalars[index]
      let markClass = forms.markClass(scalar)
      let isBlocked = starter < kept - 1 && (lastClass == 0 || lastClass >= markClass)
      if starter >= 0, !isBlocked, let whole = forms.composition(scalars[starter], scalar) {
        scalars[starter] = whole
        continue
      }
      if markClass == 0 { starter = kept }
      lastClass = markClass
      scalars[kept] = scalar
      kept += 1
    }
    scalars.removeLast(scalars.count - kept)
  }
}
