import Zeroth

/// Sparse-MeZO (Liu et al. 2024): RGE restricted to the small weights.
///
///     m_i = 1 if |theta_i| <= h_l, else 0;   c = (L(theta + eps m z) - L(theta - eps m z)) / (2 eps);   g = c m z
///
/// h_l is the quantile of |theta| in block l that gives the mask the wanted density. The mask is computed again every
/// `interval` steps and stored in between, one bit for each parameter. It has to be stored because theta changes while
/// the update is applied: a comparison of weights at that time would not give the mask that was measured.
///
/// Cost: 2q forward passes, or q + 1 one-sided; d/32 stored words.
public struct SparseEstimator: GradientEstimator {
  /// Dense directions that are zero on all but the small weights.
  public typealias Direction = MaskedDirection

  /// The density in (0, 1]: the part of each block's parameters that is measured and moved.
  public let density: Double
  /// The interval, at least 1: the mask is computed again every `interval` steps.
  public let interval: Int
  /// eps > 0 over the steps: how far from theta a loss is measured, in units of the parameters.
  public var epsilon: Schedule
  /// q >= 1 over the steps: the number of directions of a step.
  public var queries: Schedule
  /// Whether losses are measured on both sides of theta or on one.
  public let sides: DifferenceSides
  /// The distribution of z.
  public let distribution: NoiseDistribution
  /// How the coefficients of a step are shaped.
  public let shaping: CoefficientShaping
  /// How the queries of a step become one estimate.
  public let combination: QueryCombination
  /// The mask of the last estimate.
  public private(set) var mask: SmallWeightMask?
  private var window = -1

  /// The range of `density`. It also has to leave at least one parameter in the mask.
  public static let densityRange = NumericRange.positiveFraction
  /// The range of `interval`.
  public static let intervalRange = NumericRange.atLeast(1)
  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat
  /// The range of `queries`.
  public static let queriesRange = NumericRange.between(1, 65535)

  /// Sparse-MeZO with these options; by default on a quarter of the weights.
  public init(
    density: Double = 0.25, interval: Int = 100, epsilon: Schedule = 1e-3, queries: Schedule = 1,
    sides: DifferenceSides = .two, distribution: NoiseDistribution = .gaussian, shaping: CoefficientShaping = .none,
    combination: QueryCombination = .mean
  ) {
    self.density = density
    self.interval = interval
    self.epsilon = epsilon
    self.queries = queries
    self.sides = sides
    self.distribution = distribution
    self.shaping = shaping
    self.combination = combination
  }

  /// Throws `InputError` when an option is out of range or the mask would be empty.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try Self.densityRange.require("density", density)
    try Self.intervalRange.require("interval", interval)
    try epsilon.validate("epsilon", Self.epsilonRange)
    try queries.validate("queries", Self.queriesRange, isCount: true)
    try shaping.validate(queries: queries, sides: sides)
    try combination.validate(queries: queries)
    guard layout.trainable.contains(where: { SmallWeightMask.count(in: $0, density: density) > 0 }) else {
      throw InputError(
        "density", found: "\(density)", expected: "enough for a parameter of the largest trainable block")
    }
  }

  /// The smallest q of any step.
  public var fewestQueries: Int { queries.fewest }

  /// 2q forward passes, or q + 1 where the queries are one-sided.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    sides.forwards(queries: queries.count(at: step))
  }

  /// Scales coordinates: the mean is m grad L, which is the gradient on the mask and zero elsewhere.
  public static let traits: EstimatorTraits = .scalesCoordinates

  /// One 32-bit word for 32 parameters.
  public var stateCount: Int { mask?.storedWords ?? 0 }

  /// Saves or restores the options, the mask and its window.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("density", density)
    try state.require("interval", interval)
    try state.require("sides", sides.rawValue)
    try state.require("shaping", "\(shaping)")
    try state.require("combination", combination.rawValue)
    try state.require("distribution", distribution.rawValue)
    try state.code("epsilon", &epsilon)
    try state.code("queries", &queries)
    try state.code("window", &window)
    guard try state.codePresence("mask", mask != nil) else {
      mask = nil
      return
    }
    var own = mask ?? SmallWeightMask()
    try own.code(state)
    mask = own
  }

  /// Computes the mask where a window begins, and measures along m z.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<MaskedDirection> {
    let mask = currentMask(theta, context.step)
    let directions = Few(count: queries.count(at: context.step)) { query in
      MaskedDirection(
        noise: DenseDirection(context.key.child(.query, query), distribution: distribution, layout: context.layout),
        mask: mask)
    }
    return try finiteDifferences(
      of: objective, at: theta, along: directions, on: context.batch, sides: sides,
      epsilon: epsilon(at: context.step), shaping: shaping, combination: combination)
  }

  private mutating func currentMask(_ theta: borrowing ParameterStore, _ step: Int) -> SmallWeightMask {
    if let mask, window == step / interval { return mask }
    let mask = SmallWeightMask(theta, density: density)
    self.mask = mask
    window = step / interval
    return mask
  }
}

/// The direction m z: noise on the parameters in a mask, zero on the others.
public struct MaskedDirection: Direction {
  let noise: DenseDirection
  let mask: SmallWeightMask

  /// Whether a parameter of `block` is in the mask.
  public func touches(_ block: ParameterBlock) -> Bool { mask.touches(block) }

  /// values += scale m z.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard touches(block) else { return }
    values.withUnsafeMutableBufferPointer { values in
      withScratch(values.count) { z in
        z.initialize(repeating: 0)
        var span = z.mutableSpan
        noise.write(to: &span, of: block, rows: rows)
        mask.add(
          UnsafeBufferPointer(z), to: values, of: block, from: rows.lowerBound * block.columns, scale: scale)
      }
    }
  }

  /// values = m z[rows].
  public func write(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>) {
    noise.write(to: &values, of: block, rows: rows)
    values.withUnsafeMutableBufferPointer { mask.keep($0, of: block, from: rows.lowerBound * block.columns) }
  }

  /// values = m z[rows, columns].
  public func write(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>
  ) {
    noise.write(to: &values, of: block, rows: rows, columns: columns)
    values.withUnsafeMutableBufferPointer { values in
      for (i, row) in rows.enumerated() {
        let part = UnsafeMutableBufferPointer(rebasing: values[(i * columns.count)..<((i + 1) * columns.count)])
        mask.keep(part, of: block, from: row * block.columns + columns.lowerBound)
      }
    }
  }
}
