extension Template {
  /// The template of a rule that keeps a moment of the core of directions. The author fills in the recursion.
  static func coreRule(_ names: Names) -> Template {
    let name = names.type
    let plain = rule(names)
    return Template(
      source: """
        import Zeroth
        import ZerothStrategies

        /// FILL IN: the name of the rule in words, and its source. With the estimate g = A(C) of a core C:
        ///
        ///     M = FILL IN: from M and C,   theta -= eta A(M)
        ///
        /// Cost: the floats of the cores.
        public struct \(name)<D: CoreDirection>: StepRule {
          /// What estimates are made of: directions with a core.
          public typealias Direction = D
          /// A(M).
          public typealias Update = D.Image

          /// eta, over the steps.
          public var learningRate: Schedule
          /// lambda, by block; the framework applies it.
          public let weightDecay: WeightDecay
          private var moment: CoreVector?

          /// \(name) at `learningRate`.
          public init(learningRate: Schedule, weightDecay: WeightDecay = .none) {
            self.learningRate = learningRate
            self.weightDecay = weightDecay
          }

          /// Moves M, carried over to the estimate's frame first, and returns -eta A(M).
          public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> D.Image {
            let direction = estimate.coreFrame
            var m = moment.take() ?? CoreVector(for: direction, in: context.layout)
            m.carry(to: direction)  // or m.reset(to: direction)
            let c = WeightedSum(estimate.terms.map { (Float($0.coefficient), $0.direction) })
            m.forEachPanel { block, rows, m in
              withScratch(m.count) { core in
                core.initialize(repeating: 0)
                c.addCore(to: core, of: block, rows: rows)
                // FILL IN: M from M and C = core, in place of 0; that of SGD is C.
                for i in 0..<m.count { m[i] = 0 * core[i] }
              }
            }
            moment = m
            return direction.image(of: m, scale: Float(-learningRate(at: context.step)))
          }

          /// eta, and M with its frame.
          public mutating func codeState(_ state: StateCoder) throws(InputError) {
            try state.code("learning-rate", &learningRate)
            try state.code("moment", &moment)
          }

          /// The floats of the cores, once the first step is done.
          public var stateCount: Int { moment?.count ?? 0 }
        }

        /// Makes \(name) for the directions of the estimator beside it.
        public struct \(name)Factory: CoreRuleFactory {
          /// What `zeroth explain \(names.registered)` says, and the options.
          public let description = StrategyDescription(
            "\(names.registered)", summary: "FILL IN: one line", formula: "FILL IN: what it computes",
            source: "FILL IN: the paper", options: OptionSpec.stepRule, state: "the core")

          /// A factory.
          public init() {}

          /// The rule for directions of kind `D`.
          public func makeCore<D: CoreDirection>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
            \(name)<D>(learningRate: try options.learningRate(), weightDecay: try options.weightDecay())
          }
        }

        """,
      tests: """
          /// What holds for every rule: repetition, copies, updates that are directions, a state that is saved.
          @Test func laws() throws {
            try checkRuleLaws(
              of: \(name)(learningRate: 0.1), gain: nil, estimates: LowRankEstimator(interval: 2, queries: 2))
          }

          /// On the same estimate again and again, the step tends to -eta g; nil in place of 1 for a rule that is not
          /// linear in the estimate.
          @Test func gain() {
            #expect(throws: Never.self, "FILL IN: the recursion of M in \(name).swift") {
              try checkRuleLaws(of: \(name)(learningRate: 0.1), gain: 1, estimates: LowRankEstimator())
            }
          }

          @Test func optionsStartAtTheDefaults() throws {
            let factory = \(name)Factory()
            let options = try OptionValues(of: factory.description, ["learning-rate": 0.1])
            try checkOptionDefaults(
              of: \(name)<LowRankProbe>(learningRate: 0.1), from: factory.make(for: LowRankProbe.self, options))
          }

          @Test func fiveSteps() throws {
            try checkGoldenTrajectory(
              golden,
              of: Optimizer(
                estimator: LowRankEstimator(epsilon: 1e-2), rule: \(name)(learningRate: 0.1), seed: 1))
          }

        """,
      golden: plain.golden,
      guide: plain.guide.replacing(
        "No forward pass, no stored floats.", with: "No forward pass; the floats of the core."
      )
      .replacing(
        "It goes with every estimator and adapter.", with: "It goes with estimators whose directions have a core."
      )
      .replacing("estimator: RandomizedEstimator()", with: "estimator: LowRankEstimator()"),
      registry: plain.registry)
  }
}
