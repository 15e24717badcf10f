import CZerothPlugin
import ExamplePluginSwift
import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothPluginHost
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTestKit
import ZerothTraining

/// The estimators of the two examples, built by the package and loaded: the same numbers as those built in, bit for bit.
@Suite(.serialized) struct ExamplePluginTests {
  static let rules: [Composition.Part] = [
    .init("sgd", ["learning-rate": 0.02]), .init("sgd", ["learning-rate": 0.02, "weight-decay": 0.1]),
    .init("momentum", ["learning-rate": 0.02]),
  ]
  static let adapters: [Composition.Part] = [
    .init("none"), .init("dizo", ["interval": 3, "blocks": "all"]),
    .init("learning-rate-scaling", ["interval": 2, "blocks": "all"]),
  ]

  @Test(arguments: ["gaussian", "rademacher", "sphere"], ["two-sided", "one-sided"])
  func theCExampleIsRGE(distribution: String, sides: String) throws {
    for checking in [false, true] {
      let registry = try Registry.loading(Libraries.exampleC, checking: checking)
      for queries in [1, 3] {
        let options: [String: OptionValue] = [
          "epsilon": 0.01, "queries": .int(queries), "distribution": .string(distribution), "sides": .string(sides),
        ]
        for rule in Self.rules {
          for adapter in Self.adapters {
            let loaded = try run(.init("example-rge", options), rule, adapter, in: registry)
            #expect(loaded == (try run(.init("rge", options), rule, adapter, in: registry)))
          }
        }
      }
    }
  }

  /// What a library's option takes of schedules is the host's: a shape with a length gets that of the run.
  @Test func schedulesAreThoseOfTheBuiltInOne() throws {
    let registry = try Registry.loading(Libraries.exampleC)
    for (epsilon, queries) in [
      ("cosine(0.02, final=0.1)", "steps(1, 3=2, 5=1.5)"), ("inverse-sqrt(0.01, warmup=3)", "linear(4, final=0.25)"),
    ] {
      let options: [String: OptionValue] = ["epsilon": .string(epsilon), "queries": .string(queries)]
      let loaded = try run(.init("example-rge", options), in: registry)
      #expect(loaded == (try run(.init("rge", options), in: registry)))
      #expect(loaded != (try run(.init("rge"), in: registry)))
    }
    let fraction = inputError { _ = try run(.init("example-rge", ["queries": "steps(1.5, 3=2)"]), in: registry) }
    #expect(fraction?.description.contains("estimator.queries: found 1.5, expected an integer") == true)
  }

  @Test(arguments: ["mt19937", "ranlxd2"])
  func generatorsAreTheSame(generator: String) throws {
    var registry = try Registry.loading(Libraries.exampleC)
    try registry.load(plugin: Libraries.exampleSwift)
    var compiled = Registry.standard
    try compiled.register(FivePointEstimator.self)
    #expect(
      try run(.init("example-rge"), generator: generator, in: registry)
        == run(.init("rge"), generator: generator, in: registry))
    #expect(
      try run(.init("five-point"), generator: generator, in: registry)
        == run(.init("five-point"), generator: generator, in: compiled))
  }

  @Test func theSwiftExampleIsWhatItIsCompiledIn() throws {
    var compiled = Registry.standard
    try compiled.register(FivePointEstimator.self)
    let options: [String: OptionValue] = ["epsilon": 0.01, "rank": 2, "interval": 3]
    for checking in [false, true] {
      let registry = try Registry.loading(Libraries.exampleSwift, checking: checking)
      for rule in Self.rules + [.init("lozo-m", ["learning-rate": 0.02])] {
        for adapter in Self.adapters {
          let loaded = try run(.init("five-point", options), rule, adapter, in: registry)
          #expect(loaded == (try run(.init("five-point", options), rule, adapter, in: compiled)))
        }
      }
    }
  }

  @Test func bothKeepTheLawsOfEstimators() throws {
    func check<E: GradientEstimator>(_ estimator: E) throws { try checkEstimatorLaws(of: estimator) }
    for (path, part) in [
      (Libraries.exampleC, Composition.Part("example-rge", ["queries": 2])),
      (Libraries.exampleSwift, Composition.Part("five-point", ["interval": 2])),
    ] {
      let registry = try Registry.loading(path)
      let parts = try registry.resolve(
        Composition(estimator: part, rule: .init("sgd", ["learning-rate": 0.1])), runSteps: 4)
      try check(try parts.estimator.make(parts.estimatorOptions))
    }
  }

  @Test func theyAreDescribedAndComposeByWhatTheirDirectionsAllow() throws {
    var registry = try Registry.loading(Libraries.exampleC)
    try registry.load(plugin: Libraries.exampleSwift)
    #expect(registry.plugins.map(\.name) == ["example-c", "five-point"])
    let found = try registry.explain("example-rge")[0].1
    #expect(found.capabilities == ["produces directions without a common V"])
    #expect(found.options.map(\.name) == ["epsilon", "queries", "sides", "distribution"])
    #expect(found.options.map(\.defaultWords) == ["0.001", "1", "two-sided", "gaussian"])
    #expect(found.options[0].expected == "a number or a schedule, above 0")
    #expect(found.options[1].expected == "an integer or a schedule, 1 to 1000000")
    #expect(found.text.contains("plugin       example-c, \(Libraries.exampleC)"))
    #expect(try registry.explain("five-point")[0].1.capabilities == ["produces low-rank directions"])
    let lozo = Composition.Part("lozo-m", ["learning-rate": 0.1])
    let refused = inputError { _ = try run(.init("example-rge"), lozo, in: registry) }
    #expect(refused?.expected == "low-rank directions, as estimators lge, low-rank-forward-gradient, five-point have")
    let range = inputError { _ = try run(.init("example-rge", ["epsilon": -1]), in: registry) }
    #expect(range?.expected == "a number or a schedule, above 0")
    let rank = inputError { _ = try run(.init("five-point", ["rank": 100]), in: registry) }
    #expect(rank?.description.contains("estimator.rank: found 100, expected at most the sides of block") == true)
    let twice = inputError { try registry.load(plugin: Libraries.exampleC) }
    #expect(twice?.found.contains("'example-c'") == true)
  }

  @Test func theNumbersInTheHeaderAreThoseOfTheFramework() {
    let purposes: [(StreamKey.Purpose, Int)] = [
      (.step, ZEROTH_PLUGIN_KEY_STEP), (.left, ZEROTH_PLUGIN_KEY_LEFT), (.right, ZEROTH_PLUGIN_KEY_RIGHT),
      (.query, ZEROTH_PLUGIN_KEY_QUERY), (.block, ZEROTH_PLUGIN_KEY_BLOCK), (.plugin, ZEROTH_PLUGIN_KEY_OTHER),
    ]
    for (purpose, number) in purposes { #expect(purpose.rawValue == UInt64(number)) }
  }
}
