import ExamplePluginSwift
import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothPluginHost
import ZerothStrategies
import ZerothSupport
import ZerothTestKit

/// The rules and the adapter of the two examples, built by the package and loaded.
@Suite(.serialized) struct LoadedPartsTests {
  static let adaZO = Composition.Part("r-ada-zo", ["learning-rate": 0.01])
  static let projection = Composition.Part("example-projection", ["blocks": "all", "interval": 3])

  /// R-AdaZO as its paper has it (K one-sided queries on the sphere), beside the formula in double.
  @Test func rAdaZOIsItsFormula() throws {
    let (eta, b1, b2, zeta) = (0.01, 0.9, 0.99, 1e-8)
    let estimator = RandomizedEstimator(epsilon: 1e-2, queries: 3, sides: .one, distribution: .sphere)
    for checking in [false, true] {
      let registry = try Registry.loading(Libraries.exampleC, checking: checking)
      let quadratic = Quadratic()
      let layout = quadratic.layout
      var theta = quadratic.start()
      var optimizer = try registry.makeOptimizer(
        Composition(
          estimator: .init(
            "rge", ["epsilon": 1e-2, "queries": 3, "sides": "one-sided", "distribution": "sphere"]),
          rule: Self.adaZO, seed: 3), runSteps: 12)
      var plain = theta.flattened().map(Double.init)
      var m = plain.map { _ in 0.0 }
      var v = m
      for step in 0..<12 {
        var reference = quadratic.start()
        for (block, range) in zip(layout.blocks, layout.flatRanges) {
          reference.fill(block, with: plain[range].map(Float.init))
        }
        var estimator = estimator
        let g = estimator.estimate(
          at: reference, context: StepContext(step: step, runKey: StreamKey(seed: 3), layout: layout),
          objective: quadratic
        ).flattened(in: layout)
        for i in plain.indices {
          m[i] = b1 * m[i] + (1 - b1) * g[i]
          v[i] = b2 * v[i] + (1 - b2) * m[i] * m[i]
          plain[i] -= eta * m[i] / (v[i] + zeta).squareRoot()
        }
        try optimizer.step(&theta, quadratic)
        let largest = plain.reduce(0) { max($0, abs($1)) }
        for (a, b) in zip(theta.flattened(), plain) { #expect(abs(Double(a) - b) < 1e-5 * largest, "step \(step)") }
      }
    }
  }

  @Test func rulesKeepTheLawsOfRules() throws {
    var registry = try Registry.loading(Libraries.exampleC)
    try registry.load(plugin: Libraries.exampleSwift)
    func rule<D: Direction>(_ part: Composition.Part, for _: D.Type) throws -> any StepRule<D> {
      let parts = try registry.resolve(Composition(estimator: .init("lge"), rule: part), runSteps: 8)
      return try parts.rule.factory.make(for: D.self, parts.ruleOptions)
    }
    func check<R: StepRule>(
      _ rule: R, memoryless: (any StepRule<R.Direction>)? = nil, gain: Double?,
      _ estimator: some GradientEstimator<R.Direction>
    ) throws {
      try checkRuleLaws(of: rule, memoryless: memoryless as? R, gain: gain, estimates: estimator)
    }
    try check(rule(Self.adaZO, for: DenseDirection.self), gain: nil, RandomizedEstimator(queries: 2))
    try check(rule(Self.adaZO, for: LowRankProbe.self), gain: nil, LowRankEstimator(interval: 3, queries: 2))
    let nesterov = Composition.Part("nesterov", ["learning-rate": 0.1])
    let still = Composition.Part("nesterov", ["learning-rate": 0.1, "beta": 0])
    try check(
      rule(nesterov, for: DenseDirection.self), memoryless: rule(still, for: DenseDirection.self), gain: 1,
      RandomizedEstimator(queries: 2))
    try check(
      rule(.init("factored-momentum", ["learning-rate": 0.1]), for: LowRankProbe.self), gain: 1,
      LowRankEstimator(interval: 3, queries: 2))
  }

  @Test func theAdapterKeepsTheLawsOfAdapters() throws {
    let registry = try Registry.loading(Libraries.exampleC)
    func adapter(_ options: [String: OptionValue]) throws -> any LayerAdapter {
      let parts = try registry.resolve(
        Composition(
          estimator: .init("rge"), rule: .init("sgd", ["learning-rate": 0.1]),
          adapter: .init("example-projection", options)), runSteps: 8)
      return try parts.adapter.make(parts.adapterOptions)
    }
    func check<A: LayerAdapter>(_ adapter: A, identity: any LayerAdapter) throws {
      try checkAdapterLaws(
        of: adapter, selection: .roles("query", "value"), clip: 0.2, identity: try #require(identity as? A))
    }
    try check(adapter(["interval": 2]), identity: adapter(["interval": 2, "learning-rate": 0]))
  }

  @Test func rulesInSwiftAreWhatTheyAreCompiledIn() throws {
    var compiled = Registry.standard
    try compiled.register(rule: NesterovFactory())
    let options: [String: OptionValue] = [
      "learning-rate": 0.02, "schedule": "cosine", "final": 0.1, "weight-decay": 0.1,
    ]
    for checking in [false, true] {
      let registry = try Registry.loading(Libraries.exampleSwift, checking: checking)
      for estimator in [Composition.Part("rge", ["queries": 3]), .init("lge", ["interval": 3, "queries": 2])] {
        for adapter in ExamplePluginTests.adapters {
          let loaded = try run(estimator, .init("nesterov", options), adapter, in: registry)
          let built = try run(estimator, .init("nesterov", options), adapter, in: compiled)
          #expect(loaded == built)
        }
      }
      for generator in ["philox4x32", "mt19937"] {
        for adapter in ExamplePluginTests.adapters {
          let estimator = Composition.Part("lge", ["interval": 3])
          let loaded = try run(
            estimator, .init("factored-momentum", ["learning-rate": 0.02]), adapter, generator: generator,
            in: registry)
          let built = try run(
            estimator, .init("lozo-m", ["learning-rate": 0.02]), adapter, generator: generator, in: registry)
          #expect(loaded == built)
        }
      }
    }
  }

  /// A rule that needs factors goes with estimators that have them, and no others.
  @Test func theyAreDescribedAndComposeByWhatTheyNeed() throws {
    var registry = try Registry.loading(Libraries.exampleC)
    try registry.load(plugin: Libraries.exampleSwift)
    let rule = try registry.explain("r-ada-zo")[0].1
    #expect(rule.capabilities == ["takes all directions"] && rule.plugin?.name == "example-c")
    let names = ["learning-rate", "schedule", "warmup", "final", "schedule-steps", "schedule-drops", "weight-decay"]
    #expect(rule.options.map(\.name) == names + ["beta", "beta2", "stability"])
    #expect(try registry.explain("example-projection")[0].0 == .adapter)
    let refused = inputError {
      _ = try run(.init("rge"), .init("factored-momentum", ["learning-rate": 0.1]), in: registry)
    }
    #expect(
      refused?.expected.contains("low-rank directions, as estimators lge, low-rank-forward-gradient, five-point have")
        == true)
    let range = inputError {
      _ = try run(.init("rge"), .init("r-ada-zo", ["learning-rate": 0.1, "beta": 1]), in: registry)
    }
    #expect(range?.expected == "a number, at least 0, below 1")
    let blocks = inputError {
      _ = try run(
        .init("rge"), .init("sgd", ["learning-rate": 0.1]), .init("example-projection", ["blocks": "key"]),
        in: registry)
    }
    #expect(
      blocks?.description.contains("validate of adapter 'example-projection': adapter.blocks: found no trainable block")
        == true)
  }

  /// Every part loaded, saved after some steps and restored in an optimiser that has done nothing: bit for bit the run that
  /// was not interrupted.
  @Test(arguments: ["philox4x32", "mt19937"])
  func aCheckpointGoesOn(generator: String) throws {
    var registry = try Registry.loading(Libraries.exampleC)
    try registry.load(plugin: Libraries.exampleSwift)
    for (estimator, rule) in [
      (Composition.Part("example-rge", ["queries": 2]), Self.adaZO),
      (.init("example-rge"), .init("nesterov", ["learning-rate": 0.02])),
      (.init("five-point", ["interval": 3]), .init("factored-momentum", ["learning-rate": 0.02])),
      (.init("five-point", ["interval": 3]), .init("lozo-m", ["learning-rate": 0.02])),
    ] {
      let composition = Composition(
        estimator: estimator, rule: rule, adapter: Self.projection, seed: 3, generator: generator)
      try withFolder { folder in
        let quadratic = Quadratic()
        let path = "\(folder)/run.state"
        for cut in [0, 1, 4, 7] {
          var optimizer = try registry.makeOptimizer(composition, runSteps: 8)
          var theta = quadratic.start()
          for _ in 0..<cut { try optimizer.step(&theta, quadratic) }
          try optimizer.save(theta, to: path, also: { _ in })
          var other = try registry.makeOptimizer(composition, runSteps: 8)
          var restored = quadratic.start()
          try other.restore(&restored, from: path, also: { _ in })
          for _ in cut..<8 {
            try optimizer.step(&theta, quadratic)
            try other.step(&restored, quadratic)
          }
          #expect(theta.flattened() == restored.flattened(), "\(rule.name) after \(cut)")
          #expect(other.stateCount == optimizer.stateCount && other.stateCount > 0)
        }
      }
    }
  }

  /// A state is that of one strategy of one library.
  @Test func aStateOfAnotherStrategyIsRefused() throws {
    var registry = try Registry.loading(Libraries.exampleC)
    try registry.load(plugin: Libraries.exampleSwift)
    try withFolder { folder in
      let path = "\(folder)/run.state"
      let quadratic = Quadratic()
      func optimizer(_ rule: Composition.Part, in registry: Registry) throws -> any OptimizerProtocol {
        try registry.makeOptimizer(Composition(estimator: .init("rge"), rule: rule), runSteps: 8)
      }
      func refusal(_ rule: Composition.Part, in registry: Registry) throws -> String {
        var other = try optimizer(rule, in: registry)
        var theta = quadratic.start()
        return inputError { try other.restore(&theta, from: path, also: { _ in }) }?.description ?? ""
      }
      var first = try optimizer(Self.adaZO, in: registry)
      var theta = quadratic.start()
      try first.step(&theta, quadratic)
      try first.save(theta, to: path, also: { _ in })
      let nesterov = Composition.Part("nesterov", ["learning-rate": 0.02])
      #expect(
        try refusal(nesterov, in: registry).contains("rule.strategy: found r-ada-zo, expected nesterov"))
      try first.restore(&theta, from: path, also: { _ in })

      let other = "\(folder)/libother.so"
      try FileManager.default.copyItem(atPath: Libraries.exampleC, toPath: other)
      let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: other))
      try handle.seekToEnd()
      try handle.write(contentsOf: Data([0]))
      try handle.close()
      #expect(try refusal(Self.adaZO, in: .loading(other)).contains("rule.library: found example-c"))
    }
  }
}
