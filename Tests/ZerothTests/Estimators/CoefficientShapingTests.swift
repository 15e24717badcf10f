import Testing
import Zeroth
import ZerothTestKit

/// Shapes of coefficients by their formulas, and that what they are made of says so. Five steps of each against numpy are in
/// `GoldenTrajectoryTests`.
@Suite struct CoefficientShapingTests {
  private func shaped(_ shape: CoefficientShaping, _ c: Few<Double>, _ sides: DifferenceSides = .one) -> [Double] {
    Array(shape(c, sides: sides))
  }

  @Test func zScores() {
    // Of 1, 2, 6: mean 3, deviation sqrt((4 + 1 + 9) / 3).
    let deviation = (14.0 / 3).squareRoot()
    for (found, c) in zip(shaped(.zScore, [1, 2, 6]), [1.0, 2, 6]) { #expect(abs(found - (c - 3) / deviation) < 1e-15) }
    // Pairs have the mean 0: the deviation of 3, -3, 4, -4 is sqrt(25 / 2).
    for (found, c) in zip(shaped(.zScore, [3, -4], .two), [3.0, -4]) {
      #expect(abs(found - c / 12.5.squareRoot()) < 1e-15)
    }
    // One pair is a sign; a rescaled loss is the same step.
    #expect(shaped(.zScore, [-0.1], .two) == [-1])
    #expect(shaped(.zScore, [2, 4, 12], .two) == shaped(.zScore, [1, 2, 6], .two))
  }

  @Test func centredRanks() {
    #expect(shaped(.centredRanks, [10, -3, 4]) == [0.5, -0.5, 0])
    // The members of the pairs are -10, -4, -3, 3, 4, 10: ranks 5, 2 and 4 of 0 to 5.
    let ranks = zip(shaped(.centredRanks, [10, -3, 4], .two), [5.0, 2, 4])
    for (found, rank) in ranks { #expect(abs(found - (rank / 5 - 0.5)) < 1e-15) }
    // Equal ones share a rank: 0, then (1 + 2) / 2, of 0 to 2.
    #expect(shaped(.centredRanks, [7, 1, 7]) == [0.25, -0.5, 0.25])
    #expect(shaped(.centredRanks, [-1e-9], .two) == [-0.5])
  }

  @Test func signsAndLimits() {
    #expect(shaped(.sign, [1e-300, -7, 0]) == [1, -1, 0])
    #expect(shaped(.clip(2), [1.5, -7, 2.5]) == [1.5, -2, 2])
    #expect(shaped(.none, [1.5, -7]) == [1.5, -7])
  }

  /// Where nothing tells members apart no step is made of rounding, and no NaN is hidden.
  @Test func equalAndMissing() {
    for shape: CoefficientShaping in [.zScore, .centredRanks] {
      for sides in DifferenceSides.allCases { #expect(shaped(shape, [0, 0, 0], sides) == [0, 0, 0]) }
      #expect(shaped(shape, [0.1, 0.1, 0.1]) == [0, 0, 0])
      #expect(shaped(shape, [1]) == [0])
    }
    for shape: CoefficientShaping in [.none, .zScore, .centredRanks, .sign, .clip(1)] {
      for sides in DifferenceSides.allCases { #expect(shaped(shape, [.nan, 1, 2], sides)[0].isNaN, "\(shape)") }
    }
  }

  @Test func words() {
    for word in CoefficientShaping.Word.allCases { #expect(CoefficientShaping(word, limit: 3).word == word) }
    #expect(CoefficientShaping(.clip, limit: 3) == .clip(3))
  }

  /// Slopes and coordinates are shaped as two-sided queries are: their signs, and nothing else, make these steps.
  @Test func slopesAndCoordinates() throws {
    let quadratic = Quadratic()
    let theta = quadratic.start()
    let context = StepContext(step: 0, runKey: StreamKey(seed: 3), layout: .small)
    let gradient = quadratic.gradient(at: theta, on: Batch(step: 0))
    var cge = CoordinateEstimator(shaping: .sign)
    let signs: [Double] = cge.estimate(at: theta, context: context, objective: quadratic).flattened(in: .small)
    #expect(signs == gradient.map { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 })
    try checkEstimatorLaws(of: CoordinateEstimator(shaping: .sign), traits: .scalesCoordinates, seeds: 40)
    var random = CoordinateEstimator(.random(5), shaping: .zScore)
    let scores: [Double] = random.estimate(at: theta, context: context, objective: quadratic).flattened(in: .small)
    // The mean square of a z-score is 1, and each of five of the 62 coordinates stands for 62/5.
    #expect(abs(dot(scores, scores) - 5 * (62.0 / 5) * (62.0 / 5)) < 1e-3)

    for combination in QueryCombination.allCases {
      var forward = ForwardGradient(queries: 3, shaping: .sign, combination: combination)
      let estimate = try forward.estimate(at: theta, context: context, objective: quadratic)
      #expect(estimate.coefficients.allSatisfy { abs($0) == 1 })
      if combination == .sum { #expect(estimate.terms.allSatisfy { abs($0.coefficient) == 1 }) }
      if combination == .mean { #expect(estimate.terms.allSatisfy { abs(abs($0.coefficient) - 1.0 / 3) < 1e-15 }) }
      var lowRank = LowRankForwardGradient(queries: 3, shaping: .clip(1e-3), combination: combination)
      let clipped = try lowRank.estimate(at: theta, context: context, objective: quadratic)
      #expect(clipped.coefficients.allSatisfy { abs($0) <= 1e-3 })
    }
    try checkEstimatorLaws(
      of: ForwardGradient(queries: 2, shaping: .zScore), traits: .proportional, seeds: 2000)
    #expect(throws: InputError.self) { try ForwardGradient(shaping: .clip(0)).validate(.small) }
    #expect(throws: InputError.self) { try CoordinateEstimator(shaping: .clip(-1)).validate(.small) }
  }

  /// The sum is q times the mean; least squares is g with z_i . g = c_i, and no longer than it has to be.
  @Test func combinations() throws {
    let quadratic = Quadratic()
    let theta = quadratic.start()
    let context = StepContext(step: 0, runKey: StreamKey(seed: 3), layout: .small)
    func estimate(_ combination: QueryCombination) -> GradientEstimate<DenseDirection> {
      var rge = RandomizedEstimator(queries: 5, combination: combination)
      return rge.estimate(at: theta, context: context, objective: quadratic)
    }
    let (mean, sum, fitted) = (estimate(.mean), estimate(.sum), estimate(.leastSquares))
    for i in mean.terms.indices {
      #expect(abs(sum.terms[i].coefficient - 5 * mean.terms[i].coefficient) < 1e-12 * abs(sum.terms[i].coefficient))
      #expect(mean.coefficients[i] == sum.terms[i].coefficient)
    }
    #expect(mean.projectedGradient == fitted.projectedGradient)
    let g: [Double] = fitted.flattened(in: .small)
    for (term, c) in zip(fitted.terms, fitted.coefficients) {
      let z = term.direction.flattened(in: .small).map(Double.init)
      // Directions are single: 62 products of about 1, each rounded to 6e-8.
      #expect(abs(dot(z, g) - c) < 1e-5 * abs(c) + 1e-5)
    }
    let full = quadratic.gradient(at: theta, on: Batch(step: 0))
    #expect(norm(g) < norm(full))
  }

  /// With as many directions as parameters the part in their span is all of the gradient.
  @Test func leastSquaresOfAllDirectionsIsTheGradient() throws {
    let layout = ParameterLayout.made([.init("w", rows: 2, columns: 3), .init("b", rows: 2)])
    let quadratic = Quadratic(layout)
    let theta = quadratic.start()
    let context = StepContext(step: 0, runKey: StreamKey(seed: 4), layout: layout)
    let full = quadratic.gradient(at: theta, on: Batch(step: 0))
    var rge = RandomizedEstimator(epsilon: 1e-2, queries: 8, combination: .leastSquares)
    let g: [Double] = rge.estimate(at: theta, context: context, objective: quadratic).flattened(in: layout)
    // The error of c is that of theta's rounding over eps, 1e-5; Z may stretch it a hundred times.
    for (found, wanted) in zip(g, full) { #expect(abs(found - wanted) < 1e-3 * norm(full)) }
    var repeated = RandomizedEstimator(queries: 20, combination: .leastSquares)
    #expect(repeated.estimate(at: theta, context: context, objective: quadratic).isFinite)
  }

  @Test func wrongOptions() throws {
    for limit in [0, -1, .nan, .infinity] {
      #expect(throws: InputError.self) { try RandomizedEstimator(shaping: .clip(limit)).validate(.small) }
    }
    for shape: CoefficientShaping in [.zScore, .centredRanks] {
      #expect(throws: InputError.self) { try RandomizedEstimator(sides: .one, shaping: shape).validate(.small) }
      #expect(throws: InputError.self) { try LowRankEstimator(sides: .one, shaping: shape).validate(.small) }
      let falling = Schedule(8, .linear, steps: 10, final: 0.1)
      #expect(throws: InputError.self) {
        try RandomizedEstimator(queries: falling, sides: .one, shaping: shape).validate(.small)
      }
      try RandomizedEstimator(queries: 2, sides: .one, shaping: shape).validate(.small)
      try RandomizedEstimator(shaping: shape).validate(.small)
    }
    let error = #expect(throws: InputError.self) {
      try RandomizedEstimator(queries: 257, combination: .leastSquares).validate(.small)
    }
    #expect(error?.description == "queries with least-squares: found 257, expected 1 to 256")
  }

  @Test func fewestQueries() {
    #expect(RandomizedEstimator(queries: 4).fewestQueries == 4)
    #expect(Schedule(8, .linear, steps: 10, final: 0.25).fewest == 2)
    #expect(Schedule(8, warmup: 4).fewest == 2)
    #expect(Schedule(8, .steps, drops: [.init(at: 5, by: 0.5), .init(at: 9, by: 0.25)]).fewest == 1)
    #expect(Schedule(8, .inverseSquareRoot).fewest == 1)
    #expect(CoordinateEstimator().fewestQueries == 1)
  }

  // MARK: - Laws

  private static let shapes: [CoefficientShaping] = [.zScore, .centredRanks, .sign, .clip(2)]

  /// The sum over i of s(c_i) z_i along Gaussian z, c = g . z: across g the z are independent of c, so that the mean is along g.
  /// One-sided z-scores and ranks compare a coefficient with others, which are independent of its z too.
  @Test(arguments: shapes, DifferenceSides.allCases)
  fileprivate func gaussianShapesAreProportional(_ shape: CoefficientShaping, _ sides: DifferenceSides) throws {
    try checkEstimatorLaws(
      of: RandomizedEstimator(queries: 3, sides: sides, shaping: shape), traits: .proportional, seeds: 6000)
  }

  /// Of factors and signs no more than the descent is left.
  @Test(arguments: shapes, DifferenceSides.allCases)
  fileprivate func otherShapesDescend(_ shape: CoefficientShaping, _ sides: DifferenceSides) throws {
    try checkEstimatorLaws(
      of: LowRankEstimator(interval: 3, queries: 3, sides: sides, shaping: shape), traits: .biased, seeds: 2000)
    try checkEstimatorLaws(
      of: RandomizedEstimator(queries: 3, sides: sides, distribution: .rademacher, shaping: shape), traits: .biased,
      seeds: 2000)
  }

  @Test(arguments: [QueryCombination.sum, .leastSquares])
  func combinationsAreProportional(_ combination: QueryCombination) throws {
    for distribution in NoiseDistribution.allCases {
      try checkEstimatorLaws(
        of: RandomizedEstimator(queries: 3, distribution: distribution, combination: combination),
        traits: .proportional, seeds: 2000)
    }
    try checkEstimatorLaws(
      of: LowRankEstimator(interval: 3, queries: 3, combination: combination),
      traits: combination == .sum ? .proportional : .biased, seeds: 4000)
  }

  /// A shape that is passed off as the gradient is found out, and so is one that climbs.
  @Test(arguments: shapes) fileprivate func plantedShapes(_ shape: CoefficientShaping) throws {
    let found = #expect(throws: LawViolation.self) {
      try checkEstimatorLaws(of: RandomizedEstimator(queries: 3, shaping: shape))
    }
    #expect(found?.law == .estimatorIsUnbiased)
    let climbs = #expect(throws: LawViolation.self) {
      try checkEstimatorLaws(
        of: Miscounting(inner: RandomizedEstimator(queries: 3, shaping: shape), sign: -1), traits: .biased)
    }
    #expect(climbs?.law == .estimatorDescends)
  }

  /// An estimator that promises more coefficients than it gives is found out.
  @Test func plantedQueries() throws {
    try checkEstimatorLaws(of: Miscounting(inner: RandomizedEstimator(queries: 3), given: 3), seeds: 2000)
    let found = #expect(throws: LawViolation.self) {
      try checkEstimatorLaws(of: Miscounting(inner: RandomizedEstimator(queries: 3), given: 2))
    }
    #expect(found?.law == .estimatorHasItsQueries)
  }

  /// A rule that compares queries refuses an estimator with one, before any step.
  @Test func rulesThatCompareRefuseOneQuery() throws {
    let one = Optimizer(estimator: RandomizedEstimator(), rule: Comparing(learningRate: 0.1), seed: 1)
    let error = #expect(throws: InputError.self) { try one.validate(.small) }
    #expect(
      error?.description
        == "queries: found 1 in a step, expected at least 2: the rule compares the coefficients of a step")
    try Optimizer(estimator: RandomizedEstimator(queries: 2), rule: Comparing(learningRate: 0.1), seed: 1).validate(
      .small)
    let coordinates = Optimizer(estimator: CoordinateEstimator(), rule: Comparing(learningRate: 0.1), seed: 1)
    #expect(throws: InputError.self) { try coordinates.validate(.small) }
  }
}

/// Three queries of RGE, of whose coefficients `given` are returned, times `sign`.
private struct Miscounting: GradientEstimator {
  typealias Direction = DenseDirection
  var inner: RandomizedEstimator
  var given = 3
  var sign = 1.0

  var fewestQueries: Int { 3 }

  func forwards(at step: Int, in layout: ParameterLayout) -> Int { inner.forwards(at: step, in: layout) }

  mutating func codeState(_ state: StateCoder) throws(InputError) { try inner.codeState(state) }

  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<DenseDirection> {
    var estimate = try inner.estimate(at: theta, context: context, objective: objective)
    estimate.coefficients = Few(estimate.coefficients.prefix(given))
    for i in estimate.terms.indices { estimate.terms[i].coefficient *= sign }
    return estimate
  }
}

/// A rule that asks for two queries.
private struct Comparing<D: Direction>: StepRule {
  typealias Direction = D
  var learningRate: Schedule
  var fewestQueries: Int { 2 }

  mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> WeightedSum<D> {
    WeightedSum(estimate.terms.map { (Float(-learningRate(at: context.step) * $0.coefficient), $0.direction) })
  }
}
