import TestSupport
import Testing
import Zeroth
import ZerothResources

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

import ConMeZO
import CoreMoments
import EGGROLL
import FZOO
import GRZO
import HiZOO
import MedianRGE
import RAdaZO
import SignRule
import SparseMeZO
import SubZero
import TeZO
import ZOAdaM
import ZOMuon
import ZOSVRG
import ZerothTestKit

@Suite struct RegistryTests {
  let registry = Registry.standard

  @Test func everyPartIsDescribed() throws {
    #expect(
      registry.descriptions(of: .estimator).map(\.name) == [
        "rge", "lge", "cge", "gradient", "forward-gradient", "low-rank-forward-gradient",
      ])
    #expect(registry.descriptions(of: .rule).map(\.name) == ["sgd", "momentum", "lozo-m", "adam"])
    #expect(
      registry.descriptions(of: .adapter).map(\.name) == ["none", "dizo", "learning-rate-scaling", "previous-iterate"])
    #expect(
      registry.descriptions(of: .optimizer).map(\.name) == [
        "mezo", "mezo-m", "lozo", "lozo-m", "dizo", "dizo-first-order", "ft-sgd", "ft-adam", "forward-gradient", "cge",
        "mezo-lora",
        "lozo-lora", "dizo-lora", "mezo-prefix", "lora-adam",
      ])
    let all = try Registry.withPlugins()
    for kind in StrategyDescription.Kind.allCases {
      for description in all.descriptions(of: kind) {
        for text in [description.summary, description.formula, description.source, description.forwards] {
          #expect(!text.isEmpty, "\(description.name)")
        }
        for option in description.options {
          #expect(!option.documentation.isEmpty && !option.defaultWords.isEmpty && !option.expected.isEmpty)
        }
      }
    }
    #expect(registry.descriptions(of: .estimator)[1].capabilities == ["produces low-rank directions with a core"])
    #expect(registry.descriptions(of: .rule)[2].capabilities == ["needs low-rank directions"])
  }

  @Test func everyPairComposesOrSaysWhyNot() throws {
    for estimator in ["rge", "lge", "cge", "gradient", "forward-gradient", "low-rank-forward-gradient"] {
      for rule in ["sgd", "momentum", "lozo-m", "adam"] {
        for adapter in ["none", "dizo", "learning-rate-scaling", "previous-iterate"] {
          let composition = Composition(
            estimator: .init(estimator), rule: .init(rule, ["learning-rate": 1e-3]), adapter: .init(adapter))
          if rule == "lozo-m", !estimator.hasPrefix("l") {
            let error = inputError { _ = try registry.makeOptimizer(composition, runSteps: 4) }
            #expect(
              error?.description
                == "rule 'lozo-m' with estimator '\(estimator)': found an estimator that produces directions without a "
                + "common V, expected low-rank directions, as estimators lge, low-rank-forward-gradient have")
          } else {
            let optimizer = try registry.makeOptimizer(composition, runSteps: 4)
            #expect(try optimizer.forwards(at: 0, in: smallLayout()) > 0)
          }
        }
      }
    }
  }

  /// The optimiser from names moves theta as the one that is written out.
  @Test func namesGiveTheComposedOptimizer() throws {
    let named = try run(
      Composition(
        estimator: .init("low-rank", ["rank": 3, "interval": 2]),
        rule: .init("low-rank-momentum", ["learning-rate": 0.01, "beta": 0.5, "schedule": "cosine", "warmup": 2]),
        adapter: .init("dizo", ["interval": 3, "preset": "released", "moves": 2]), seed: 42))
    var search = DivergenceProjection.Preset.released.search
    search.moves = 2
    var optimizer = Optimizer(
      estimator: LowRankEstimator(rank: 3, interval: 2),
      rule: LowRankMomentum(learningRate: Schedule(0.01, .cosine, steps: 8, warmup: 2), beta: 0.5),
      adapter: DivergenceProjection(blocks: .roles("key", "value"), every: 3, search: search), seed: 42)
    var theta = try smallTheta()
    let objective = BatchQuadratic()
    for _ in 0..<8 { try optimizer.step(&theta, objective) }
    #expect(named == bits(theta))
  }

  @Test func presetsRun() throws {
    let registry = try Registry.withPlugins()
    for preset in registry.descriptions(of: .optimizer) {
      var composition = try registry.preset(preset.name).composition
      composition.rule.options["learning-rate"] = 1e-3
      // One example differs from nothing.
      if preset.name == "grzo" { composition.estimator.options["relative"] = .bool(false) }
      #expect(try run(composition, steps: 2, registry: registry) != bits(smallTheta()), "\(preset.name)")
    }
    let untuned = ["cge", "mezo-adam", "meazo", "zo-sign"]
    for preset in registry.descriptions(of: .optimizer) where !untuned.contains(preset.name) {
      _ = try registry.makeOptimizer(try registry.preset(preset.name).composition, runSteps: 2)
    }
    for name in untuned {
      #expect(inputError { _ = try registry.makeOptimizer(registry.preset(name).composition, runSteps: 2) } != nil)
    }
  }

  /// An option whose value changed gives another run. Values: three more, half as much, the next choice.
  @Test(arguments: StrategyDescription.Kind.allCases.filter { $0 != .optimizer })
  func everyOptionChangesBehaviour(_ kind: StrategyDescription.Kind) throws {
    let registry = try Registry.withPlugins()
    for description in registry.descriptions(of: kind) {
      for option in description.options {
        var base = Composition.Part(description.name)
        if kind == .rule { base.options["learning-rate"] = 0.01 }
        if description.options.contains(where: { $0.name == "interval" }) { base.options["interval"] = 2 }
        // So large that it matters beside the root of the second moment.
        if option.name == "stability" { base.options["stability"] = 1.0 }
        // So narrow that it bounds usual probes, and moves so short that not all of them end at the clip range.
        if option.name == "bounds-probe" { base.options.merge(["clip": 0.01, "learning-rate": 1e-6]) { $1 } }
        if ["final", "schedule-steps"].contains(option.name) { base.options["schedule"] = "linear" }
        if option.name == "schedule-drops" { base.options.merge(["schedule": "steps", option.name: "4=0.5"]) { $1 } }
        // A limit that coefficients meet, and more than one query to combine or to compare.
        if option.name == "clip-limit" { base.options.merge(["shaping": "clip", "clip-limit": 1e-3]) { $1 } }
        if option.name == "combination" { base.options["queries"] = 2 }
        // The objective has one example, and one differs from nothing.
        if description.options.contains(where: { $0.name == "relative" }) { base.options["relative"] = .bool(false) }
        // So low that it is not cut to the sides of the blocks.
        if option.name == "rank" { base.options["rank"] = 2 }
        var composition = Composition(
          estimator: ["lozo-m", "core-momentum", "core-adam", "muon"].contains(description.name)
            ? .init("lge", ["interval": 2])
            : description.name == "normalized" ? .init("rge", ["queries": 2]) : .init("rge"),
          rule: .init("sgd", ["learning-rate": 0.01]), seed: 3)
        composition[kind] = base
        let usual = try registry.effective(composition, runSteps: 8)[kind].options[option.name]
        let value = try #require(usual, "\(description.name).\(option.name)")
        var changed = composition
        changed[kind].options[option.name] = another(value, option)
        #expect(
          try run(composition, registry: registry) != run(changed, registry: registry),
          "\(description.name).\(option.name) = \(another(value, option))")
      }
    }
  }

  /// What a strategy is made from when no option is given is what its initialiser makes from no arguments.
  @Test func optionsStartAtTheDefaults() throws {
    let registry = try Registry.withPlugins()
    let estimators: [String: any GradientEstimator] = [
      "rge": RandomizedEstimator(), "lge": LowRankEstimator(), "cge": CoordinateEstimator(),
      "hizoo": HessianInformedEstimator(), "sparse-mezo": SparseEstimator(), "zo-svrg": VarianceReducedEstimator(),
      "median": MedianEstimator(), "conmezo": ConeEstimator(),
      "subzero": SubspaceEstimator(), "tezo": TemporalEstimator(), "column-subspace": ColumnEstimator(),
      "population": PopulationEstimator(), "grzo": FlipoutEstimator(), "gradient": ExactGradient(),
      "forward-gradient": ForwardGradient(),
      "low-rank-forward-gradient": LowRankForwardGradient(),
    ]
    let rules: [String: any StepRule] = [
      "sgd": SGD<LowRankProbe>(learningRate: 0.5), "momentum": Momentum<LowRankProbe>(learningRate: 0.5),
      "lozo-m": LowRankMomentum<LowRankProbe>(learningRate: 0.5), "adam": Adam<LowRankProbe>(learningRate: 0.5),
      "scalar-adam": ScalarAdam<LowRankProbe>(learningRate: 0.5),
      "sign": ElementwiseSign<LowRankProbe>(learningRate: 0.5),
      "sign-of-projection": SignOfProjection<LowRankProbe>(learningRate: 0.5),
      "normalized": NormalizedBySpread<LowRankProbe>(learningRate: 0.5),
      "r-adazo": RefinedAdam<LowRankProbe>(learningRate: 0.5),
      "core-momentum": CoreMomentum<LowRankProbe>(learningRate: 0.5),
      "core-adam": CoreAdam<LowRankProbe>(learningRate: 0.5), "muon": Muon<LowRankProbe>(learningRate: 0.5),
    ]
    let attention = BlockSelection.roles("query", "value")
    let adapters: [String: any LayerAdapter] = [
      "none": NoAdapter(), "dizo": DivergenceProjection(.paper, blocks: attention),
      "learning-rate-scaling": LearningRateScaling(blocks: attention),
      "previous-iterate": PreviousIterateProjection(blocks: attention),
    ]
    #expect(Set(estimators.keys) == Set(registry.descriptions(of: .estimator).map(\.name)))
    #expect(Set(rules.keys) == Set(registry.descriptions(of: .rule).map(\.name)))
    #expect(Set(adapters.keys) == Set(registry.descriptions(of: .adapter).map(\.name)))
    for entry in registry.estimators.entries {
      let initial = try #require(estimators[entry.description.name])
      try check(initial, try entry.make(OptionValues(of: entry.description)))
    }
    for entry in registry.rules.entries {
      let initial = try #require(rules[entry.description.name])
      let options = try OptionValues(of: entry.description, ["learning-rate": 0.5])
      try check(initial, try entry.factory.make(for: LowRankProbe.self, options))
    }
    for entry in registry.adapters.entries {
      let initial = try #require(adapters[entry.description.name])
      try check(initial, try entry.make(OptionValues(of: entry.description)))
    }
    let released = try OptionValues(of: registry.description(of: "dizo", .adapter, origin: ""), ["preset": "released"])
    try check(
      DivergenceProjection(.released, blocks: .roles("key", "value")), try registry.adapters.entries[1].make(released))
  }

  private func check<Strategy>(_ initial: Strategy, _ made: Any) throws {
    try checkOptionDefaults(of: initial, from: made)
  }

  private func another(_ value: OptionValue, _ option: OptionSpec) -> OptionValue {
    switch (option.kind, value) {
    case (.choice(let words), .string(let word)):
      .string(words[((words.firstIndex(of: word) ?? 0) + 1) % words.count])
    case (.blocks, _): "dense"
    case (.intOr, _): 3
    case (.doubleOr, _): 0.01
    case (.string, _): "2=0.25"
    case (_, .int(let number)): .int(number + 3)
    case (_, .double(let number)): .double(number == 0 ? 0.25 : number / 2)
    case (_, .bool(let flag)): .bool(!flag)
    default: value
    }
  }

  /// A part knows its option by the option's own name; made from names, its errors have the table in front. So does a
  /// first step, where nothing was validated before.
  @Test func errorsOfPartsGetTheTable() throws {
    #expect(
      inputError { try LowRankEstimator(rank: 0).validate(smallLayout()) }?.description
        == "rank: found 0, expected 1 to 65535")
    let rate: [String: OptionValue] = ["learning-rate": 0.1, "weight-decay": 0.5]
    let sgd = Composition.Part("sgd", rate)
    let wrong: [(Composition, String)] = [
      (.init(estimator: .init("cge", ["coordinates": 100_000]), rule: sgd), "estimator.coordinates: found 100000"),
      (
        .init(estimator: .init("rge"), rule: .init("sgd", ["learning-rate": 0.1, "schedule": "linear", "warmup": 9])),
        "rule.schedule: found linear over 4 steps with 9 of warm-up"
      ),
      (
        .init(estimator: .init("rge"), rule: sgd, adapter: .init("dizo", ["blocks": "heads"])),
        "adapter.blocks 'heads': found no such block among 6"
      ),
      (
        .init(estimator: .init("rge"), rule: sgd, adapter: .init("dizo", ["clip": "none", "bounds-probe": true])),
        "adapter.bounds-probe: found true without clip"
      ),
      (.init(estimator: .init("rge"), rule: sgd, adapter: .init("previous-iterate")), "rule.weight-decay: found 0.5"),
      (.init(estimator: .init("rge"), rule: sgd, nonFiniteLimit: 0), "run.non-finite-limit: found 0"),
    ]
    for (composition, sentence) in wrong {
      var optimizer = try registry.makeOptimizer(composition, runSteps: 4)
      let error = inputError { try optimizer.validate(smallLayout()) }
      #expect(error?.description.hasPrefix(sentence) == true, "\(error?.description ?? "")")
      var theta = try smallTheta()
      #expect(inputError { try optimizer.step(&theta, BatchQuadratic()) } == error)
    }
    let frozen = ParameterLayout.made([.init("w", rows: 2, columns: 2)])
    let lozo = try registry.makeOptimizer(.init(estimator: .init("lge", ["rank": 2]), rule: sgd), runSteps: 1)
    try lozo.validate(frozen)
  }

  @Test func optionsWithoutMeaningAreRefused() throws {
    let composition = Composition(
      estimator: .init("rge"), rule: .init("sgd", ["learning-rate": 0.1, "final": 0.5]))
    let error = inputError { _ = try registry.makeOptimizer(composition, runSteps: 4) }
    #expect(
      error?.description
        == "rule.final: found 0.5, which has no effect here, expected it only with schedule = linear or cosine")
  }

  @Test func aNameIsRegisteredOnce() throws {
    var registry = registry
    for name in ["rge", "randomized"] {
      let error = inputError {
        try registry.register(
          estimator: StrategyDescription(name, summary: "s", formula: "f", source: "-")
        ) { _ in RandomizedEstimator() }
      }
      #expect(error?.description == "estimator '\(name)': found the name registered twice, expected each name once")
    }
    let spaced = inputError {
      try registry.register(adapter: StrategyDescription("No Good", summary: "s", formula: "f", source: "-")) { _ in
        NoAdapter()
      }
    }
    #expect(spaced?.subject == "adapter name")
    let twice = inputError {
      try registry.register(
        adapter: StrategyDescription("x", summary: "s", formula: "f", source: "-", options: [.epsilon, .epsilon])
      ) { _ in NoAdapter() }
    }
    #expect(twice?.subject == "adapter 'x': option 'epsilon'")
  }

  @Test func aPresetNamesRegisteredParts() throws {
    var registry = registry
    let preset = OptimizerPreset(
      "mine", summary: "s", source: "-", tuning: "-", Composition(estimator: .init("rge"), rule: .init("muon")))
    #expect(inputError { try registry.register(optimizer: preset) }?.found == "no rule called 'muon'")
  }

  @Test func descriptionsAreJSON() throws {
    let json = registry.descriptions(of: .estimator)[1].json
    #expect(json["name"]?.string == "lge" && json["aliases"] == ["low-rank"])
    let rank = try #require(json["options"]?.elements?[0])
    #expect(rank["name"]?.string == "rank" && rank["type"]?.string == "an integer" && rank["default"]?.string == "2")
    #expect(rank["range"]?.string == "1 to 65535")
  }

  @Test func unknownNamesSuggest() throws {
    #expect(try registry.explain("lozo-m").map(\.0) == [.rule, .optimizer])
    #expect(inputError { _ = try registry.explain("lozom") }?.expected.contains("perhaps 'lozo-m'") == true)
    #expect(inputError { _ = try registry.preset("mzo") }?.expected.contains("perhaps 'mezo'") == true)
  }
}

// MARK: - Strategies of another package, on the public API alone

private struct OnePoint: GradientEstimator {
  typealias Direction = DenseDirection
  let epsilon: Double

  func forwards(at step: Int, in layout: ParameterLayout) -> Int { 1 }

  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<DenseDirection> {
    let z = DenseDirection(context.key.child(.plugin), layout: context.layout)
    let losses = try objective.losses(along: z, at: [Float(epsilon)], from: theta, on: context.batch)
    return GradientEstimate(terms: [(losses[0] / epsilon, z)], losses: losses, projectedGradient: losses[0])
  }
}

private struct NormalizedStep<D: Direction>: StepRule {
  typealias Direction = D
  let learningRate: Schedule

  mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> WeightedSum<D> {
    WeightedSum(estimate.terms.map { (Float($0.coefficient > 0 ? -1 : 1) * Float(learningRate(at: 0)), $0.direction) })
  }
}

private struct NormalizedStepFactory: RuleFactory {
  let description = StrategyDescription(
    "sign-step", summary: "Unit steps", formula: "-eta sign(c) z", source: "-", options: [OptionSpec.stepRule[0]])

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    NormalizedStep<D>(learningRate: Schedule(try options.double("learning-rate")))
  }
}

private struct HalfStep: LayerAdapter {
  let factor: Double

  mutating func scales<U: Direction, O: Objective & ~Copyable>(
    for update: U, at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> BlockScales {
    var scales = BlockScales.ones
    for block in context.layout.blocks { scales[block] = Float(factor) }
    return scales
  }
}

private func install(into registry: inout Registry) throws {
  try registry.register(
    estimator: StrategyDescription(
      "one-point", summary: "One loss", formula: "L z / eps", source: "-", options: [.epsilon])
  ) { OnePoint(epsilon: try $0.double("epsilon")) }
  try registry.register(rule: NormalizedStepFactory())
  try registry.register(
    adapter: StrategyDescription(
      "half", summary: "Smaller", formula: "s U", source: "-",
      options: [OptionSpec("factor", .double, default: .value(0.5), "s")])
  ) { HalfStep(factor: try $0.double("factor")) }
}

@Suite struct OutsideStrategyTests {
  @Test func outsideStrategiesComposeWithAll() throws {
    var registry = Registry.standard
    try install(into: &registry)
    let lr: [String: OptionValue] = ["learning-rate": 1e-4]
    let compositions = [
      Composition(estimator: .init("one-point"), rule: .init("sgd", lr)),
      Composition(estimator: .init("one-point"), rule: .init("sign-step", lr), adapter: .init("half")),
      Composition(estimator: .init("lge"), rule: .init("sign-step", lr), adapter: .init("dizo", ["interval": 2])),
      Composition(estimator: .init("lge"), rule: .init("lozo-m", lr), adapter: .init("half", ["factor": 0.25])),
    ]
    var ends: Set<[UInt32]> = [bits(try smallTheta())]
    for composition in compositions { ends.insert(try run(composition, steps: 4, registry: registry)) }
    #expect(ends.count == compositions.count + 1)
    let settings = try Settings(toml: "[estimator]\nname = \"one-pint\"\n", name: "a.toml")
    #expect(inputError { try require(settings, registry) }?.found == "nothing")
  }

  private func require(_ settings: Settings, _ registry: Registry) throws {
    _ = try RunConfiguration(settings, registry)
  }

  @Test func aLowRankRuleRefusesAnOutsideDenseEstimator() throws {
    var registry = Registry.standard
    try install(into: &registry)
    let composition = Composition(estimator: .init("one-point"), rule: .init("lozo-m", ["learning-rate": 0.1]))
    let error = inputError { _ = try registry.makeOptimizer(composition, runSteps: 2) }
    #expect(error?.subject == "rule 'lozo-m' with estimator 'one-point'")
  }

  @Test func aFactoryThatAsksForUndeclaredOptionsEndsInAnError() throws {
    var registry = Registry.standard
    try registry.register(
      estimator: StrategyDescription("careless", summary: "s", formula: "f", source: "-")
    ) { OnePoint(epsilon: try $0.double("epsilon")) }
    let composition = Composition(estimator: .init("careless"), rule: .init("sgd", ["learning-rate": 0.1]))
    let error = inputError { _ = try registry.makeOptimizer(composition, runSteps: 2) }
    #expect(error?.subject == "estimator 'careless': option 'epsilon'")
  }
}
