extension Template {
  /// The template of an estimator: two-sided differences along dense directions, or along low-rank ones, which have a
  /// core. The author fills in the coefficient.
  static func estimator(_ names: Names) -> Template {
    let name = names.type
    let hasCore = names.traits.contains(.core)
    let isByExample = names.traits.contains(.byExample)
    let direction = hasCore ? "LowRankProbe" : "DenseDirection"
    // Lines that only some of the estimators have, with the indentation of their place.
    func only(_ holds: Bool, _ text: String) -> String { holds ? text : "" }
    let grain = """

        /// A loss for each example.
        public var grain: LossGrain { .example }

      """
    let core = """

        /// The image of a core is the direction, and a core is carried over to another frame.
        @Test func coreLaws() throws { try checkCoreLaws(of: \(name)(queries: 2)) }

      """
    let draw =
      hasCore
      ? """
            // FILL IN: how z_i is drawn; U V^T / sqrt(r) here, so that E[z z^T] = I. Its core is U, its frame V.
            let z = LowRankProbe(
              rank: 2, leftKey: context.key.child(.left, query), rightKey: context.runKey.child(.right),
              matrixScale: 1 / Float(2).squareRoot())
      """
      : """
            // FILL IN: how z_i is drawn; distribution: .gaussian, .rademacher or .sphere, or a Direction of your own.
            let z = DenseDirection(context.key.child(.query, query), distribution: .gaussian, layout: context.layout)
      """
    let measure =
      isByExample
      ? """
            let pair = try objective.losses(
              at: Points(along: z, at: [eps, -eps]), from: theta, on: context.batch, grain: grain)
            let examples = pair.count / 2
            // FILL IN: c_i, in place of 0, from l_j(theta + eps z_i) = pair[j] and l_j(theta - eps z_i) = pair[examples + j].
            let c = 0 * (0..<examples).reduce(0) { $0 + pair[$1] - pair[examples + $1] } / Double(examples)
      """
      : """
            let pair = try objective.losses(along: z, at: [eps, -eps], from: theta, on: context.batch)
            // FILL IN: c_i, in place of 0, from L(theta + eps z_i) = pair[0] and L(theta - eps z_i) = pair[1].
            let c = 0 * (pair[0] - pair[1])
      """
    return Template(
      source: """
        import Zeroth
        import ZerothStrategies

        /// FILL IN: the name of the method in words, and its source:
        ///
        ///     g = 1/q sum_i c_i z_i,  c_i = FILL IN: from L(theta + eps z_i) and L(theta - eps z_i)
        ///
        /// Cost: 2q forward passes; no stored floats.
        public struct \(name): GradientEstimator {
          /// The directions that losses are measured along.
          public typealias Direction = \(direction)

          /// eps > 0 over the steps, in units of the parameters.
          public var epsilon: Schedule
          /// q >= 1 over the steps, the number of directions that are averaged.
          public var queries: Schedule

          /// What `epsilon` takes.
          public static let epsilonRange = NumericRange.positiveFloat
          /// What `queries` takes.
          public static let queriesRange = NumericRange.atLeast(1)

          /// \(name) with one query at eps = 1e-3.
          public init(epsilon: Schedule = 1e-3, queries: Schedule = 1) {
            self.epsilon = epsilon
            self.queries = queries
          }

          /// Throws when epsilon is not a positive number or there is no query.
          public func validate(_ layout: ParameterLayout) throws(InputError) {
            try epsilon.validate("epsilon", Self.epsilonRange)
            try queries.validate("queries", Self.queriesRange, isCount: true)
          }

          /// 2q.
          public func forwards(at step: Int, in layout: ParameterLayout) -> Int { 2 * queries.count(at: step) }

          /// q at its smallest: each step has so many coefficients.
          public var fewestQueries: Int { queries.fewest }
        \(only(isByExample, grain))
          /// The options: nothing else is kept.
          public mutating func codeState(_ state: StateCoder) throws(InputError) {
            try state.code("epsilon", &epsilon)
            try state.code("queries", &queries)
          }

          /// Measures along q directions keyed by the step and the query.
          public mutating func estimate<O: Objective & ~Copyable>(
            at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
          ) throws(O.Failure) -> GradientEstimate<\(direction)> {
            let (epsilon, queries) = (epsilon(at: context.step), queries.count(at: context.step))
            let eps = Float(epsilon)
            var (losses, coefficients): (Few<Double>, Few<Double>) = ([], [])
            var directions: Few<\(direction)> = []
            for query in 0..<queries {
        \(draw)
        \(measure)
              losses += pair
              coefficients.append(c)
              directions.append(z)
            }
            let terms = Few(count: queries) { i in
              (coefficient: coefficients[i] / Double(queries), direction: directions[i])
            }
            return GradientEstimate(
              terms: terms, losses: losses, projectedGradient: coefficients.reduce(0, +) / Double(queries), epsilon: epsilon,
              coefficients: coefficients)
          }
        }

        extension \(name): RegisteredEstimator {
          /// None: its mean is the gradient. One of another mean says .proportional, .scalesCoordinates or .biased.
          public static let traits: EstimatorTraits = []

          /// What `zeroth explain \(names.registered)` says, and the options, whose defaults are the initialiser's.
          public static let description = StrategyDescription(
            "\(names.registered)", summary: "FILL IN: one line", formula: "FILL IN: what it computes",
            source: "FILL IN: the paper",
            options: [
              .epsilon(default: \(name)().epsilon, range: epsilonRange),
              .queries(default: \(name)().queries, range: queriesRange),
            ], forwards: "2q")

          /// The estimator of these options.
          public init(options: OptionValues) throws {
            self.init(epsilon: try options.schedule("epsilon"), queries: try options.schedule("queries"))
          }
        }

        """,
      tests: """
          /// What holds for every estimator: forward passes, batch, borrowed theta, errors, repetition; the mean of the
          /// estimates is the gradient, or what the traits say of it; and their variance falls as 1/q.
          @Test func laws() {
            #expect(throws: Never.self, "FILL IN in \(name).swift, if it is marked there: z_i and c_i") {
              try checkEstimatorLaws(of: \(name)(), traits: \(name).traits)
              try checkEstimatorLaws(of: \(name)(queries: 3), traits: \(name).traits)
              try checkVarianceLaw { \(name)(queries: Schedule($0)) }
            }
          }
        \(only(hasCore, core))
          @Test func optionsStartAtTheDefaults() throws {
            try checkOptionDefaults(of: \(name)(), from: \(name)(options: OptionValues(of: \(name).description)))
          }

          @Test func fiveSteps() throws {
            try checkGoldenTrajectory(
              golden, of: Optimizer(estimator: \(name)(epsilon: 1e-2), rule: SGD(learningRate: 0.1), seed: 1))
          }

        """,
      golden: goldenTrajectory,
      guide: """
        # \(name)
        Source of the method: FILL IN. File: `SOURCE`.

        ## What it computes
        ```
        g = 1/q sum_i c_i z_i,   c_i = FILL IN
        ```
        FILL IN: how z_i is drawn; whether the estimate is unbiased, and what its variance is.

        ## When to choose it
        FILL IN: what it does better than RGE, and at what price.

        ## Options
        | Swift | name | default | range | meaning |
        |---|---|---|---|---|
        | `epsilon` | `epsilon`, `--epsilon` | 1e-3 | above 0 | eps, in units of the parameters |
        | `queries` | `queries`, `--queries` | 1 | at least 1 | q, directions that are averaged |

        ## Cost
        2q forward passes a step. No stored floats.

        ## How papers and peers differ
        FILL IN: from the paper, from released code, and why.

        ## Example
        ```swift
        import MODULE
        import Zeroth

        func tune(_ theta: inout ParameterStore, on objective: some Objective) throws {
          var optimizer = Optimizer(
            estimator: \(name)(epsilon: 1e-3, queries: 4), rule: SGD(learningRate: 5e-5), seed: 42)
          for _ in 0..<1000 { try optimizer.step(&theta, objective) }
        }
        ```

        ## By name
        Estimator `\(names.registered)`.
        ```toml
        [estimator]
        name = "\(names.registered)"
        queries = 4
        ```

        """,
      registry: ("Registry", "registry", "try registry.register(\(name).self)"))
  }

  /// The golden file of a strategy.
  static let goldenTrajectory = """
    {
      "how": "FILL IN: how theta was worked out, independently of the code under test",
      "theta": []
    }

    """
}
