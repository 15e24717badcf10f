extension Template {
  /// The template of a rule without state for directions of any kind. The author fills in the weights of the update.
  static func rule(_ names: Names) -> Template {
    let name = names.type
    return Template(
      source: """
        import Zeroth
        import ZerothStrategies

        /// FILL IN: the name of the rule in words, and its source:
        ///
        ///     theta -= eta FILL IN: the step that is made of g = sum_i c_i D_i
        ///
        /// Cost: no stored floats.
        public struct \(name)<D: Direction>: StepRule {
          /// What estimates are made of.
          public typealias Direction = D
          /// A weighted sum of the estimate's directions.
          public typealias Update = WeightedSum<D>

          /// eta, over the steps.
          public var learningRate: Schedule
          /// lambda, by block; the framework applies it.
          public let weightDecay: WeightDecay

          /// \(name) at `learningRate`.
          public init(learningRate: Schedule, weightDecay: WeightDecay = .none) {
            self.learningRate = learningRate
            self.weightDecay = weightDecay
          }

          /// The update, its sign and the learning rate included. A rule with state keeps it in `var`s, counts it in
          /// `stateCount`, and codes it in `codeState` for checkpoints.
          public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> WeightedSum<D> {
            let eta = learningRate(at: context.step)
            // FILL IN: the weight of D_i in the update, in place of 0; that of SGD is -eta c_i.
            return WeightedSum(estimate.terms.map { (Float(0 * eta * $0.coefficient), $0.direction) })
          }
        }

        /// Makes \(name) for the directions of the estimator beside it.
        public struct \(name)Factory: RuleFactory {
          /// What `zeroth explain \(names.registered)` says, and the options.
          public let description = StrategyDescription(
            "\(names.registered)", summary: "FILL IN: one line", formula: "FILL IN: what it computes",
            source: "FILL IN: the paper", options: OptionSpec.stepRule)

          /// A factory.
          public init() {}

          /// The rule for directions of kind `D`.
          public func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
            \(name)<D>(learningRate: try options.learningRate(), weightDecay: try options.weightDecay())
          }
        }

        """,
      tests: """
          /// What holds for every rule: repetition, copies, updates that are directions.
          @Test func laws() throws {
            try checkRuleLaws(of: \(name)(learningRate: 0.1), gain: nil, estimates: RandomizedEstimator(queries: 2))
            try checkRuleLaws(of: \(name)(learningRate: 0.1), gain: nil, estimates: LowRankEstimator(queries: 2))
          }

          /// On the same estimate again and again, the step tends to -eta g; nil in place of 1 for a rule that is not
          /// linear in the estimate.
          @Test func gain() {
            #expect(throws: Never.self, "FILL IN: the weights of the update in \(name).swift") {
              try checkRuleLaws(of: \(name)(learningRate: 0.1), gain: 1, estimates: RandomizedEstimator())
            }
          }

          @Test func optionsStartAtTheDefaults() throws {
            let factory = \(name)Factory()
            let options = try OptionValues(of: factory.description, ["learning-rate": 0.1])
            try checkOptionDefaults(
              of: \(name)<DenseDirection>(learningRate: 0.1), from: factory.make(for: DenseDirection.self, options))
          }

          @Test func fiveSteps() throws {
            try checkGoldenTrajectory(
              golden,
              of: Optimizer(
                estimator: RandomizedEstimator(epsilon: 1e-2), rule: \(name)(learningRate: 0.1), seed: 1))
          }

        """,
      golden: goldenTrajectory,
      guide: """
        # \(name)
        Source of the method: FILL IN. File: `SOURCE`.

        ## What it computes
        ```
        theta -= eta FILL IN
        ```

        ## When to choose it
        FILL IN: what it does better than SGD, and at what price. It goes with every estimator and adapter.

        ## Options
        Those of SGD: learning rate (must be given), schedule, weight decay.

        ## Cost
        No forward pass, no stored floats.

        ## How papers and peers differ
        FILL IN: from the paper, from released code, and why.

        ## Example
        ```swift
        import MODULE
        import Zeroth

        func tune(_ theta: inout ParameterStore, on objective: some Objective) throws {
          var optimizer = Optimizer(
            estimator: RandomizedEstimator(), rule: \(name)(learningRate: 5e-5), seed: 42)
          for _ in 0..<1000 { try optimizer.step(&theta, objective) }
        }
        ```

        ## By name
        Rule `\(names.registered)`.
        ```toml
        [rule]
        name = "\(names.registered)"
        learning-rate = 5e-5
        ```

        """,
      registry: ("Registry", "registry", "try registry.register(rule: \(name)Factory())"))
  }
}
