/// How the coefficients c_1 ... c_q of a step are changed before they are multiplied with their directions.
///
///     none:           s_i = c_i
///     z-score:        s_i = (c_i - mean) / deviation        both over the population, of N members; the deviation with 1/N
///     centred-ranks:  s_i = rank(c_i) / (N - 1) - 1/2       rank 0 to N - 1 in the population (Salimans et al. 2017)
///     sign:           s_i = sign(c_i)                       sign(0) = 0
///     clip:           s_i = min(max(c_i, -limit), limit)
///
/// With one-sided queries the population is c_1 ... c_q. Two-sided queries are antithetic pairs: a query has c along z,
/// and so -c along -z, and both are members of the population. Then N = 2q, the mean is 0, and one pair is enough for a
/// population. Equal coefficients share the mean of their ranks. Where all members are equal, s_i = 0.
///
/// A shaping does not depend on the estimator. A shaped coefficient is no longer the slope along z, so the mean of the
/// estimates is no longer the gradient. For Gaussian directions it is a multiple of the gradient; for others it is
/// biased.
public enum CoefficientShaping: Sendable, Hashable {
  case none, zScore, centredRanks, sign
  /// No coefficient exceeds this limit in absolute value. The limit is in the units of a projected gradient.
  case clip(Double)

  /// The names of the shapings in configurations.
  public enum Word: String, CaseIterable, Sendable {
    case none
    case zScore = "z-score"
    case centredRanks = "centred-ranks"
    case sign, clip
  }

  /// The range of the limit of `clip`.
  public static let limitRange = NumericRange.positive

  /// The shaping called `word`. `limit` is used by `clip` only.
  public init(_ word: Word, limit: Double) {
    switch word {
    case .none: self = .none
    case .zScore: self = .zScore
    case .centredRanks: self = .centredRanks
    case .sign: self = .sign
    case .clip: self = .clip(limit)
    }
  }

  /// The name of the shaping.
  public var word: Word {
    switch self {
    case .none: .none
    case .zScore: .zScore
    case .centredRanks: .centredRanks
    case .sign: .sign
    case .clip: .clip
    }
  }

  /// Throws `InputError` when the limit is out of range, or when the population has a single member.
  public func validate(queries: Schedule, sides: DifferenceSides) throws(InputError) {
    switch self {
    case .none, .sign: break
    case .clip(let limit): try Self.limitRange.require("clip-limit", limit)
    case .zScore, .centredRanks:
      guard sides == .two || queries.fewest > 1 else {
        throw InputError(
          "shaping", found: "\(word.rawValue) of one one-sided query",
          expected: "at least 2 queries, or two-sided ones: a coefficient alone has nothing to be compared with")
      }
    }
  }

  /// The shaped coefficients s_1 ... s_q of `c`, whose queries were measured on `sides`. NaN stays NaN.
  public func callAsFunction(_ c: Few<Double>, sides: DifferenceSides) -> Few<Double> {
    switch self {
    case .none: return c
    case .sign: return c.map { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 }
    case .clip(let limit): return c.map { $0 > limit ? limit : $0 < -limit ? -limit : $0 }
    case .zScore:
      let mean = sides == .two ? 0 : c.reduce(0, +) / Double(c.count)
      let deviation = (c.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(c.count)).squareRoot()
      // For equal coefficients the deviation is not exactly 0, because their mean is rounded.
      let rounding = 1e-14 * c.reduce(0) { max($0, abs($1)) }
      return c.map { deviation <= rounding ? 0 : ($0 - mean) / deviation }
    case .centredRanks:
      guard c.allSatisfy({ !$0.isNaN }) else { return c.map { _ in .nan } }
      let members = (sides == .two ? Array(c) + c.map { -$0 } : Array(c)).sorted()
      return c.map { members.count > 1 ? members.meanRank(of: $0) / Double(members.count - 1) - 0.5 : 0 }
    }
  }
}

extension [Double] {
  /// The mean of the positions that `value` has in this array, which is sorted.
  fileprivate func meanRank(of value: Double) -> Double {
    func place(_ isBefore: (Double) -> Bool) -> Int {
      var (low, high) = (0, count)
      while low < high {
        let middle = (low + high) / 2
        if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
      }
      return low
    }
    return Double(place { $0 < value } + place { $0 <= value } - 1) / 2
  }
}
