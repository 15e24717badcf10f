/// The sets of scalars that a regular expression can name, as in Oniguruma with Unicode 16.
enum PatternSets {
  private typealias Category = ScalarProperties.Category

  private static func of(_ categories: Set<Category>) -> ScalarSet {
    ScalarProperties.scalars(categories, in: .unicode16)
  }

  /// `\w` in a set: the word characters that also count next to added tokens, without joiners.
  private static let word = AddedTokenSplitter.wordScalars.subtracting(ScalarSet([0x200C..<0x200E]))
  /// `\w` outside a set, which contains all numbers of Latin-1 too.
  static let bareWord = word.union(ScalarSet([0xB2..<0xB4, 0xB9..<0xBA, 0xBC..<0xBF]))
  private static let digit = of([.nd])

  /// The set, or the one scalar, for which a backslash and `scalar` stand; nil for anything else.
  static func escaped(_ scalar: Unicode.Scalar) -> ScalarSet? {
    switch scalar {
    case "s": ScalarProperties.whiteSpace
    case "S": ScalarProperties.whiteSpace.inverted
    case "d": digit
    case "D": digit.inverted
    case "w": word
    case "W": word.inverted
    case "h": hexadecimalDigit
    case "H": hexadecimalDigit.inverted
    case "n": ScalarSet(["\n"])
    case "r": ScalarSet(["\r"])
    case "t": ScalarSet(["\t"])
    case "f": ScalarSet(["\u{0C}"])
    case "v": ScalarSet(["\u{0B}"])
    case "a": ScalarSet(["\u{07}"])
    case "e": ScalarSet(["\u{1B}"])
    default: nil
    }
  }

  private static let hexadecimalDigit = ScalarSet([0x30..<0x3A, 0x41..<0x47, 0x61..<0x67])

  /// The property called `name`: a general category, by its letters or in full, or one of a few others.
  static func property(_ name: String) -> ScalarSet? {
    let key = String(name.lowercased().filter { $0 != "_" && $0 != " " && $0 != "-" })
    if let categories = groups[key] { return of(categories) }
    if key.utf8.count == 2, let category = Category.allCases.first(where: { "\($0)" == key }) { return of([category]) }
    return posix(key)
  }

  private static let groups: [String: Set<Category>] = [
    "l": Category.letters, "letter": Category.letters, "m": Category.marks, "mark": Category.marks,
    "n": Category.numbers, "number": Category.numbers, "p": Category.punctuation, "punctuation": Category.punctuation,
    "s": Category.symbols, "symbol": Category.symbols, "z": Category.separators, "separator": Category.separators,
    "c": Category.others, "other": Category.others, "uppercaseletter": [.lu], "lowercaseletter": [.ll],
    "titlecaseletter": [.lt], "modifierletter": [.lm], "otherletter": [.lo], "nonspacingmark": [.mn],
    "spacingmark": [.mc], "enclosingmark": [.me], "decimalnumber": [.nd], "letternumber": [.nl], "othernumber": [.no],
    "mathsymbol": [.sm], "currencysymbol": [.sc], "modifiersymbol": [.sk], "othersymbol": [.so],
    "spaceseparator": [.zs], "lineseparator": [.zl], "paragraphseparator": [.zp], "control": [.cc], "format": [.cf],
    "privateuse": [.co], "unassigned": [.cn],
  ]

  /// The class called `name` in brackets and colons, such as `[:digit:]`.
  static func posix(_ name: String) -> ScalarSet? {
    switch name {
    case "digit": digit
    case "space": ScalarProperties.whiteSpace
    case "word": word
    case "xdigit": hexadecimalDigit
    case "punct": of(Category.punctuation.union(Category.symbols))
    case "cntrl": of([.cc])
    case "ascii": ScalarSet([0..<0x80])
    case "any": .all
    default: nil
    }
  }

  /// `set` together with the scalars that differ from its scalars only in case.
  static func caseFolded(_ set: ScalarSet) -> ScalarSet {
    var others: [Unicode.Scalar] = []
    for (folded, scalars) in folds where set.contains(folded) || scalars.contains(where: set.contains) {
      others += [folded] + scalars
    }
    return set.union(ScalarSet(others))
  }

  /// Whether a scalar becomes several in another case, as ß becomes SS. The library would match these too.
  static func hasLongFold(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.uppercaseMapping.unicodeScalars.count > 1
      || scalar.properties.lowercaseMapping.unicodeScalars.count > 1
  }

  /// Scalars by the one to which they fold, which is the lower case of their upper case. A scalar that folds to several
  /// is not included.
  private static let folds: [Unicode.Scalar: [Unicode.Scalar]] = {
    func single(_ text: String) -> Unicode.Scalar? {
      text.unicodeScalars.count == 1 ? text.unicodeScalars.first : nil
    }
    var folds: [Unicode.Scalar: [Unicode.Scalar]] = [:]
    // Letters with case, and the other categories in which some have case: numerals, circled letters, a combining iota.
    let cased = ScalarProperties.scalars([.lu, .ll, .lt, .lo, .nl, .so, .mn], in: .unicode16)
    for value in cased.ranges.joined() where value < 0x1F000 {
      guard let scalar = Unicode.Scalar(value), scalar.properties.changesWhenCaseFolded || scalar.properties.isCased,
        let upper = single(scalar.properties.uppercaseMapping), let folded = single(upper.properties.lowercaseMapping),
        folded != scalar
      else { continue }
      folds[folded, default: []].append(scalar)
    }
    return folds
  }()
}
