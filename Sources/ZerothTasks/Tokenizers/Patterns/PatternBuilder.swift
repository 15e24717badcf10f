/// Makes the automaton of a regular expression.
struct PatternBuilder {
  /// The numbers of places in the expression, states and classes are limited, so that a malicious file cannot take much
  /// time or memory. The patterns of known tokenizers have about 100, 60 and 20.
  static let maximumPlaces = 2000
  static let maximumStates = 2000
  static let maximumClasses = 250
  /// The limit for the total number of visits of parts of the expression and places of states.
  private static let maximumWork = 4_000_000

  /// A place in the expression that a match may have reached.
  private enum Place {
    case scalar(set: Int, next: Int)
    case fork(preferred: Int, other: Int)
    case context(Int, next: Int)
    case match
  }

  /// A state: its places in order, and the class of the scalar before where conditions look back.
  private struct State: Hashable {
    var places: [Int]
    var before: Int
  }

  private var places: [Place] = [.match]
  private var sets: [ScalarSet] = []
  private var setNumbers: [ScalarSet: Int] = [:]
  private var contexts: [PatternContext] = []
  private var start = 0
  /// The reason why there is no automaton, in words; nil where there is one.
  private(set) var refusal: String?
  private var work = 0

  private(set) var classes = ScalarTable([])
  private(set) var classCount = 1
  /// For each set, whether it contains the scalars of each class.
  private var members: [[Bool]] = []
  private var looksBack: Bool { contexts.contains { !$0.isAhead } }

  init(_ node: PatternNode) {
    start = add(node, next: 0)
    if refusal == nil { makeClasses() }
  }

  // MARK: Places

  private mutating func countWork() {
    work += 1
    if work > Self.maximumWork { refusal = "too much in it for its automaton" }
  }

  private mutating func number(of set: ScalarSet) -> Int {
    if let number = setNumbers[set] { return number }
    setNumbers[set] = sets.count
    sets.append(set)
    return sets.count - 1
  }

  private mutating func append(_ place: Place) -> Int {
    guard places.count < Self.maximumPlaces else {
      refusal = "more than \(Self.maximumPlaces) places"
      return 0
    }
    places.append(place)
    return places.count - 1
  }

  /// The place where `node` begins. After the node, the match continues at `next`.
  private mutating func add(_ node: PatternNode, next: Int) -> Int {
    countWork()
    guard refusal == nil else { return 0 }
    switch node {
    case .empty: return next
    case .scalar(let set): return append(.scalar(set: number(of: set), next: next))
    case .sequence(let parts): return parts.reversed().reduce(next) { add($1, next: $0) }
    case .alternatives(let branches):
      var place = add(branches[branches.count - 1], next: next)
      for branch in branches.dropLast().reversed() {
        let preferred = add(branch, next: next)
        place = append(.fork(preferred: preferred, other: place))
      }
      return place
    case .context(let context):
      _ = number(of: context.set)
      contexts.append(context)
      return append(.context(contexts.count - 1, next: next))
    case .repeated(let part, let minimum, let maximum, let eagerness):
      // A possessive repetition gives nothing back. Giving something back could only help where what follows may begin
      // with it. Where it cannot, the repetition is the same as a greedy one.
      if eagerness == .possessive {
        guard case .scalar(let set) = part, firstScalars(from: next).intersection(set).isEmpty else {
          refusal = "a possessive repetition that what follows may begin like"
          return 0
        }
      }
      func fork(_ body: Int, _ rest: Int) -> Place {
        eagerness == .lazy ? .fork(preferred: rest, other: body) : .fork(preferred: body, other: rest)
      }
      var place = next
      if let maximum {
        for _ in minimum..<max(minimum, maximum) {
          let body = add(part, next: place)
          place = append(fork(body, next))
        }
      } else {
        let loop = append(.match)
        guard refusal == nil else { return 0 }
        let body = add(part, next: loop)
        places[loop] = fork(body, next)
        place = loop
      }
      for _ in 0..<minimum { place = add(part, next: place) }
      return place
    }
  }

  /// The scalars that can come next at a place.
  private func firstScalars(from place: Int) -> ScalarSet {
    var seen: Set<Int> = []
    var open = [place]
    var first = ScalarSet([])
    while let place = open.popLast() {
      guard seen.insert(place).inserted else { continue }
      switch places[place] {
      case .scalar(let set, _): first = first.union(sets[set])
      case .fork(let preferred, let other): open += [preferred, other]
      case .context(_, let next): open.append(next)
      case .match: break
      }
    }
    return first
  }

  // MARK: Classes

  /// Divides all scalars into classes that no set distinguishes.
  private mutating func makeClasses() {
    var changes: [(at: UInt32, set: Int)] = []
    for (number, set) in sets.enumerated() {
      for range in set.ranges { changes += [(range.lowerBound, number), (range.upperBound, number)] }
    }
    changes.sort { $0.at < $1.at }
    var membership = [Bool](repeating: false, count: sets.count)
    var numbers: [[Bool]: UInt8] = [:]
    var ranges: [(range: Range<UInt32>, value: UInt8)] = []
    var start: UInt32 = 0
    for (at, set) in changes + [(ScalarSet.end, -1)] {
      if at > start {
        if numbers[membership] == nil {
          guard numbers.count < Self.maximumClasses else {
            refusal = "more than \(Self.maximumClasses) kinds of characters"
            return
          }
          numbers[membership] = UInt8(numbers.count)
        }
        ranges.append((start..<at, numbers[membership] ?? 0))
        start = at
      }
      if set >= 0 { membership[set].toggle() }
    }
    classes = ScalarTable(ranges)
    classCount = numbers.count
    members = sets.indices.map { set in
      var has = [Bool](repeating: false, count: classCount)
      for (membership, number) in numbers { has[Int(number)] = membership[set] }
      return has
    }
  }

  // MARK: States

  /// The steps of all states, the first of which leads nowhere, and the start states. Both are empty where the
  /// expression is refused.
  mutating func automaton() -> (steps: [UInt16], starts: [UInt16]) {
    guard refusal == nil else { return ([], []) }
    let dead = State(places: [], before: -1)
    var states = [dead]
    var numbers = [dead: 0]
    func number(of state: State) -> Int {
      if state.places.isEmpty { return 0 }
      if let number = numbers[state] { return number }
      numbers[state] = states.count
      states.append(state)
      return states.count - 1
    }
    let starts = (looksBack ? Array(0...classCount) : [-1]).map {
      UInt16(number(of: State(places: [start], before: $0)))
    }
    var steps: [UInt16] = []
    var seen = [Int](repeating: -1, count: places.count)
    var stamp = 0
    var current = 0
    while current < states.count {
      for kind in 0...classCount {
        let (next, matches) = step(from: states[current], over: kind, &seen, &stamp)
        steps.append(UInt16(number(of: next) << 1 | (matches ? 1 : 0)))
        if states.count > Self.maximumStates { refusal = "more than \(Self.maximumStates) states" }
        guard refusal == nil else { return ([], []) }
      }
      current += 1
    }
    return (steps, starts)
  }

  /// The state after a scalar of the class `kind`, and whether a match ends in front of the scalar.
  private mutating func step(
    from state: State, over kind: Int, _ seen: inout [Int], _ stamp: inout Int
  ) -> (State, matches: Bool) {
    stamp += 2
    var next = State(places: [], before: looksBack && kind < classCount ? kind : -1)
    var open = Array(state.places.reversed())
    while let place = open.popLast() {
      countWork()
      // A place that is reached twice keeps its more preferred position.
      guard seen[place] < stamp else { continue }
      seen[place] = stamp
      switch places[place] {
      case .match: return (next, true)
      case .fork(let preferred, let other): open += [other, preferred]
      case .context(let number, let following):
        if holds(contexts[number], before: state.before, next: kind) { open.append(following) }
      case .scalar(let set, let following):
        if kind < classCount, members[set][kind], !next.places.contains(following) { next.places.append(following) }
      }
    }
    return (next, false)
  }

  private func holds(_ context: PatternContext, before: Int, next: Int) -> Bool {
    let kind = context.isAhead ? next : before
    guard kind >= 0, kind < classCount, let set = setNumbers[context.set] else { return context.holdsAtEdge }
    return members[set][kind]
  }
}
