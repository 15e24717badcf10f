import Foundation

/// The normal forms of scalars by the tables of Unicode 9, which are those of the reference library. A newer scalar
/// stays as it is and combines with nothing.
///
/// Source: Unicode Standard Annex 15, Unicode Normalization Forms.
struct NormalForms: Sendable {
  /// The canonical forms, and the compatibility forms.
  static let canonical = NormalForms { $0.decomposedStringWithCanonicalMapping }
  static let compatible = NormalForms { $0.decomposedStringWithCompatibilityMapping }

  /// For each scalar the number of its entry; 0 for a scalar that is inert: it neither changes nor joins another.
  private let entryNumbers: [UInt16]
  private var entries = [Entry()]
  /// The pairs of scalars that can be composed, and the result.
  private var compositions = NumberMap()

  struct Entry {
    /// The decomposition of the scalar; empty where it stays as it is.
    var decomposition: [Unicode.Scalar] = []
    /// The order of the scalar among marks; 0 where it is not a mark.
    var markClass: UInt8 = 0
    /// Whether it may combine with what stands before it, or begins with a mark that does.
    var joinsPrevious = false
  }

  /// The ranges that contain all scalars with an entry. All other scalars are inert, except for Hangul syllables, which
  /// are computed.
  private static let scanned = [
    0xA0..<0x3400, 0xA600..<0xAC00, 0xF900..<0x11E00, 0x16A00..<0x17000, 0x1BC00..<0x1BD00, 0x1D100..<0x1D800,
    0x1E000..<0x1F300, 0x2F800..<0x2FA20,
  ]

  private init(_ decompose: (String) -> String) {
    var numbers = [UInt16](repeating: 0, count: 0x30000)
    var pairs: [(pair: UInt64, whole: Unicode.Scalar)] = []
    for value in Self.scanned.joined() {
      guard let scalar = Unicode.Scalar(UInt32(value)), Self.isKnown(scalar) else { continue }
      let text = String(scalar)
      let decomposition = Array(decompose(text).unicodeScalars)
      var entry = Entry(markClass: Self.markClass(scalar))
      if decomposition != [scalar] {
        entry.decomposition = decomposition
        if let pair = Self.composingPair(text) { pairs.append((pair, scalar)) }
      }
      guard !entry.decomposition.isEmpty || entry.markClass != 0 else { continue }
      numbers[value] = UInt16(entries.count)
      entries.append(entry)
    }
    // The second part of a pair is usually a mark. Some are letters, which may then combine with what stands before
    // them.
    var seconds = Set(pairs.map { UInt32(truncatingIfNeeded: $0.pair) })
    seconds.formUnion(0x1161..<0x1176)
    seconds.formUnion(0x11A8..<0x11C3)
    for (pair, whole) in pairs { compositions.set(pair, UInt64(whole.value)) }
    for second in seconds where numbers[Int(second)] == 0 {
      numbers[Int(second)] = UInt16(entries.count)
      entries.append(Entry())
    }
    for (value, number) in numbers.enumerated() where number != 0 {
      let first = entries[Int(number)].decomposition.first ?? Unicode.Scalar(UInt32(value)) ?? "a"
      entries[Int(number)].joinsPrevious =
        Self.markClass(first) != 0 || seconds.contains(first.value)
        || entries[Int(number)].markClass != 0 || seconds.contains(UInt32(value))
    }
    entryNumbers = numbers
  }

  /// The two scalars that compose to the one of `text`; nil where there are none.
  private static func composingPair(_ text: String) -> UInt64? {
    // Composing them again has to give the same text, and the first part has to be one scalar.
    let parts = Array(text.decomposedStringWithCanonicalMapping.unicodeScalars)
    guard parts.count > 1, text.precomposedStringWithCanonicalMapping.unicodeScalars.elementsEqual(text.unicodeScalars)
    else { return nil }
    let rest = String(String.UnicodeScalarView(parts.dropLast())).precomposedStringWithCanonicalMapping.unicodeScalars
    guard rest.count == 1, let first = rest.first else { return nil }
    return UInt64(first.value) << 32 | UInt64(parts[parts.count - 1].value)
  }

  private static func isKnown(_ scalar: Unicode.Scalar) -> Bool {
    ScalarProperties.category(scalar, in: .unicode9) != .cn
  }

  private static func markClass(_ scalar: Unicode.Scalar) -> UInt8 {
    ScalarProperties.Category.marks.contains(ScalarProperties.category(scalar, in: .unicode9))
      ? scalar.properties.canonicalCombiningClass.rawValue : 0
  }

  /// The entry of a scalar; nil for one that is inert.
  @inline(__always)
  func entry(_ scalar: Unicode.Scalar) -> Entry? {
    guard scalar.value < 0x30000 else { return nil }
    let number = entryNumbers[Int(scalar.value)]
    return number == 0 ? nil : entries[Int(number)]
  }

  /// Whether a scalar is neither changed nor combined with what stands before it.
  @inline(__always)
  func isInert(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= 0x30000
      || (entryNumbers[Int(scalar.value)] == 0 && !(0xAC00..<0xD7A4).contains(scalar.value))
  }

  /// Whether a scalar may change because of what stands before it.
  @inline(__always)
  func joinsPrevious(_ scalar: Unicode.Scalar) -> Bool {
    guard scalar.value < 0x30000 else { return false }
    let number = entryNumbers[Int(scalar.value)]
    return number != 0 && entries[Int(number)].joinsPrevious
  }

  func markClass(_ scalar: Unicode.Scalar) -> UInt8 { entry(scalar)?.markClass ?? 0 }

  /// Appends the full decomposition of a scalar: its parts are decomposed too.
  func appendDecomposition(of scalar: Unicode.Scalar, onto scalars: inout [Unicode.Scalar]) {
    if (0xAC00..<0xD7A4).contains(scalar.value) {
      let index = scalar.value - 0xAC00
      let parts = [0x1100 + index / 588, 0x1161 + index % 588 / 28, 0x11A7 + index % 28]
      for value in index % 28 == 0 ? parts[..<2] : parts[...] {
        if let part = Unicode.Scalar(value) { scalars.append(part) }
      }
    } else if let entry = entry(scalar), !entry.decomposition.isEmpty {
      scalars += entry.decomposition
    } else {
      scalars.append(scalar)
    }
  }

  /// The composition of two scalars; nil where there is none.
  func composition(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    let (a, b) = (first.value, second.value)
    if (0x1100..<0x1113).contains(a), (0x1161..<0x1176).contains(b) {
      return Unicode.Scalar(0xAC00 + ((a - 0x1100) * 21 + b - 0x1161) * 28)
    }
    if (0xAC00..<0xD7A4).contains(a), (a - 0xAC00) % 28 == 0, (0x11A8..<0x11C3).contains(b) {
      return Unicode.Scalar(a + b - 0x11A7)
    }
    return compositions[UInt64(a) << 32 | UInt64(b)].flatMap { Unicode.Scalar(UInt32(truncatingIfNeeded: $0)) }
  }

  /// Whether a scalar is a combining mark in Unicode 9.
  static func isMark(_ scalar: Unicode.Scalar) -> Bool {
    // In Unicode 9 two signs were marks, and one present mark was not.
    switch scalar.value {
    case 0x1CF2, 0x1CF3: true
    case 0x111C9: false
    default: ScalarProperties.Category.marks.contains(ScalarProperties.category(scalar, in: .unicode9))
    }
  }
}
