extension Template {
  /// The template of an adapter: a factor for the updates of some blocks, from the losses at two lengths of the step.
  /// The author fills in the factor.
  static func adapter(_ names: Names) -> Template {
    let name = names.type
    return Template(
      source: """
        import Zeroth
        import ZerothStrategies

        /// FILL IN: the name of the adapter in words, and its source:
        ///
        ///     theta_l <- theta_l + s U_l on the blocks, U the rule's update, before every kappa-th step
        ///     s = FILL IN: from L(theta + (1 + tau) U) and L(theta + (1 - tau) U), in [1 - tau, 1 + tau]
        ///
        /// Cost: 2 forward passes every kappa steps; no stored floats.
        public struct \(name): LayerAdapter {
          /// The blocks whose updates are scaled.
          public let blocks: BlockSelection
          /// kappa >= 1: every kappa-th step is scaled.
          public let interval: Int
          /// tau, above 0 and at most 1: how far from 1 the factor may be.
          public let clip: Double

          /// What `interval` takes.
          public static let intervalRange = NumericRange.atLeast(1)
          /// What `clip` takes.
          public static let clipRange = NumericRange.positiveFraction

          /// \(name) on `blocks`, every `interval` steps.
          public init(blocks: BlockSelection, every interval: Int = 100, clip: Double = 0.2) {
            self.blocks = blocks
            self.interval = interval
            self.clip = clip
          }

          /// Throws when an option is out of range or no trainable block is selected.
          public func validate(_ layout: ParameterLayout, weightDecay: WeightDecay) throws(InputError) {
            try Self.intervalRange.require("interval", interval)
            try Self.clipRange.require("clip", clip)
            guard layout.trainable.contains(where: blocks.contains) else {
              throw InputError("blocks", found: "'\\(blocks)', no trainable block", expected: "at least one")
            }
          }

          /// 2 at every kappa-th step.
          public func forwards(at step: Int) -> Int { (step + 1) % interval == 0 ? 2 : 0 }

          /// The factor s of the selected blocks, 1 of the others; 1 of all where a loss is not finite.
          public mutating func scales<U: Direction, O: Objective & ~Copyable>(
            for update: U, at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
          ) throws(O.Failure) -> (scales: BlockScales, outcome: AdapterOutcome) {
            guard forwards(at: context.step) > 0 else { return (.ones, .none) }
            let pair = try objective.losses(
              along: update, at: [Float(1 + clip), Float(1 - clip)], from: theta, on: context.batch)
            guard pair.allSatisfy(\\.isFinite) else { return (.ones, AdapterOutcome(nonFiniteMoves: 1)) }
            // FILL IN: s, in place of 1, from L(theta + (1 + tau) U) = pair[0] and L(theta + (1 - tau) U) = pair[1].
            let s: Float = 1
            var scales = BlockScales.ones
            for block in context.layout.trainable where blocks.contains(block) { scales[block] = s }
            return (scales, .none)
          }
        }

        extension \(name) {
          /// The adapter with the options that its initialiser chooses.
          private static let usual = \(name)(blocks: .all)

          /// What `zeroth explain \(names.registered)` says, and the options, whose defaults are the initialiser's.
          public static let description = StrategyDescription(
            "\(names.registered)", summary: "FILL IN: one line", formula: "FILL IN: what it computes",
            source: "FILL IN: the paper",
            options: [
              .adapterBlocks(default: .value("query,value")),
              .adapterInterval(default: usual.interval, range: intervalRange),
              OptionSpec(
                "clip", .double, default: .value(.double(usual.clip)), range: clipRange,
                "tau: factors stay in [1 - tau, 1 + tau]"),
            ],
            forwards: "2 every kappa steps")

          /// The adapter of these options.
          public init(options: OptionValues) throws {
            self.init(
              blocks: try options.blocks("blocks"), every: try options.int("interval"), clip: try options.double("clip"))
          }
        }

        """,
      tests: """
          /// It composes with a rule, and leaves a descent a descent.
          @Test func composes() throws {
            let objective = Quadratic()
            var theta = objective.start()
            let start = objective.loss(at: theta, on: Batch(step: 0))
            var optimizer = Optimizer(
              estimator: RandomizedEstimator(), rule: SGD(learningRate: 0.01),
              adapter: \(name)(blocks: .all, every: 2), seed: 1)
            for _ in 0..<400 { try optimizer.step(&theta, objective) }
            #expect(objective.loss(at: theta, on: Batch(step: 0)) < start / 2)
          }

          /// What holds for every adapter, and that it has an effect.
          @Test func laws() {
            #expect(throws: Never.self, "FILL IN: the factor s in \(name).swift") {
              let blocks = BlockSelection.roles("query", "value")
              try checkAdapterLaws(of: \(name)(blocks: blocks, every: 2), selection: blocks, clip: 0.2)
            }
          }

          @Test func optionsStartAtTheDefaults() throws {
            try checkOptionDefaults(
              of: \(name)(blocks: .roles("query", "value")),
              from: \(name)(options: OptionValues(of: \(name).description)))
          }

          @Test func fiveSteps() throws {
            try checkGoldenTrajectory(
              golden,
              of: Optimizer(
                estimator: RandomizedEstimator(epsilon: 1e-2), rule: SGD(learningRate: 0.1),
                adapter: \(name)(blocks: .all, every: 2), seed: 1))
          }

        """,
      golden: goldenTrajectory,
      guide: """
        # \(name)
        Source of the method: FILL IN. File: `SOURCE`.

        ## What it computes
        Before every kappa-th step with the update U, on the selected blocks:
        ```
        theta_l <- theta_l + s U_l,   s = FILL IN, in [1 - tau, 1 + tau]
        ```

        ## When to choose it
        FILL IN: what it does better than no adapter, and at what price. It goes with every estimator and rule.

        ## Options
        | Swift | name | default | range | meaning |
        |---|---|---|---|---|
        | `blocks` | `blocks` | `query,value` | a selection that hits a trained block | which updates are scaled |
        | `every` | `interval`, `--kappa` | 100 | at least 1, steps | kappa |
        | `clip` | `clip`, `--tau` | 0.2 | above 0, at most 1 | tau |

        ## Cost
        2 forward passes every kappa steps. No stored floats.

        ## How papers and peers differ
        FILL IN: from the paper, from released code, and why.

        ## Example
        ```swift
        import MODULE
        import Zeroth

        func tune(_ theta: inout ParameterStore, on objective: some Objective) throws {
          var optimizer = Optimizer(
            estimator: RandomizedEstimator(), rule: SGD(learningRate: 5e-5),
            adapter: \(name)(blocks: .roles("query", "value"), every: 10), seed: 42)
          for _ in 0..<1000 { try optimizer.step(&theta, objective) }
        }
        ```

        ## By name
        Adapter `\(names.registered)`.
        ```toml
        [adapter]
        name = "\(names.registered)"
        interval = 10
        ```

        """,
      registry: (
        "Registry", "registry", "try registry.register(adapter: \(name).description) { try \(name)(options: $0) }"
      ))
  }
}
