/// The properties of scalars, by the tables of the Unicode version of a reference library.
///
/// The libraries with which the tokenizers were made use different versions of Unicode. A scalar that is newer than
/// their tables is unassigned to them. So every function here is given a version.
enum ScalarProperties {
  /// A version of Unicode that a reference library uses.
  enum Version: UInt8 {
    /// Used for the classes of BERT's parts and of `Punctuation`.
    case unicode8
    /// Used for the normal forms.
    case unicode9
    /// Used for regular expressions.
    case unicode16
  }

  /// The general categories, by the two letters that the standard gives them.
  enum Category: UInt8, CaseIterable {
    case cn, cc, cf, co, cs, lu, ll, lt, lm, lo, mn, mc, me, nd, nl, no
    case pc, pd, ps, pe, pi, pf, po, sm, sc, sk, so, zs, zl, zp

    static let letters: Set<Category> = [.lu, .ll, .lt, .lm, .lo]
    static let marks: Set<Category> = [.mn, .mc, .me]
    static let numbers: Set<Category> = [.nd, .nl, .no]
    static let punctuation: Set<Category> = [.pc, .pd, .ps, .pe, .pi, .pf, .po]
    static let symbols: Set<Category> = [.sm, .sc, .sk, .so]
    static let separators: Set<Category> = [.zs, .zl, .zp]
    static let others: Set<Category> = [.cc, .cf, .cs, .co, .cn]
  }

  /// The category of `scalar`; that of an unassigned scalar where it is newer than `version`.
  static func category(_ scalar: Unicode.Scalar, in version: Version) -> Category {
    if version == .unicode8, let old = changedSince8[scalar.value] { return old }
    let entry = entries[Int(scalar.value)]
    return entry >> 5 > version.rawValue ? .cn : Category(rawValue: entry & 0x1F) ?? .cn
  }

  /// The scalars of `categories` in `version`.
  static func scalars(_ categories: Set<Category>, in version: Version) -> ScalarSet {
    var isMember = [Bool](repeating: false, count: 256)
    for newness in UInt8(0)..<4 {
      for category in Category.allCases where categories.contains(newness > version.rawValue ? .cn : category) {
        isMember[Int(newness << 5 | category.rawValue)] = true
      }
    }
    var ranges: [Range<UInt32>] = []
    var start: Int?
    for (value, entry) in entries.enumerated() where isMember[Int(entry)] != (start != nil) {
      if let begun = start { ranges.append(UInt32(begun)..<UInt32(value)) }
      start = start == nil ? value : nil
    }
    if let start { ranges.append(UInt32(start)..<ScalarSet.end) }
    guard version == .unicode8 else { return ScalarSet(ranges) }
    let changed = ScalarSet(changedSince8.keys.map { $0..<$0 + 1 })
    let members = changedSince8.filter { categories.contains($0.value) }.keys.map { $0..<$0 + 1 }
    return ScalarSet(ranges).subtracting(changed).union(ScalarSet(members))
  }

  /// White space, the same in all versions.
  static let whiteSpace = ScalarSet([
    0x09..<0x0E, 0x20..<0x21, 0x85..<0x86, 0xA0..<0xA1, 0x1680..<0x1681, 0x2000..<0x200B, 0x2028..<0x202A,
    0x202F..<0x2030, 0x205F..<0x2060, 0x3000..<0x3001,
  ])

  static func isWhiteSpace(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  /// Scalars that had another category in Unicode 8.
  private static let changedSince8: [UInt32: Category] = [
    0x166D: .po, 0x111C9: .po, 0x1734: .mn, 0x1171E: .mn, 0x1885: .lo, 0x1886: .lo, 0xA9BD: .mc,
  ]

  /// For each scalar, its category in the low five bits, and above them its age: 0 for Unicode 8 and older, 1 for 9, 2
  /// for up to 16, 3 for newer.
  private static let entries: [UInt8] = {
    var entries = [UInt8](repeating: Category.cn.rawValue, count: Int(ScalarSet.end))
    func fill(_ range: Range<Int>) {
      guard let first = Unicode.Scalar(UInt32(range.lowerBound)) else { return }
      let entry = entry(of: first)
      for value in range { entries[value] = entry }
    }
    // Reading a property takes as long as filling a hundred entries. So in ranges whose scalars are all alike, it is
    // read only once.
    let alike = [
      0x3400..<0x4DB0, 0x4E00..<0x9FA0, 0xAC00..<0xD7A0, 0xE000..<0xF900, 0x20000..<0x2A6D0, 0x2A700..<0x2B730,
      0x2B740..<0x2B810, 0x2B820..<0x2CEA0, 0x2CEB0..<0x2EBE0, 0x30000..<0x31340, 0x31350..<0x323A0, 0x323B0..<0x33470,
      0xF0000..<0xFFFFE, 0x100000..<0x10FFFE,
    ]
    for range in alike { fill(range) }
    var value = 0
    for range in alike + [entries.count..<entries.count] {
      // In no version is there a character between the last one of plane 3 and plane 14, or in the rest of plane 14.
      for value in value..<range.lowerBound where value < 0x34000 || (0xE0000..<0xE0200).contains(value) {
        if let scalar = Unicode.Scalar(UInt32(value)) { entries[value] = entry(of: scalar) }
      }
      value = range.upperBound
    }
    return entries
  }()

  private static func entry(of scalar: Unicode.Scalar) -> UInt8 {
    // One letter has had no case since Unicode 17.
    let category = scalar.value == 0x295 ? .ll : category(scalar.properties.generalCategory)
    let newness: UInt8 =
      switch scalar.properties.age?.major {
      case nil: 0
      case .some(..<9): 0
      case 9: 1
      case .some(..<17): 2
      default: 3
      }
    return newness << 5 | category.rawValue
  }

  private static func category(_ category: Unicode.GeneralCategory) -> Category {
    switch category {
    case .uppercaseLetter: .lu
    case .lowercaseLetter: .ll
    case .titlecaseLetter: .lt
    case .modifierLetter: .lm
    case .otherLetter: .lo
    case .nonspacingMark: .mn
    case .spacingMark: .mc
    case .enclosingMark: .me
    case .decimalNumber: .nd
    case .letterNumber: .nl
    case .otherNumber: .no
    case .connectorPunctuation: .pc
    case .dashPunctuation: .pd
    case .openPunctuation: .ps
    case .closePunctuation: .pe
    case .initialPunctuation: .pi
    case .finalPunctuation: .pf
    case .otherPunctuation: .po
    case .mathSymbol: .sm
    case .currencySymbol: .sc
    case .modifierSymbol: .sk
    case .otherSymbol: .so
    case .spaceSeparator: .zs
    case .lineSeparator: .zl
    case .paragraphSeparator: .zp
    case .control: .cc
    case .format: .cf
    case .surrogate: .cs
    case .privateUse: .co
    case .unassigned: .cn
    @unknown default: .cn
    }
  }
}
