import ZerothSupport

/// A regular expression as a deterministic automaton. It finds what a backtracking matcher would find, in time linear
/// in the text.
///
/// A state is a list of places in the expression, ordered by preference according to Perl's rules. Places that are less
/// preferred than a match are removed from it. All states are made in advance. Conditions on a neighbouring scalar cost
/// nothing: a step knows the scalar that comes next, and a state knows the one before, where the expression asks for
/// it.
///
/// Source: Cox 2010, Regular Expression Matching in the Wild; Reps 1998, "Maximal-Munch" Tokenization in Linear Time.
struct PatternAutomaton: Sendable {
  /// The class of each scalar. Scalars that no set of the expression distinguishes are in one class.
  private let classes: ScalarTable
  /// For each state and class: the next state times two, plus one where a match ends before the scalar. The class after
  /// the last one stands for the end of the text.
  private let steps: [UInt16]
  private let classCount: Int
  /// The start state for each class of the scalar before; the last one is for the start of the text. There is only one
  /// start state where the expression does not look back.
  private let starts: [UInt16]

  /// - Parameters:
  ///   - pattern: the expression as it was written, for the errors.
  ///   - subject: the file and field that hold it.
  /// - Throws: `InputError` for an expression that matches the empty text, and for one that is too large.
  init(_ node: PatternNode, pattern: String, subject: String) throws(InputError) {
    guard !node.matchesNothing else {
      throw InputError(
        subject, found: "the pattern '\(pattern.excerpt)', which matches the empty text",
        expected: "a pattern that takes at least one character")
    }
    var builder = PatternBuilder(node)
    let automaton = builder.automaton()
    if let refusal = builder.refusal {
      throw InputError(
        subject, found: "the pattern '\(pattern.excerpt)', with \(refusal)", expected: "a plainer pattern")
    }
    classes = builder.classes
    classCount = builder.classCount
    (steps, starts) = automaton
  }

  /// An expression that is part of this project.
  init(builtIn node: PatternNode) {
    do {
      try self.init(node, pattern: "", subject: "")
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// Reads the expression `pattern`, which is given in the field `subject`.
  init(_ pattern: String, subject: String) throws(InputError) {
    try self.init(try PatternParser.parse(pattern, subject: subject), pattern: pattern, subject: subject)
  }

  /// Calls `body` with each match in `text[range]`, from left to right.
  func forEachMatch(in text: [UInt8], _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    text.withUnsafeBufferPointer { text in
      steps.withUnsafeBufferPointer { steps in
        classes.values.withUnsafeBufferPointer { values in
          classes.pages.withUnsafeBufferPointer { pages in
            var scan = Scan(
              text: text, steps: steps, values: values, pages: pages, stride: classCount + 1, end: range.upperBound)
            var start = range.lowerBound
            var before = classCount
            while start < range.upperBound {
              let state = starts.count == 1 ? starts[0] : starts[before]
              let end = scan.matchEnd(from: start, state: Int(state))
              if let end { body(start..<end) }
              let next = end ?? start + UTF8Scalars.length(text[start])
              if starts.count > 1 { before = scan.classBefore(next) }
              start = next
            }
          }
        }
      }
    }
  }

  /// A walk over a text.
  private struct Scan {
    let text: UnsafeBufferPointer<UInt8>
    let steps: UnsafeBufferPointer<UInt16>
    let values: UnsafeBufferPointer<UInt8>
    let pages: UnsafeBufferPointer<UInt32>
    let stride: Int
    let end: Int
    /// The pairs of a state and a place in the text from which no match was found. A walk that looks far beyond the
    /// last match stops at such a pair, so the time of all walks together stays linear.
    var hopeless: Set<UInt64> = []
    /// The number of bytes beyond the last match after which states are remembered.
    static let patience = 64

    /// The end of the preferred match that starts at `start`; nil where there is none.
    @inline(__always)
    mutating func matchEnd(from start: Int, state: Int) -> Int? {
      var state = state
      var index = start
      var match = -1
      while true {
        let atEnd = index >= end
        let (kind, length) = atEnd ? (stride - 1, 0) : kind(at: index)
        let step = Int(steps[state * stride + kind])
        if step & 1 != 0 { match = index }
        state = step >> 1
        if state == 0 || atEnd { break }
        index += length
        if index - max(match, start) > Self.patience {
          return walkOn(from: index, state, after: match, start)
        }
      }
      return match < 0 ? nil : match
    }

    /// Continues a walk that has come far without a match.
    @inline(never)
    private mutating func walkOn(from index: Int, _ state: Int, after match: Int, _ start: Int) -> Int? {
      var (index, state, match) = (index, state, match)
      var passed: [UInt64] = []
      var block = -1
      while true {
        // Once in a number of bytes, at the same places in every walk.
        if index >> 4 != block {
          block = index >> 4
          let isFirst = index == 0 || UTF8Scalars.start(before: index, in: text) >> 4 != block
          let place = UInt64(index) << 16 | UInt64(state)
          if isFirst {
            if hopeless.contains(place) { break }
            passed.append(place)
          }
        }
        let atEnd = index >= end
        let (kind, length) = atEnd ? (stride - 1, 0) : kind(at: index)
        let step = Int(steps[state * stride + kind])
        if step & 1 != 0 {
          match = index
          passed.removeAll(keepingCapacity: true)
        }
        state = step >> 1
        if state == 0 || atEnd { break }
        index += length
      }
      hopeless.formUnion(passed)
      return match < 0 ? nil : match
    }

    @inline(__always)
    private func kind(at index: Int) -> (kind: Int, length: Int) {
      let byte = text[index]
      if byte < 0x80 { return (Int(values[Int(byte)]), 1) }
      let (scalar, length) = UTF8Scalars.scalar(in: text, at: index)
      return (Int(values[Int(pages[Int(scalar.value >> 8)] + (scalar.value & 0xFF))]), length)
    }

    func classBefore(_ index: Int) -> Int { kind(at: UTF8Scalars.start(before: index, in: text)).kind }
  }
}
